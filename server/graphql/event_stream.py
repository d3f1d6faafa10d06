"""Response streams over HTTP: server-sent events (graphql-sse) and Apollo's multipart subscriptions.

Protocols: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md (distinct connections mode) and
https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final, Protocol

import orjson
from starlette.types import Receive, Scope, Send

from server.graphql.subscriptions import RESTARTING, TOKEN_EXPIRED, run_until_one_ends, wait_until_expired
from server.http.errors import Problem, RequestRefused
from server.http.middleware import REQUEST_ID_HEADER
from server.http.negotiation import SUBSCRIPTION_SPEC, StreamMedia
from server.http.request_context import RequestOrigin

Errors = Sequence[Mapping[str, object]]

LEAVING: Final = "leaving"  # Key in the ASGI scope's state: an asyncio.Event, set when the server begins to shut down.


class Framing(Protocol):
    """The framing of one streaming protocol."""

    content_type: str
    opening: bytes
    heartbeat: bytes
    complete: bytes

    def next(self, payload: bytes) -> bytes:
        """Frame one answer, which is JSON already."""

    def failed(self, errors: Errors) -> bytes:
        """Frame the end of a stream that cannot continue."""

    def cut(self, errors: Errors) -> bytes:
        """Frame the end of a stream that the client should open again."""


class ServerSentEvents:
    """Frames graphql-sse: events `next` and `complete`; comments keep the connection alive. Lines end in LF alone."""

    content_type = f"{StreamMedia.EVENTS}; charset=utf-8"
    opening = b":\n\n"
    heartbeat = b":\n\n"
    complete = b"event: complete\ndata: \n\n"

    def next(self, payload: bytes) -> bytes:
        return b"event: next\ndata: " + payload + b"\n\n"

    def failed(self, errors: Errors) -> bytes:
        return self.next(orjson.dumps({"errors": errors})) + self.complete

    def cut(self, errors: Errors) -> bytes:
        return b""  # A stream that ends without `complete` was interrupted: clients reconnect.


class MultipartSubscription:
    """Frames Apollo's protocol: each part ends with the next boundary, so that a client can parse it at once."""

    content_type = f'{StreamMedia.MULTIPART};boundary="graphql";subscriptionSpec={SUBSCRIPTION_SPEC}'
    opening = b"\r\n--graphql"
    heartbeat = b"\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql"
    complete = b"--\r\n"

    def next(self, payload: bytes) -> bytes:
        return self.heartbeat.replace(b"{}", b'{"payload":' + payload + b"}")

    def failed(self, errors: Errors) -> bytes:
        return self.heartbeat.replace(b"{}", orjson.dumps({"payload": None, "errors": errors})) + self.complete

    def cut(self, errors: Errors) -> bytes:
        return self.failed(errors)


FRAMINGS: Final[Mapping[StreamMedia, Framing]] = {
    StreamMedia.EVENTS: ServerSentEvents(),
    StreamMedia.MULTIPART: MultipartSubscription(),
}


async def send_stream(
    scope: Scope,
    receive: Receive,
    send: Send,
    answers: AsyncGenerator[bytes, None],
    media: StreamMedia,
    origin: RequestOrigin,
    heartbeat_seconds: float,
) -> None:
    """Send the answers as they come, until they end, a side disconnects, the server leaves, or the token expires."""
    framing = FRAMINGS[media]

    async def put(body: bytes, *, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})

    def render(*problems: Problem) -> Errors:
        return [problem.to_json(origin.request_id) for problem in problems]

    async def forward() -> bytes:
        try:
            async for payload in answers:
                await put(framing.next(payload))
                del payload  # frees its memory: the next answer may be long in coming
        except RequestRefused as refused:
            return framing.failed(render(*refused.problems))
        return framing.complete

    async def send_heartbeats() -> bytes:
        while True:
            await asyncio.sleep(heartbeat_seconds)
            await put(framing.heartbeat)

    async def wait_until_gone() -> bytes:
        while (await receive())["type"] != "http.disconnect":
            pass
        return b""

    async def expire() -> bytes:
        await wait_until_expired(origin.caller)
        return framing.failed(render(TOKEN_EXPIRED))

    async def wait_until_leaving() -> bytes:
        await scope["state"].get(LEAVING, asyncio.Event()).wait()
        return framing.cut(render(RESTARTING))

    async with aclosing(answers):
        await send({"type": "http.response.start", "status": 200, "headers": _headers(framing, origin)})
        await put(framing.opening)
        last = await run_until_one_ends(forward(), wait_until_gone(), expire(), wait_until_leaving(), send_heartbeats())
        await put(last, more=False)


async def stream_one(payload: bytes) -> AsyncGenerator[bytes, None]:
    """Return the stream of a query or mutation: its one answer."""
    yield payload


def _headers(framing: Framing, origin: RequestOrigin) -> list[tuple[bytes, bytes]]:
    headers = {
        "Content-Type": framing.content_type,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Accel-Buffering": "no",  # nginx would buffer the events
        "Vary": "Accept, Accept-Language",
        REQUEST_ID_HEADER: origin.request_id,
    }
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
