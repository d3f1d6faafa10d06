"""Protocol classes for uvicorn with the connection limits that it lacks.

A connection counts against the quota of its address, and has a few seconds for each header and each body. Headers are
bounded, and bytes sent after a request do not keep a connection open. A client that stops reading is disconnected. A
stream over HTTP learns that the server shuts down (uvicorn itself closes a WebSocket with 1012). WebSocket messages are
neither logged nor answered without bound.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server.access.client_addresses import network_of
from server.access.connection_quotas import AddressQuota, Place
from server.graphql.event_stream import LEAVING
from server.http.errors import Code, Problem
from server.http.middleware import new_request_id

GRACEFUL_SECONDS: Final = 4  # uvicorn finishes requests within this; the rest of the ten seconds drains shielded work
STALLED_SECONDS: Final = 30.0  # A connected client needs less time to read 64 KiB.
FRAME_BYTES: Final = 64 * 1024
PING_SECONDS: Final = 20.0
NOT_UTF8: Final = 1007

TARGET_BYTES: Final = 128 * 1024  # of a request line: a document of 100 KiB may be sent by GET
HEADER_BYTES: Final = 64 * 1024  # of all header fields; browsers, proxies and tokens fill a tenth of it
HEADER_FIELDS: Final = 100
# A body of 100 KiB takes longer only from a client that stalls. Routes that read one answer 408 before that.
BODY_SECONDS: Final = 15.0
PIPELINED: Final = 20  # requests queued behind the one being answered
LINGER_SECONDS: Final = 1.0  # closing with unread bytes would reset the connection, and the answer would be lost


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The number of connections of a process, and how long a connection may stay idle."""

    connections: int = 4_096
    per_address: int | None = 256  # None: all come from a proxy, which bounds them
    header_seconds: float = 10.0
    idle_seconds: float = 5.0


class HttpRefusal(Enum):
    """The reason for closing a connection that cannot be served."""

    TOO_MANY_CONNECTIONS = 429, "Too many connections are open from this address. Close some, or try again later."
    HEADER_TIMEOUT = 408, "The header did not arrive in time."
    HEADER_TOO_LARGE = 431, f"The header is too large; {HEADER_BYTES} bytes in {HEADER_FIELDS} fields are allowed."
    TARGET_TOO_LONG = 414, f"The address is too long; {TARGET_BYTES} bytes are allowed."
    INVALID_HTTP = 400, "This is not HTTP/1.1."
    INVALID_HANDSHAKE = 400, "This begins no WebSocket, or a line of its header has more than 8,192 bytes."

    def answer(self) -> bytes:
        """Build the whole response, in the format of every error of this API."""
        status, message = self.value
        problem = Problem(
            message=message,
            code=Code.BAD_REQUEST,
            reason=self.name,
            retryable=self in (HttpRefusal.TOO_MANY_CONNECTIONS, HttpRefusal.HEADER_TIMEOUT),
        )
        request_id = new_request_id()
        body = orjson.dumps({"errors": [problem.to_json(request_id)]})
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            f"x-request-id: {request_id}",
            *(["retry-after: 10"] if self is HttpRefusal.TOO_MANY_CONNECTIONS else []),
            "connection: close",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


class _Refused(Exception):
    """Stops the parser in the middle of a request; the parser reports it like malformed HTTP."""


class _StallTimeout(asyncio.Protocol):
    """Disconnects a client that does not read: a clean close would wait until it does."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_read()
        super().connection_lost(exc)

    def _is_read(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


class _Expects(Enum):
    """The part of a request that the client has to send next."""

    HEADER = "header"
    BODY = "body"
    FRAMES = "frames"  # another protocol has taken the connection over


class HttpConnection(_StallTimeout, HttpToolsProtocol):
    """An HTTP connection bounded in time and bytes, whose streams end when the server begins to shut down."""

    def __init__(self, *positional: Any, quota: AddressQuota, limits: ConnectionLimits, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.timeout_keep_alive = limits.idle_seconds  # type: ignore[assignment]  # uvicorn only passes it to a timer
        self.url = b""
        self._leaving = asyncio.Event()
        self._quota = quota
        self._header_seconds = limits.header_seconds
        self._place: Place | None = None
        self._expects = _Expects.HEADER
        self._late: asyncio.TimerHandle | None = None  # runs while a header or a body is being received
        self._held = 0  # bytes received since the last complete part of a request
        self._header_bytes = 0
        self._header_fields = 0
        self._refusal: HttpRefusal | None = None

    # -- the connection ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._place = self._quota.acquire(network_of(self.client[0]) if self.client else "")
        if self._place is None:
            self._refusal = HttpRefusal.TOO_MANY_CONNECTIONS
            transport.write(self._refusal.answer())
            self._close()
        else:
            self._late = self.loop.call_later(self._header_seconds, self._header_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        if self._place is not None:
            self._place.release()

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._held += len(data)
        super().data_received(data)
        if self._late is None and self._refusal is None:
            self._expect_more()
        if self._held > HEADER_BYTES and self._held - len(self.url) > HEADER_BYTES:
            self._refuse(HttpRefusal.HEADER_TOO_LARGE)

    def handle_websocket_upgrade(self) -> None:
        self._in_time()
        self._expects = _Expects.FRAMES
        super().handle_websocket_upgrade()
        upgraded = self.transport.get_protocol()
        assert isinstance(upgraded, WebSocketConnection), "uvicorn's other class for WebSockets"
        upgraded.place, self._place = self._place, None
        if not upgraded.handshake_initiated:  # the websockets library rejected the header, and uvicorn does not notice
            self.transport.write(HttpRefusal.INVALID_HANDSHAKE.answer())
            self._close()

    def shutdown(self) -> None:
        super().shutdown()
        self._leaving.set()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    # -- the parser ----------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINED:
            raise _Refused
        super().on_message_begin()
        self.scope["state"][LEAVING] = self._leaving
        self._header_bytes = self._header_fields = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES:
            self._refuse(HttpRefusal.TARGET_TOO_LONG)
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        self._header_fields += 1
        if self._header_bytes > HEADER_BYTES or self._header_fields > HEADER_FIELDS:
            self._refuse(HttpRefusal.HEADER_TOO_LARGE)
            raise _Refused
        if self._expects is _Expects.HEADER:  # trailers of a body must not be read as its headers
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._held = 0
        self._in_time()
        self._expects = _Expects.BODY
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._held = 0
        self._in_time()
        self._expects = _Expects.HEADER
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
        elif self._late is not None:
            self._unset_keepalive_if_required()  # a body or a partial header has a timeout of its own

    def send_400_response(self, msg: str) -> None:
        self._refuse(HttpRefusal.INVALID_HTTP)

    # -- limits --------------------------------------------------------------------------------------------------------

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_more(self) -> None:
        """Start the timeout of a partial header or body; between requests, none runs while one is being answered."""
        if self._expects is _Expects.BODY:
            self._late = self.loop.call_later(BODY_SECONDS, self._body_is_late)
        elif self._expects is _Expects.HEADER and (self._held or not self._is_answering):
            self._late = self.loop.call_later(self._header_seconds, self._header_is_late)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _header_is_late(self) -> None:
        self._late = None
        if self._is_answering:
            self.cycle.keep_alive = False  # it is closed after the answer
        elif self._held:
            self._refuse(HttpRefusal.HEADER_TIMEOUT)
        else:
            self._close()

    def _body_is_late(self) -> None:
        """Close the connection, so that a route that still waits for the body learns that it will not come."""
        self._late = None
        self._close()

    def _refuse(self, refusal: HttpRefusal) -> None:
        """Send a refusal and close, once; only close when an answer has already begun."""
        if self._refusal is not None:
            return
        self._refusal = refusal
        self._in_time()
        self._unset_keepalive_if_required()
        if self._is_answering or self.transport.is_closing():
            self._close()
            return
        self.transport.write(refusal.answer())
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _close(self) -> None:
        """Close when the written bytes are read, but do not wait for that without end."""
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(STALLED_SECONDS, self.transport.abort)


class WebSocketConnection(_StallTimeout, WebSocketsSansIOProtocol):
    """A WebSocket connection that never logs its messages."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.place: Place | None = None  # passed on by the HTTP connection it was upgraded from
        # Held at WARNING: below it, lines hold the address with its query string, and every frame with its token.
        self.logger = self.conn.logger = logging.getLogger("uvicorn.websocket")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.place is not None:
            self.place.release()

    def handle_ping(self) -> None:
        pong = self.conn.data_to_send()
        if self.writable.is_set():  # a client that does not read gets no pongs; they would pile up
            self.transport.write(b"".join(pong))

    def send_receive_event_to_app(self) -> None:
        try:
            b"".join(self.frames).decode() if self.curr_msg_data_type == "text" else None
        except UnicodeDecodeError:
            self.conn.fail(NOT_UTF8)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


class Connections:
    """A factory and counter of the connections of one process, used in place of uvicorn's protocol class.

    It is pickled to the processes that uvicorn starts, before there is any connection.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._quota = AddressQuota(limits.connections, per_address=limits.per_address, of="connections")

    def __call__(self, *positional: Any, **named: Any) -> HttpConnection:
        return HttpConnection(*positional, quota=self._quota, limits=self._limits, **named)


def options(limits: ConnectionLimits | None = None) -> Mapping[str, Any]:
    """Return the options for uvicorn's `Config`. Each server needs options of its own."""
    return {
        "log_config": None,
        "access_log": False,
        "timeout_graceful_shutdown": GRACEFUL_SECONDS,
        "http": Connections(limits or ConnectionLimits()),
        "ws": WebSocketConnection,
        "ws_max_size": FRAME_BYTES,
        "ws_ping_interval": PING_SECONDS,
        "ws_ping_timeout": PING_SECONDS,
        "ws_per_message_deflate": False,  # its saving on small messages is not worth its memory for each socket
        "proxy_headers": False,  # TRUSTED_PROXIES decides; uvicorn would trust every client on this machine
    }
