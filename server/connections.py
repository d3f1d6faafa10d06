"""How uvicorn serves us: its limits, and what its connections lack for streams that last.

A client that stops reading is cut off, a stream over HTTP learns that the server leaves (a WebSocket is closed with
1012 by uvicorn itself), and what a client sends on a WebSocket is neither logged nor answered without bound.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server.event_stream import LEAVING

GRACEFUL_SECONDS: Final = 4  # uvicorn finishes requests within this; the rest of the ten seconds drains shielded work
STALLED_SECONDS: Final = 30.0  # Nobody who is still there takes longer to read 64 KiB.
FRAME_BYTES: Final = 64 * 1024
PING_SECONDS: Final = 20.0
NOT_UTF8: Final = 1007


class _Impatient(asyncio.Protocol):
    """Cuts off a client that does not read: closing politely would wait until it does."""

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


class HttpConnection(_Impatient, HttpToolsProtocol):
    """An HTTP connection whose streams end when the server begins to leave."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._leaving = asyncio.Event()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][LEAVING] = self._leaving

    def shutdown(self) -> None:
        super().shutdown()
        self._leaving.set()


class WebSocketConnection(_Impatient, WebSocketsSansIOProtocol):
    """A WebSocket connection that keeps quiet about what it carries."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        # Held at WARNING: below, lines tell the address with its query string, and every frame with its token.
        self.logger = self.conn.logger = logging.getLogger("uvicorn.websocket")

    def handle_ping(self) -> None:
        pong = self.conn.data_to_send()
        if self.writable.is_set():  # who does not read gets no pongs; they would pile up
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


OPTIONS: Final[Mapping[str, Any]] = {
    "log_config": None,
    "access_log": False,
    "timeout_graceful_shutdown": GRACEFUL_SECONDS,
    "http": HttpConnection,
    "ws": WebSocketConnection,
    "ws_max_size": FRAME_BYTES,
    "ws_ping_interval": PING_SECONDS,
    "ws_ping_timeout": PING_SECONDS,
    "ws_per_message_deflate": False,  # what it saves on small messages is not worth its memory for each socket
}
