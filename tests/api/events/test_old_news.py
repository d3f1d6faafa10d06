"""An event that repeats Stripe's own answer needs no read; an event that differs from it does."""

import asyncio

import pytest

from database.statements import query_rows
from models import WebhookEvent
from tests.support.inbox import INTENTS, apply_all, looks, seen, send
from tests.support.shop import Json, Shop


async def test_what_stripe_has_answered_before_is_stored_as_applied_and_costs_no_look(shop: Shop) -> None:
    payment = await shop.paid()
    trail, before = await shop.timeline(payment["id"]), looks(shop, INTENTS)

    await shop.sandbox.deliver_due()

    assert [event["attempts"] for event in await seen(shop, "PROCESSED")] == [0, 0]
    assert await seen(shop, "RECEIVED") == []
    assert await shop.runtime.worker.apply_next() is False
    assert (looks(shop, INTENTS), await shop.timeline(payment["id"])) == (before, trail)


async def test_an_end_that_comes_before_stripes_own_answer_is_looked_at(shop: Shop) -> None:
    number = shop.sandbox.fault(kind="hold_after", method="POST", path=".*/confirm")
    paying = asyncio.create_task(shop.paid())
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in shop.sandbox.faults()):
            await asyncio.sleep(0.005)

    await shop.sandbox.deliver_due()
    due = [event.type for event in await WebhookEvent.filter(due__isnull=False)]
    await apply_all(shop)
    [trail] = await query_rows("SELECT stripe_event_id FROM payment_event WHERE type = 'payment.succeeded'")
    shop.sandbox.clear_faults(number)

    assert due == ["payment_intent.succeeded"]
    assert trail["stripe_event_id"] is not None
    assert (await paying)["status"] == "SUCCEEDED"


async def test_an_event_of_a_payment_whose_fate_nobody_knows_is_looked_at(shop: Shop) -> None:
    shop.sandbox.fault(kind="drop_after", method="POST", path=".*/confirm", times=1_000)
    payload = await shop.pay(await shop.order())

    await shop.sandbox.deliver_due()
    due = {event.type for event in await WebhookEvent.filter(due__isnull=False)}
    await apply_all(shop)

    assert payload["payment"]["status"] == "UNKNOWN"
    assert due == {"payment_intent.created", "payment_intent.succeeded"}
    assert (await shop.payment(payload["payment"]["id"]))["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_received": 9_999},
        {"latest_charge": "ch_another"},
        {"latest_charge": None},
        {"latest_charge": {"id": 7}},
        {"status": "levitating"},
        {"status": None},
        *({"amount_received": odd} for odd in (None, "10000", 10_000.0, 1e300, "9" * 30, 2**63 - 1, True)),
    ],
    ids=str,
)
async def test_an_end_that_differs_from_ours_is_looked_at(shop: Shop, changed: Json) -> None:
    await shop.paid()
    [event] = [e for e in shop.sandbox.snapshot().events if e["type"] == "payment_intent.succeeded"]
    event["data"]["object"].update(changed)

    await send(shop, event)

    assert await WebhookEvent.filter(due__isnull=False).count() == 1
