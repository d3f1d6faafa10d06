"""Stripe's library over our own HTTP client: limits, time limits, no retries of its own, our errors' vocabulary."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
import stripe
import structlog

from provider.failures import NothingSent

log = structlog.get_logger()

MAX_SKEW_SECONDS: Final = 60.0  # a fifth of what a webhook's signature tolerates


class HttpxTransport(stripe.HTTPClient):
    """Carries the `stripe` library's requests over one `httpx.AsyncClient`.

    `before_request` runs before each request leaves: the composer uses it to assert that no transaction is open.
    `clock_skew_seconds` is how far our clock was ahead of Stripe's at the last answer.
    """

    name = "httpx"

    def __init__(
        self,
        *,
        timeout_seconds: float,
        before_request: Callable[[], None],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__()
        self.clock_skew_seconds = 0.0
        self._before_request = before_request
        self._client = httpx.AsyncClient(
            transport=transport,
            # 5 s to connect: Stripe answers a handshake in far less, and nothing has been sent until then.
            timeout=httpx.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds)),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
            follow_redirects=False,
            trust_env=False,
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        self._before_request()
        content = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            response = await self._client.request(method, url, headers=dict(headers), content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NothingSent(type(error).__name__) from None  # type: ignore[no-untyped-call]  # stripe's has no types
        except (httpx.HTTPError, OSError) as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]  # as above
        self._compare_clocks(response.headers.get("date"))
        return _readable(response.content), response.status_code, response.headers

    def _compare_clocks(self, date: str | None) -> None:
        """Notice when this machine's clock is wrong: beyond 300 s every webhook would be refused."""
        try:
            theirs = parsedate_to_datetime(date or "")
        except ValueError:
            return
        if theirs.tzinfo is None:
            return
        before, self.clock_skew_seconds = self.clock_skew_seconds, (datetime.now(UTC) - theirs).total_seconds()
        if abs(self.clock_skew_seconds) > MAX_SKEW_SECONDS >= abs(before):
            log.error("clock.skew", seconds=round(self.clock_skew_seconds))

    async def close_async(self) -> None:
        await self._client.aclose()

    def close(self) -> None:
        """Nothing to do: there is no synchronous client."""


def _readable(content: bytes) -> bytes:
    """The body if it is such a JSON object as Stripe sends, else an empty one: the library trips over all others."""
    try:
        body = json.loads(content.decode())
    except (ValueError, RecursionError):
        return b"{}"
    return content if isinstance(body, dict) and isinstance(body.get("error", {}), dict) else b"{}"
