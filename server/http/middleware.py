"""Middleware around every route: request ids, the access log, security headers, CORS and a body cap."""

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.ids import new_hex
from server.http.cross_origin import USUAL_HEADERS, AllowedHeaders, AllowedOrigins, CrossOrigin
from server.http.errors import Code, Problem, masked, report_bug
from server.http.logs import log_request

log = structlog.stdlib.get_logger("server.http")

REQUEST_ID_HEADER: Final = "X-Request-Id"
RAW_REQUEST_ID_HEADER: Final = REQUEST_ID_HEADER.lower().encode()
UNREAD_REFUSALS: Final = frozenset({400, 401, 404, 405, 406, 413, 415})  # Refusals that do not need the body.
DISCARD_SECONDS: Final = 1.0
DISCARD_BYTES: Final = 64 * 1024 * 1024


def add_middleware(
    app: ASGIApp,
    *,
    allowed_origins: AllowedOrigins,
    allowed_headers: Iterable[str] = (),
    https_only: bool,
    max_body_bytes: int,
) -> ASGIApp:
    """Wrap the application in its middleware: id and log outermost, then headers, CORS, body cap.

    `allowed_headers` are more header names for preflights than pages usually send.
    """
    app = BodyCap(app, max_bytes=max_body_bytes)
    app = CrossOrigin(app, allowed_origins, AllowedHeaders((*USUAL_HEADERS, *allowed_headers)))
    app = SecurityHeaders(app, https_only=https_only)
    return RequestLog(app)


def new_request_id() -> str:
    """Make an id for one request; ids sent by clients are never used."""
    return f"req_{new_hex()}"


def request_id_of(scope: Scope) -> str:
    """Return the id of this request, made now when there is no `RequestLog` in front."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        state["request_id"] = new_request_id()
    return str(state["request_id"])


class RequestLog:
    """Gives each request an id and one `http.request` line without query string, and masks an exception."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = request_id = new_request_id()
        status = 0
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                others = (header for header in message["headers"] if header[0] != RAW_REQUEST_ID_HEADER)
                message["headers"] = [*others, (RAW_REQUEST_ID_HEADER, request_id.encode())]
            await send(message)

        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the outermost edge: a bug becomes a masked 500
            report_bug("http.crashed", error)
            if status == 0:
                body = {"errors": [masked().to_json(request_id)]}
                await JSONResponse(body, status_code=500)(scope, receive, send_with_id)
        finally:
            log_request(
                log,
                method=_short(scope["method"]),
                path=_short(scope["path"]),
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
                request_id=request_id,
            )
            structlog.contextvars.reset_contextvars(**bound)


async def answer_crash(request: Request, error: Exception) -> Response:
    """Answer a masked 500: the handler of a framework's `Exception`, which runs before `RequestLog`'s."""
    return JSONResponse({"errors": [masked().to_json(request_id_of(request.scope))]}, status_code=500)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer a framework's `HTTPException`, mostly an unknown path, in the format of every error of this API."""
    assert isinstance(error, HTTPException), "registered for another exception"
    reason = HTTPStatus(error.status_code).name
    message = "There is no such page." if error.status_code == HTTPStatus.NOT_FOUND else f"{error.detail}."
    problem = Problem(message=message, code=Code.BAD_REQUEST, reason=reason)
    body = {"errors": [problem.to_json(request_id_of(request.scope))]}
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)


class SecurityHeaders:
    """Adds the headers that every answer has unless the route set its own."""

    def __init__(self, app: ASGIApp, *, https_only: bool) -> None:
        self.app = app
        headers = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Cache-Control": "no-store",
        }
        if https_only:
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in self._headers if one[0] not in names)]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class BodyCap:
    """Bounds the body of every route to `max_bytes`, and makes sure that a refusal reaches a client that still sends.

    A route with a lower limit counts for itself; this cap is the last resort for routes that have none. When a route
    refuses early, the rest of the body is discarded for a moment: closing with unread bytes resets the connection, and
    the client would see a broken pipe instead of the reason.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(receive, self.max_bytes)
        started = False

        async def send_after_body(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if message["status"] in UNREAD_REFUSALS and not _waits_for_leave(scope):
                    await body.discard_rest()
            await send(message)

        try:
            await self.app(scope, body.receive, send_after_body)
        except _TooMuch:
            if not started:
                await _too_large(scope)(scope, receive, send_after_body)


class _Body:
    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._taken = 0
        self._ended = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        if self._taken > self._max_bytes:
            raise _TooMuch
        return message

    async def discard_rest(self) -> None:
        discarded = 0
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                while not self._ended and discarded < DISCARD_BYTES:
                    message = await self._receive()
                    discarded += len(message.get("body", b""))
                    self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        except TimeoutError:
            return


def _too_large(scope: Scope) -> Response:
    problem = Problem(message="The body is too large.", code=Code.BAD_REQUEST, reason="BODY_TOO_LARGE")
    body = {"errors": [problem.to_json(request_id_of(scope))]}
    return JSONResponse(body, status_code=413, headers={"Connection": "close"})


def _waits_for_leave(scope: Scope) -> bool:
    """Return True for a client that waits for 100 Continue before it sends the body; reading would send it."""
    return Headers(scope=scope).get("expect", "").lower() == "100-continue"


class _TooMuch(BaseException):
    """A BaseException, so that no route's `except Exception` turns the cap into another answer."""


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"
