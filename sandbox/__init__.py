"""The offline Stripe: Stripe's HTTP API, spoken by an ASGI application that remembers in one file.

It keeps Stripe's rules (idempotency, state machines, refunds, events, signatures) and can misbehave on command. It
imports nothing of ours but the currencies.
"""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.books import Books, books
from sandbox.control import run_timers
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults
from sandbox.http import Dropped, StripeApi
from sandbox.ledger import Ledger
from sandbox.store import Store

__all__ = ["Books", "Sandbox"]

DELIVERY_TICK_SECONDS = 0.1


class Sandbox:
    """One offline Stripe account.

    `path` is its file, which several processes may share; None keeps everything in memory. Webhooks go to
    `webhook_url`, signed with `webhook_secret`. `faults_enabled` opens the levers under /_sandbox.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        webhook_transport: httpx.AsyncBaseTransport | None = None,
        faults_enabled: bool = False,
    ) -> None:
        self._store = Store(path)
        self._faults = Faults(self._store)
        self._deliveries = (
            Deliveries(self._store, self._faults, webhook_url, webhook_secret, webhook_transport)
            if webhook_url and webhook_secret
            else None
        )
        self._webhooks = path is not None or self._deliveries is not None
        self.asgi: ASGIApp = StripeApi(
            self._store,
            self._faults,
            webhooks=self._webhooks,
            faults_enabled=faults_enabled,
            public_url=_origin(webhook_url),
        )

    def transport(self) -> httpx.AsyncBaseTransport:
        """The API without a network; broken connections become httpx's errors at once."""
        return _InProcess(self.asgi)

    def fault(self, **rule: Any) -> int:
        """Put a fault in force; see `sandbox.faults.Fault`."""
        return self._faults.add(**rule)

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, with how often each has matched."""
        return self._faults.all()

    def clear_faults(self) -> None:
        """Behave again."""
        self._faults.clear()

    def advance(self, seconds: float) -> None:
        """Move the clock forward and let happen what is due by then."""
        with self._store.transaction():
            self._store.move_clock(seconds)
            run_timers(Ledger(self._store, webhooks=self._webhooks))

    def snapshot(self) -> Books:
        """What Stripe holds."""
        return books(self._store)

    def forget(self) -> None:
        """Become an empty account."""
        self._store.forget()

    async def deliver_due(self) -> int:
        """Send the webhooks that are due, once; the number of attempts."""
        return await self._deliveries.due() if self._deliveries else 0

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            if not await self.deliver_due():
                await asyncio.sleep(DELIVERY_TICK_SECONDS)

    async def close(self) -> None:
        self._store.close()


def _origin(url: str | None) -> str:
    """Where a browser finds the 3DS page: beside the application that the webhooks go to."""
    parts = urlsplit(url or "http://127.0.0.1:8000")
    return f"{parts.scheme}://{parts.netloc}"


class _InProcess(httpx.AsyncBaseTransport):
    """Hands requests to the application, and turns its broken connections into network errors."""

    def __init__(self, app: ASGIApp) -> None:
        async def marked(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "sandbox.in_process": True}, receive, send)

        self._inner = httpx.ASGITransport(marked)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except Dropped as dropped:
            if dropped.timed_out:
                raise httpx.ReadTimeout("timed out", request=request) from None
            raise httpx.ReadError("connection broken", request=request) from None
