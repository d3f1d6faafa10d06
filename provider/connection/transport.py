"""The HTTP client of Stripe's library: with limits, timeouts and our errors, and without retries of its own."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import httpx
import orjson
import stripe
import structlog
from yarl import URL

from domain.deadlines import Deadline
from provider.failures import TOO_LATE, NothingSent, SentTooLate

log = structlog.get_logger(__name__)

MAX_SKEW_SECONDS: Final = 60.0  # a fifth of a webhook signature's tolerance
CONNECT_SECONDS: Final = 5.0  # Stripe answers a handshake in far less, and nothing has been sent until then
MOST_CONNECTIONS: Final = 100
# Less than the five seconds after which many servers close: we close first, and never send on a closing connection.
IDLE_SECONDS: Final = 4.0
LONGEST_HEADER_BYTES: Final = 65_536  # a longer header would make the outcome of every answer unknown

Answer = tuple[bytes, int, Mapping[str, str]]


@dataclass(slots=True)
class Departure:
    """The first byte of a request: its deadline, and whether it may have been sent."""

    until: Deadline
    has_begun: bool = False

    def check(self) -> None:
        """Raise SentTooLate after the deadline."""
        if self.until.is_over:
            raise SentTooLate(TOO_LATE)  # type: ignore[no-untyped-call]  # stripe's has no types

    def begin(self) -> None:
        """Record that the first byte leaves now. Raises as `check` does."""
        self.check()
        self.has_begun = True


# Stripe's library stands between the caller and the transport, and passes nothing of ours through.
_departure: ContextVar[Departure] = ContextVar("departure")


@contextmanager
def departing(until: Deadline) -> Iterator[None]:
    """Set the deadline of the one request that is made inside this context."""
    token = _departure.set(Departure(until))
    try:
        yield
    finally:
        _departure.reset(token)


class Transport(stripe.HTTPClient):
    """Carries the requests of Stripe's library, each once, and each within `timeout_seconds` to its last byte.

    `before_request` runs before each request leaves: the composer uses it to assert that no transaction is open.
    `clock_skew_seconds` is the lead of our clock over Stripe's at the last answer.
    """

    name = "ours"

    def __init__(self, *, timeout_seconds: float, before_request: Callable[[], None]) -> None:
        super().__init__()
        self._timeout_seconds = timeout_seconds
        self.clock_skew_seconds = 0.0
        self._before_request = before_request
        self._date: str | None = None

    async def request_async(self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None) -> Answer:
        self._before_request()
        content = post_data.encode() if isinstance(post_data, str) else post_data
        departure = _departure.get()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                body, status, answered = await self.carry(method, url, headers, content, departure)
        except TimeoutError:
            kind = stripe.APIConnectionError if departure.has_begun else NothingSent
            raise kind("TimeoutError") from None  # type: ignore[no-untyped-call]  # stripe's have no types
        self._compare_clocks(answered.get("date"))
        return _readable(body), status, answered

    async def carry(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, departure: Departure
    ) -> Answer:
        """Send one request, once. Raises NothingSent when no byte of it was sent, else APIConnectionError.

        `departure.begin` is called right before its first byte.
        """
        raise NotImplementedError

    def _compare_clocks(self, date: str | None) -> None:
        """Log an error when this machine's clock is wrong: beyond 300 s every webhook would be refused."""
        if date == self._date:
            return  # the header has seconds only: this one was compared
        self._date = date
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
        raise NotImplementedError

    def close(self) -> None:
        """Do nothing: there is no synchronous client."""


class NetworkTransport(Transport):
    """Uses the network, by aiohttp: a third of the cost of a call by httpx. Build it inside the running loop."""

    name = "aiohttp"

    def __init__(self, *, timeout_seconds: float, before_request: Callable[[], None]) -> None:
        super().__init__(timeout_seconds=timeout_seconds, before_request=before_request)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=MOST_CONNECTIONS,
                keepalive_timeout=IDLE_SECONDS,
                use_dns_cache=False,
                resolver=aiohttp.ThreadedResolver(),  # the machine's resolver, whatever else is installed
                ssl=_trusting(),
            ),
            # The whole call is limited outside: aiohttp's own limits are rounded up, or begin anew with each piece.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_SECONDS, timeout_seconds)),
            request_class=_Request,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "gzip, deflate"},
            middlewares=(_once,),
            max_line_size=LONGEST_HEADER_BYTES,
            max_field_size=LONGEST_HEADER_BYTES,
            trust_env=False,
        )

    async def carry(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, departure: Departure
    ) -> Answer:
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, data=content, allow_redirects=False
            ) as answer:
                return await answer.read(), answer.status, answer.headers
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # Only opening a connection raises these two.
            raise NothingSent(type(error).__name__) from None  # type: ignore[no-untyped-call]  # stripe's has no types
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]  # as above

    async def close_async(self) -> None:
        await self._session.close()


class LocalTransport(Transport):
    """Uses no network: an `httpx` transport answers in this process (the offline Stripe, tests)."""

    name = "httpx"

    def __init__(
        self, transport: httpx.AsyncBaseTransport, *, timeout_seconds: float, before_request: Callable[[], None]
    ) -> None:
        super().__init__(timeout_seconds=timeout_seconds, before_request=before_request)
        self._client = httpx.AsyncClient(transport=transport, timeout=timeout_seconds, trust_env=False)

    async def carry(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, departure: Departure
    ) -> Answer:
        departure.begin()
        try:
            answer = await self._client.request(method, url, headers=dict(headers), content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NothingSent(type(error).__name__) from None  # type: ignore[no-untyped-call]  # stripe's has no types
        except (httpx.HTTPError, OSError) as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]  # as above
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        await self._client.aclose()


class _Request(aiohttp.ClientRequest):
    """A request whose deadline is checked once it has a connection, right before its first byte is written."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self._departure: Departure = _departure.get()

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        # A request with a body is written by `write_bytes`, which may run a turn of the loop later.
        if self.body:
            self._departure.check()
        else:
            self._departure.begin()
        return await super().send(conn)

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        try:
            self._departure.begin()
        except SentTooLate as late:
            conn.protocol.set_exception(late)  # read by the code that waits for the answer
            return
        await super().write_bytes(writer, conn, content_length)


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a GET over another connection: only the run loop decides on retries."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from None


def _trusting() -> Any:
    """Return a TLS context as httpx makes it: certifi's authorities, the name checked, no environment."""
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _readable(content: bytes) -> bytes:
    """Return the body if it is a JSON object like Stripe's, else an empty one: the library fails on all others."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:  # orjson is stricter than the library, for example about lone surrogates
        try:
            body = json.loads(content.decode())
        except (ValueError, RecursionError):
            return b"{}"
    return content if isinstance(body, dict) and isinstance(body.get("error", {}), dict) else b"{}"
