"""A small cluster for crash tests: a Stripe and a database that survive, and applications that do not."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import uvicorn

from database.connection import parse_url
from sandbox import Sandbox
from tests.crash.processes.proxy import DatabaseProxy
from tests.support.line_process import LineProcess
from tests.support.shop import JWT_SECRET, STAFF, WEBHOOK_SECRET, Client, Json, token

START_SECONDS = 60.0  # on a machine with other work a start may take long; a bound, not a measure
POLL_SECONDS = 0.01


@dataclass
class Application:
    """One running process of the application."""

    pid: int
    http: httpx.AsyncClient

    @property
    def buyer(self) -> Client:
        return Client(self.http, token("buyer", "payments:pay"))

    @property
    def staff(self) -> Client:
        return Client(self.http, token("clerk", STAFF))

    def kill(self) -> None:
        """kill -9."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the process; its connections stay, and the kernel goes on answering for it."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue a frozen process."""
        os.kill(self.pid, signal.SIGCONT)

    async def gone(self) -> None:
        """Wait until the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(self.pid, 0)
                await asyncio.sleep(POLL_SECONDS)


@dataclass
class Cluster:
    """Stripe over loopback HTTP, PostgreSQL behind a proxy, and a process factory."""

    sandbox: Sandbox
    proxy: DatabaseProxy
    folder: Path
    process_factory: LineProcess
    database: str
    stripe_port: int
    started: list[Application] = field(default_factory=list)

    @asynccontextmanager
    async def application(
        self, *, worker: bool, variants: Sequence[str] = (), **changes: Any
    ) -> AsyncIterator[Application]:
        """Start a process that serves, without webhooks, poller and sweeper; killed at the end.

        `variants` are applied to make it wrong; see `tests.attack.variants`.
        """
        port = _free_port()
        settings: Json = {
            "database_url": f"postgresql://postgres@/{self.database}?host={self.proxy.folder}",
            "stripe_secret_key": "sk_test_town",
            "stripe_api_base": f"http://127.0.0.1:{self.stripe_port}",
            "stripe_webhook_secrets": WEBHOOK_SECRET,
            "auth_jwt_secret": JWT_SECRET,
            "environment": "test",
            "rate_limits": "off",
            "connections_per_address": 100_000,  # all clients are on loopback
            "streams_per_address": 100_000,
            "paygraph_dir": str(self.folder / "state"),
            "stripe_timeout_seconds": 5.0,
            "stripe_requests_per_second": 10_000.0,
            "stripe_requests_per_endpoint": 10_000.0,
            "lease_seconds": 0.4,
            "worker_tick_seconds": 0.03,
            "live_notifications": False,  # the statements before a kill are counted, and notifications come at any time
            "worker_webhooks": False,
            "worker_poller": False,
            "worker_sweeper": False,
            **changes,
        }
        log = str(self.folder / "application.log")
        pid = self.process_factory.ask(settings=settings, port=port, worker=worker, log=log, variants=list(variants))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=15) as http:
            running = Application(pid, http)
            self.started.append(running)
            try:
                await self._answers(running)
                yield running
            finally:
                running.kill()
                await running.gone()

    async def _answers(self, running: Application) -> None:
        async with asyncio.timeout(START_SECONDS):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await running.http.get("/healthz")).status_code == 200:
                        return
                await asyncio.sleep(POLL_SECONDS)


def _free_port() -> int:
    """Return an unused port. Not a Unix socket: anyio's stream over one fails when its reader is cancelled."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def open_cluster(process_factory: LineProcess, database_url: str, folder: Path) -> AsyncIterator[Cluster]:
    """Open Stripe and the proxy for one test."""
    sandbox = Sandbox(None, faults_enabled=True)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(sandbox.asgi, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    parts = urlsplit(database_url)
    target = Path(parse_qs(parts.query)["host"][0]) / ".s.PGSQL.5432"
    try:
        async with DatabaseProxy(folder / "pg", target) as proxy:
            yield Cluster(
                sandbox=sandbox,
                proxy=proxy,
                folder=folder,
                process_factory=process_factory,
                database=parts.path.lstrip("/"),
                stripe_port=listener.getsockname()[1],
            )
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving
        await sandbox.close()


async def settled(client: Client, mutation: str, with_key: str, **variables: Any) -> Json:
    """Send the same mutation with the same key until it is decided, as a client on a bad network does."""
    async with asyncio.timeout(20):
        while True:
            try:
                payload = await client.do(mutation, **variables, key=with_key)
            except (httpx.TransportError, AssertionError):
                await asyncio.sleep(POLL_SECONDS)
                continue
            if not any(error["retryable"] for error in payload["errors"]):
                return payload
            await asyncio.sleep(0.05)


async def until_idle(url: str) -> None:
    """Wait until no operation is open: the janitor has done its work."""
    connection = await asyncpg.connect(**parse_url(url))
    try:
        async with asyncio.timeout(20):
            while await connection.fetchval("SELECT count(*) FROM operation WHERE due IS NOT NULL"):
                await asyncio.sleep(0.02)
    finally:
        await connection.close()
