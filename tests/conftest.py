"""One PostgreSQL for all tests, a template built by the migrations, and a clone of it for each test."""

import asyncio
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import structlog
from fasteners import InterProcessLock

from database.connection import migrate, parse_url
from database.embedded import FAST_AND_FORGETFUL, EmbeddedPostgres
from server.serving import raise_file_limit
from tests.support.shop import Shop, open_shop, settings_for

TEMPLATE = "paygraph_template"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of an unguessable name in it, as in any folder for temporary files
ENOUGH_MEMORY = 4 << 30  # bytes; `make attack` fills a million rows
OUTER_RUN = "OUTER_RUN"  # the environment's word for the run whose server a run inside it shares


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _as_many_files_as_a_server() -> None:
    """Raise the limit of open files as a server does: crowds of clients stand beside it in one process here."""
    raise_file_limit()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings away from the tests."""
    for name in list(os.environ):
        if name.startswith(("STRIPE_", "AUTH_", "DATABASE_", "PAYGRAPH_")) or name in ("ENVIRONMENT", "CURRENCIES"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Restore the logging configuration after a test that changes it."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse all network access beyond loopback."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"a test wanted to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[EmbeddedPostgres]:
    """Start the server shared by all workers of a run; the first worker builds the template."""
    root = tmp_path_factory.getbasetemp()
    run = Path(os.environ.get(OUTER_RUN) or (root.parent if worker_id != "master" else root))
    home = _temporary_folder() / f"paygraph-tests-{_name(run)}"
    home.mkdir(mode=0o755, exist_ok=True)
    server = EmbeddedPostgres(home, options=FAST_AND_FORGETFUL)
    ready = home / "template.json"
    with InterProcessLock(home / "lock"):
        url = server.start()
        if not ready.exists():
            asyncio.run(_build_template(url, server.url(TEMPLATE)))
            ready.write_text(json.dumps({"template": TEMPLATE}))
    yield server
    with InterProcessLock(home / "lock"):
        server.stop()
        if not (server.folder / "postmaster.pid").exists():
            shutil.rmtree(home, ignore_errors=True)
            shutil.rmtree(server.folder, ignore_errors=True)


def _temporary_folder() -> Path:
    """Return a folder in memory where there is room: each test copies the 300 files of the template."""
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).total >= ENOUGH_MEMORY
    return MEMORY if in_memory else Path(tempfile.gettempdir())


def _name(run: Path) -> str:
    return hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:10]


async def _build_template(url: str, template_url: str) -> None:
    connection = await asyncpg.connect(**parse_url(url))
    try:
        await connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
        await migrate(template_url)
    finally:
        await connection.close()


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Make a database with all migrations, for one test."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(**parse_url(postgres.url("postgres")))
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY file_copy')
        yield postgres.url(name)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def shop(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """Open the whole application with the offline Stripe, for one test; `shop_settings` marks other settings."""
    marked = request.node.get_closest_marker("shop_settings")
    changes = marked.kwargs if marked is not None else {}
    async with open_shop(settings_for(database_url, tmp_path / "state", **changes)) as opened:
        yield opened
