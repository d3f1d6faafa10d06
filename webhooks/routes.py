"""POST /webhooks/stripe: verify the raw bytes, store the event, answer. Nothing is applied here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from models.atomic import DatabaseUnavailable
from provider import EventRefused, SignatureRefused, verify_event
from services import inbox

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024  # Stripe's largest events are some hundred kilobytes
READ_SECONDS = 10.0  # Stripe itself gives up after about as long
PATH = "/webhooks/stripe"


def stripe_webhooks(*, secrets: Sequence[str], endpoint: inbox.Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """What answers Stripe's posts.

    200: stored, or known already. 400: not signed by Stripe, or not an event. 405: not a POST. 413: too large.
    408: the body did not arrive in time. 415: not JSON. 503: could not be stored, send it again. Bodies are never
    logged.
    """

    async def receive(request: Request) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return _answer(415, "Send application/json.")
        try:
            async with asyncio.timeout(READ_SECONDS):
                raw = await _read(request)
        except TimeoutError:
            return _answer(408, f"The body must arrive within {READ_SECONDS:.0f} s.")
        except ClientDisconnect:
            return _answer(400, "The body never arrived.")
        if raw is None:
            return _answer(413, f"The body may have at most {MAX_BODY_BYTES} bytes.")
        try:
            event = verify_event(raw, request.headers.get("stripe-signature"), secrets=secrets, now=datetime.now(UTC))
        except (SignatureRefused, EventRefused) as refused:
            log.warning("webhook.refused", reason=str(refused))
            return _answer(400, str(refused))
        try:
            await inbox.receive(event, endpoint)
        except DatabaseUnavailable:
            return _answer(503, "Not stored; send it again.")
        return _answer(200, "stored")

    return receive


async def _read(request: Request) -> bytes | None:
    """The whole body, or None as soon as it is too large, however it is sent."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _answer(status: int, text: str) -> Response:
    return Response(text, status_code=status, media_type="text/plain", headers={"Cache-Control": "no-store"})
