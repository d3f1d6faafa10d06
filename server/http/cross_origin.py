"""CORS: the pages that may read answers, and the headers they may send. No cookies, so no credentials."""

import re
import time
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.redaction import redact_text

log = structlog.stdlib.get_logger("server.cross_origin")

# Headers that real pages send besides their own: tracing adds its headers to every request of a page, and GraphQL
# clients name themselves. None of them changes what this API does.
USUAL_HEADERS: Final = (
    *("accept", "accept-language", "authorization", "cache-control", "content-language", "content-type"),
    *("last-event-id", "pragma", "x-correlation-id", "x-request-id", "x-requested-with"),
    *("baggage", "traceparent", "tracestate"),  # W3C, OpenTelemetry
    *("sentry-trace", "x-datadog-*", "b3", "x-b3-*", "uber-trace-id", "newrelic", "x-newrelic-*"),
    *("elastic-apm-traceparent", "request-id", "request-context", "x-amzn-trace-id", "x-cloud-trace-context"),
    *(
        "apollo-require-preflight",
        "apollographql-client-*",
        "x-apollo-*",
        "graphql-client-*",
        "graphql-require-preflight",
    ),
)
METHODS: Final = "GET, POST"
EXPOSED: Final = "X-Request-Id, Retry-After"
MAX_AGE_SECONDS: Final = "600"
MOST_HEADERS: Final = 64  # that one preflight may ask for; a page with every known tracer sends about twenty
LONGEST_REQUEST: Final = 4_096  # bytes of Access-Control-Request-Headers that are read
SECONDS_BETWEEN_LINES: Final = 10.0  # between log lines about refusals: a stranger's page must not fill the log
_HEADER_NAME: Final = re.compile(r"[a-z0-9!#$%&'+.^_`|~-]{1,128}")


class AllowedOrigins:
    """The origins whose pages may read answers: the listed ones, and with `loopback` any page of this machine."""

    def __init__(self, listed: Iterable[str], *, loopback: bool = False) -> None:
        """Raises ValueError for a wildcard."""
        self._listed = frozenset(listed)
        self._loopback = loopback
        if any("*" in origin for origin in self._listed):
            raise ValueError("ALLOWED_ORIGINS lists exact origins; a wildcard would let any page read answers.")

    def __bool__(self) -> bool:
        return self._loopback or bool(self._listed)

    def __contains__(self, origin: object) -> bool:
        return isinstance(origin, str) and (origin in self._listed or (self._loopback and is_loopback(origin)))


def is_loopback(origin: str) -> bool:
    """Return True for the origin of a page that was served by the browser's own machine."""
    try:
        parts = urlsplit(origin)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class AllowedHeaders:
    """A set of request header names; a name that ends in `*` stands for all with its prefix."""

    def __init__(self, names: Iterable[str]) -> None:
        lowered = [name.lower() for name in names]
        self._exact = frozenset(name for name in lowered if not name.endswith("*"))
        self._prefixes = tuple(name.removesuffix("*") for name in lowered if name.endswith("*"))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._exact or name.startswith(self._prefixes))


class CrossOrigin:
    """Answers preflights, and lets the pages of allowed origins read the answers to their requests.

    A preflight is answered with the requested headers that are allowed: the browser refuses a request with any other
    header, and names it to the page's developer. A refusal is also logged, with the setting that would allow it.
    """

    def __init__(self, app: ASGIApp, origins: AllowedOrigins, headers: AllowedHeaders) -> None:
        self.app = app
        self._origins = origins
        self._headers = headers
        self._refusals = _SeldomLine()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_headers = Headers(scope=scope)
        origin = request_headers.get("origin")
        if scope["method"] == "OPTIONS" and origin is not None and "access-control-request-method" in request_headers:
            await self._preflight(origin, request_headers)(scope, receive, send)
            return
        readable = {}
        if origin is not None and origin in self._origins:
            readable = {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                headers.add_vary_header("Origin")
                headers.update(readable)
                message["headers"] = headers.raw
            await send(message)

        await self.app(scope, receive, send_with_origin if self._origins else send)

    def _preflight(self, origin: str, request_headers: Headers) -> Response:
        vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        if origin not in self._origins:
            self._refusals.write(setting="ALLOWED_ORIGINS", origin=_shown(origin))
            return PlainTextResponse("This origin is not allowed.", status_code=403, headers={"Vary": vary})
        requested = list(_names(request_headers.getlist("access-control-request-headers")))
        if refused := [name for name in requested if name not in self._headers]:
            self._refusals.write(setting="ALLOWED_HEADERS", origin=_shown(origin), header=_shown(refused[0]))
        answer = {
            "Vary": vary,
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Max-Age": MAX_AGE_SECONDS,
        }
        if allowed := [name for name in requested if name in self._headers]:
            answer["Access-Control-Allow-Headers"] = ", ".join(allowed)
        return Response(status_code=204, headers=answer)


def _names(lines: Iterable[str]) -> Iterator[str]:
    """Read the header names that a preflight asks for, in lower case; bounded in number and length."""
    names = ", ".join(lines)[:LONGEST_REQUEST].split(",", MOST_HEADERS)[:MOST_HEADERS]
    return (name for raw in names if _HEADER_NAME.fullmatch(name := raw.strip(" \t").lower()))


def _shown(text: str) -> str:
    return redact_text(text[:200])


class _SeldomLine:
    """Writes a log line at most once in some seconds, with the number of lines left out since."""

    def __init__(self) -> None:
        self._next = 0.0
        self._left_out = 0

    def write(self, **ids: str) -> None:
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return
        log.warning("cors.refused", left_out=self._left_out, **ids)
        self._next, self._left_out = now + SECONDS_BETWEEN_LINES, 0
