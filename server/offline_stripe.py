"""The offline Stripe, started when there is no key, or on loopback for another program's tests."""

import asyncio
import socket
import sqlite3

import httpx
import uvicorn

from sandbox import Sandbox
from server.runtime import webhook_secrets
from server.serving import Server
from settings import Settings, SettingsError

FILE = "stripe.sqlite3"


def offline_stripe(
    settings: Settings, *, webhook_url: str | None, webhook_transport: httpx.AsyncBaseTransport | None = None
) -> Sandbox | None:
    """Make the offline Stripe, its state under the state folder; None with a real key or another Stripe address."""
    if not settings.offline or settings.stripe_api_base is not None:
        return None
    return _sandbox(settings, webhook_url=webhook_url, webhook_transport=webhook_transport)


class OfflineStripe:
    """The offline Stripe as a server of its own, on sockets that are already bound."""

    def __init__(self, settings: Settings, *, webhook_url: str | None) -> None:
        self._sandbox = _sandbox(settings, webhook_url=webhook_url)
        self._server = Server(uvicorn.Config(self._sandbox.asgi, log_config=None, access_log=False))

    @property
    def started(self) -> bool:
        """True when it has answered its first request, or could have."""
        return self._server.started

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Serve, and send webhooks, until Ctrl-C."""
        delivering = asyncio.create_task(self._sandbox.run())
        try:
            await self._server.serve(sockets)
        finally:
            delivering.cancel()
            await self._sandbox.close()


def _sandbox(
    settings: Settings, *, webhook_url: str | None, webhook_transport: httpx.AsyncBaseTransport | None = None
) -> Sandbox:
    """Make the offline Stripe. Raises SettingsError for a state file that cannot be used."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    path = settings.state_dir / FILE
    secret = webhook_secrets(settings)[0]
    try:
        return Sandbox(
            path,
            webhook_url=webhook_url,
            webhook_secret=secret,
            webhook_transport=webhook_transport,
            faults_enabled=settings.sandbox_faults,
        )
    except sqlite3.OperationalError:
        raise SettingsError(f"PAYGRAPH_DIR: {path} cannot be opened, written, or locked.") from None
    except sqlite3.DatabaseError:
        raise SettingsError(f"PAYGRAPH_DIR: {path} is no file of the offline Stripe's: move it away.") from None
