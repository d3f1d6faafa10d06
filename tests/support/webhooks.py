"""Webhooks in tests: their signatures, the events to send, and their processing."""

import json
import time
from typing import Any

import stripe

from tests.support.shop import WEBHOOK_SECRET, Json, Shop


def signature(raw: bytes, secret: str = WEBHOOK_SECRET, at: int | None = None) -> str:
    """Make the header that Stripe's library expects for these bytes."""
    return str(
        stripe.WebhookSignature.generate_signature_header(raw.decode(), secret, timestamp=at or int(time.time()))
    )


async def newest_event(shop: Shop, kind: str) -> dict[str, Any]:
    """Return the newest event of a type, as the offline Stripe holds it."""
    found = [event for event in shop.sandbox.snapshot().events if event["type"] == kind]
    assert found, f"no {kind} among {[event['type'] for event in shop.sandbox.snapshot().events]}"
    return dict(found[-1])


async def paid_event(shop: Shop) -> bytes:
    """Create a payment that has succeeded; returns the body of its event."""
    await shop.paid()
    return json.dumps(await newest_event(shop, "payment_intent.succeeded")).encode()


async def apply_events(shop: Shop, *events: Json) -> None:
    """Send these events, and apply all due ones."""
    for event in events:
        raw = json.dumps(event).encode()
        assert (await shop.webhook(raw, signature(raw))).status_code == 200
    while await shop.runtime.worker.apply_next():
        pass
