"""POST /webhooks/stripe: verify the raw bytes, store the event, answer. Nothing is applied here."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from database.transactions import DatabaseUnavailable
from provider import EventRefused, SignatureRefused, verify_event
from services.inbox import inbox

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024  # Stripe's largest events are some hundred kilobytes
MOST_DIGITS = 18  # of a Content-Length; a longer number is invalid, and slow to parse
READ_SECONDS = 10.0  # Stripe itself gives up after about as long
PATH = "/webhooks/stripe"
HEADERS: Final = ((b"cache-control", b"no-store"), (b"content-type", b"text/plain; charset=utf-8"))

Answer = tuple[int, str]


class StripeWebhooks:
    """Answers Stripe's posts, in plain ASGI: a framework's request and response cost as much as the insert.

    200: stored, or known already. 400: not signed by Stripe, or not an event. 405: not a POST. 413: too large. 408: the
    body did not arrive in time. 415: not JSON. 503: could not be stored, send it again. Bodies are never logged.
    """

    def __init__(self, *, secrets: Sequence[str], endpoint: inbox.Endpoint) -> None:
        self._secrets = secrets
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, text = await self._answer(scope, receive)
        body = text.encode()
        headers = [*HEADERS, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # the first of repeated headers counts
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            return 415, "Send application/json."
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and (len(declared) > MOST_DIGITS or int(declared) > MAX_BODY_BYTES):
            return _too_large()
        try:
            async with asyncio.timeout(READ_SECONDS):
                raw = await _read(receive)
        except TimeoutError:
            return 408, f"The body must arrive within {READ_SECONDS:.0f} s."
        if raw is None:
            return 400, "The body never arrived."
        if len(raw) > MAX_BODY_BYTES:
            return _too_large()
        signature = headers.get(b"stripe-signature", b"").decode("latin-1")
        try:
            event = verify_event(raw, signature, secrets=self._secrets, now=datetime.now(UTC))
        except (SignatureRefused, EventRefused) as refused:
            log.warning("webhook.refused", reason=str(refused))
            return 400, str(refused)
        try:
            await inbox.receive(event, self._endpoint)
        except DatabaseUnavailable:
            return 503, "Not stored; send it again."
        return 200, "stored"


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, or the part that is already too much; None when the client disconnects before its end."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES or not message.get("more_body", False):
            return b"".join(chunks)


def _too_large() -> Answer:
    return 413, f"The body may have at most {MAX_BODY_BYTES} bytes."
