"""Answers on their way: Stripe's headers, a trickle, a connection that breaks, a request that never ends."""

import asyncio
from dataclasses import dataclass
from email.utils import formatdate

from starlette.requests import Request
from starlette.types import Receive, Send

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 60.0  # a request that "times out" over a network ends then, if its client does not disconnect
CORS = {
    "access-control-allow-headers": "*, Authorization, Idempotency-Key, Stripe-Version",
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Request-Id, Stripe-Should-Retry",
}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One response."""

    status: int
    body: str
    headers: dict[str, str]
    byte_seconds: float | None = None  # before each byte of the body, for a trickle


async def send_answer(answer: HttpAnswer, request: Request, send: Send) -> None:
    """Send an answer with the headers that all of Stripe's have."""
    body = answer.body.encode()
    fields = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "date": formatdate(usegmt=True),
        **CORS,
        **answer.headers,
    }
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if answer.byte_seconds is not None:
        await _trickle(body, answer.byte_seconds, request, send)
    await send({"type": "http.response.body", "body": b"" if answer.byte_seconds is not None else body})


async def _trickle(body: bytes, byte_seconds: float, request: Request, send: Send) -> None:
    """Send a body one byte at a time, until it ends or the client disconnects."""
    for byte in body:
        await asyncio.sleep(byte_seconds)
        if await request.is_disconnected():
            return
        await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})


async def until_gone(request: Request) -> None:
    """Wait until the client disconnects, within bounds."""
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        if await request.is_disconnected():
            return
        await asyncio.sleep(POLL_SECONDS)


async def cut(send: Send) -> None:
    """Announce more than is sent, so that the server breaks the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"100000"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{"})


async def live(receive: Receive, send: Send) -> None:
    """Answer the lifespan protocol; there is nothing to start or stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
