"""The offline Stripe: Stripe's HTTP API as an ASGI application that stores its state in one file.

It keeps Stripe's rules (idempotency, state machines, refunds, events, signatures) and injects faults on request. It
imports nothing of Paygraph but the currencies. It never sees a card number: only the names of Stripe's test methods.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import timers
from sandbox.account.settings import change, read
from sandbox.books import Books, books
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults
from sandbox.http.application import Dropped, StripeApi
from sandbox.ledger import Ledger
from sandbox.store import Store

__all__ = ["Books", "Sandbox"]

DELIVERY_TICK_SECONDS = 0.1


class Sandbox:
    """One offline Stripe account.

    `path` is its file, which several processes may share; None keeps everything in memory. Webhooks go to
    `webhook_url`, signed with `webhook_secret`, through `webhook_transport` if one is passed. `faults_enabled` opens
    the test controls under /_sandbox, on loopback only; the methods here always work. `settings` choose the kind of
    account, see `sandbox.account.settings`.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        webhook_transport: httpx.AsyncBaseTransport | None = None,
        faults_enabled: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._store = Store(path)
        self._settings = dict(settings or {})
        self.set_up(**self._settings)
        self._faults = Faults(self._store)
        self._deliveries = (
            Deliveries(self._store, self._faults, webhook_url, webhook_secret, webhook_transport)
            if webhook_url and webhook_secret
            else None
        )
        self._webhooks = path is not None or self._deliveries is not None  # another process may deliver a file's
        self._api = StripeApi(
            self._store,
            self._faults,
            webhooks=self._webhooks,
            faults_enabled=faults_enabled,
            public_url=_origin(webhook_url),
        )
        self.asgi: ASGIApp = self._api

    def transport(self) -> httpx.AsyncBaseTransport:
        """The API as an httpx transport without a network; broken connections become httpx's errors at once."""
        return _InProcess(self.asgi)

    def fault(self, **rule: Any) -> int:
        """Add a fault and return its number; see `sandbox.faults.Fault`."""
        return self._faults.add(**rule)

    def faults(self) -> list[dict[str, Any]]:
        """List the faults in force, with how often each has matched and fired."""
        return self._faults.all()

    def clear_faults(self, number: int | None = None) -> None:
        """Remove one fault, or all of them."""
        self._faults.clear(number)

    def set_up(self, **settings: str) -> None:
        """Change the settings of the account. Raises ValueError for an unknown setting or value."""
        change(self._store, settings)

    def settings(self) -> dict[str, str]:
        """Return the settings of the account."""
        return read(self._store)

    def advance(self, seconds: float) -> None:
        """Move the clock forward and run all timers that are due by then. Raises ValueError for negative seconds."""
        with self._store.transaction():
            self._store.move_clock(seconds)
            timers.run_due(self._ledger())

    def settle(self, identity: str | None = None, *, outcome: str | None = None) -> int:
        """Make the bank's delayed decision now; see `sandbox.timers.settle_now`."""
        with self._store.transaction():
            return timers.settle_now(self._ledger(), identity, outcome)

    def snapshot(self) -> Books:
        """Return all that Stripe holds."""
        return books(self._store)

    def forget(self) -> None:
        """Reset to an empty account, with the real time and no faults."""
        self._store.forget()
        self.set_up(**self._settings)

    async def deliver_due(self) -> int:
        """Send the webhooks that are due, once; returns the number of attempts."""
        timers.run_due(self._ledger())
        return await self._deliveries.due() if self._deliveries else 0

    async def run(self) -> None:
        """Deliver webhooks until cancelled; failed ones are retried after growing pauses."""
        while True:
            try:
                attempts = await self.deliver_due()
            except sqlite3.OperationalError:  # another process holds the file's lock for very long
                attempts = 0
            if not attempts:
                await asyncio.sleep(DELIVERY_TICK_SECONDS)

    async def close(self) -> None:
        """Close the file."""
        self._api.close()
        self._store.close()

    def _ledger(self) -> Ledger:
        return Ledger(self._store, webhooks=self._webhooks)


def _origin(url: str | None) -> str:
    """Return the origin of the 3DS page: the one of the application that receives the webhooks."""
    parts = urlsplit(url or "http://127.0.0.1:8000")
    return f"{parts.scheme}://{parts.netloc}"


class _InProcess(httpx.AsyncBaseTransport):
    """Passes requests to the application, and turns its broken connections into network errors."""

    def __init__(self, app: ASGIApp) -> None:
        async def marked(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "sandbox.in_process": True}, receive, send)

        self._inner = httpx.ASGITransport(marked)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        patience = request.extensions.get("timeout", {}).get("read")
        try:
            async with asyncio.timeout(patience):
                return await self._inner.handle_async_request(request)
        except TimeoutError:
            raise httpx.ReadTimeout("timed out", request=request) from None
        except Dropped as dropped:
            match dropped.how:
                case "refused":
                    raise httpx.ConnectError("connection refused", request=request) from None
                case "timed out":
                    raise httpx.ReadTimeout("timed out", request=request) from None
            raise httpx.ReadError("connection broken", request=request) from None
