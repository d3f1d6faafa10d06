"""Clients of the offline Stripe: the real `stripe` library, plain HTTP, and a receiver of webhooks."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import stripe

from sandbox import Sandbox

Json = dict[str, Any]

KEY = "sk_test_desk"
SECRET = "whsec_test"
DAY = 86_400.0
CARD = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}


class Carrier(stripe.HTTPClient):
    """Carries the library's requests over one httpx client."""

    name = "httpx"

    def __init__(self, transport: httpx.AsyncBaseTransport | None) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(transport=transport, timeout=10, trust_env=False)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            response = await self._client.request(method, url, headers=dict(headers), content=post_data)
        except httpx.TransportError as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]  # untyped
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        await self._client.aclose()


@dataclass
class WebhookReceiver(httpx.AsyncBaseTransport):
    """Receives webhooks. Answers `status`, or breaks the connection when that is 0."""

    requests: list[httpx.Request] = field(default_factory=list)
    status: int = 200

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        if not self.status:
            raise httpx.ConnectError("nobody is there")
        return httpx.Response(self.status)

    @property
    def events(self) -> list[Json]:
        """The received events, in order of arrival."""
        return [json.loads(request.content) for request in self.requests]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


@dataclass
class StripeAccount:
    """One account: the library (`v1`), plain HTTP with a secret key (`http`) and without any (`browser`)."""

    sandbox: Sandbox
    client: stripe.StripeClient
    http: httpx.AsyncClient
    browser: httpx.AsyncClient
    webhooks: WebhookReceiver

    @property
    def v1(self) -> Any:
        """Return the library's services. Untyped: its types are too precise for the tests' deliberate mistakes."""
        return cast(Any, self.client.v1)

    async def intent(self, method: str | None = "pm_card_visa", amount: int = 10_000, **more: Any) -> Any:
        """Create an intent, not confirmed."""
        given = {"payment_method": method} if method else {}
        return await self.v1.payment_intents.create_async(
            {"amount": amount, "currency": "usd", "capture_method": "automatic", **CARD, **given, **more}
        )

    async def pay(self, method: str = "pm_card_visa", amount: int = 10_000, **more: Any) -> Any:
        """Create and confirm an intent; with the latest charge."""
        intent = await self.intent(method, amount, **more)
        return await self.v1.payment_intents.confirm_async(intent.id, {"expand": ["latest_charge"]})

    async def again(self, intent: Any) -> Any:
        """Read the intent again; with the latest charge."""
        return await self.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})

    async def refund(self, intent: Any, amount: int | None = None, **more: Any) -> Any:
        given = {"payment_intent": intent.id, **more} | ({"amount": amount} if amount else {})
        return await self.v1.refunds.create_async(given)

    async def lever(self, method: str, path: str, given: Any = None) -> Any:
        """Call a test control."""
        response = await self.browser.request(method, f"/_sandbox/{path}", json=given)
        assert response.status_code == 200, response.text
        return response.json()

    def events(self, *types: str) -> list[Json]:
        """List the events of these types that Stripe made, oldest first."""
        return [event for event in self.sandbox.snapshot().events if not types or event["type"] in types]

    def clear(self) -> None:
        """Forget the received events."""
        self.webhooks.requests.clear()


@asynccontextmanager
async def open_account(
    path: Path | None = None, *, base: str = "http://stripe", network: bool = False, sandbox: Sandbox | None = None
) -> AsyncIterator[StripeAccount]:
    """Open an account for one test; `network` goes over sockets to `base` instead of staying in the process."""
    webhooks = WebhookReceiver()
    own = sandbox or Sandbox(
        path,
        webhook_url="http://shop.test/webhooks/stripe",
        webhook_secret=SECRET,
        webhook_transport=webhooks,
        faults_enabled=True,
    )
    transport = None if network else own.transport()
    plain = None if network else httpx.ASGITransport(own.asgi)
    carrier = Carrier(transport)
    client = stripe.StripeClient(KEY, base_addresses={"api": base}, max_network_retries=0, http_client=carrier)
    headers = {"Authorization": f"Bearer {KEY}"}
    try:
        async with (
            httpx.AsyncClient(transport=transport, base_url=base, headers=headers, trust_env=False) as http,
            httpx.AsyncClient(transport=plain, base_url=base, trust_env=False) as browser,
        ):
            yield StripeAccount(own, client, http, browser, webhooks)
    finally:
        await carrier.close_async()
        if sandbox is None:
            await own.close()
