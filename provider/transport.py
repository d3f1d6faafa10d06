"""Stripe's library over our own HTTP client: limits, time limits, no retries of its own, our errors' vocabulary."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import stripe

from provider.failures import NothingSent


class HttpxTransport(stripe.HTTPClient):
    """Carries the `stripe` library's requests over one `httpx.AsyncClient`.

    `before_request` runs before each request leaves: the composer uses it to assert that no transaction is open.
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
        return _readable(response.content), response.status_code, response.headers

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
