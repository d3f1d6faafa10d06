"""Webhooks: signed, sent again until answered, and all the ways in which they misbehave."""

import asyncio
import contextlib
import time

import pytest
import stripe

from tests.sandbox.desk import DAY, SECRET, Desk

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


async def test_an_event_arrives_signed(desk: Desk) -> None:
    paid = await desk.pay()

    attempts = await desk.sandbox.deliver_due()

    assert (attempts, desk.door.types) == (3, PAID)
    last = desk.door.requests[-1]
    event = stripe.Webhook.construct_event(last.content, last.headers["stripe-signature"], SECRET)
    assert (event.data.object["id"], event.pending_webhooks) == (paid.id, 1)
    assert last.headers["user-agent"].startswith("Stripe/1.0")
    assert last.headers["content-type"] == "application/json; charset=utf-8"
    assert last.content.startswith(b'{\n  "id": "evt_')
    assert await desk.sandbox.deliver_due() == 0
    assert (await desk.v1.events.retrieve_async(event.id)).pending_webhooks == 0


async def test_the_signature_carries_the_real_time_whatever_the_sandbox_thinks(desk: Desk) -> None:
    desk.sandbox.advance(100 * DAY)
    await desk.intent()

    await desk.sandbox.deliver_due()

    [request] = desk.door.requests
    stamped = int(request.headers["stripe-signature"].removeprefix("t=").split(",")[0])
    assert abs(stamped - time.time()) < 60
    assert desk.door.events[0]["created"] > time.time() + 99 * DAY


@pytest.mark.parametrize("status", [500, 302, 0], ids=["error", "redirect", "nobody there"])
async def test_an_unanswered_event_is_sent_again_later_and_later(desk: Desk, status: int) -> None:
    await desk.intent()
    desk.door.status = status
    attempts = [await desk.sandbox.deliver_due()]
    for wait in (0, 2, 2, 5):
        desk.sandbox.advance(wait)
        attempts.append(await desk.sandbox.deliver_due())

    desk.door.status = 200
    desk.sandbox.advance(31)
    attempts.append(await desk.sandbox.deliver_due())

    assert attempts == [1, 0, 1, 0, 1, 1]
    assert len({event["id"] for event in desk.door.events}) == 1
    assert await desk.sandbox.deliver_due() == 0


async def test_an_event_arrives_twice(desk: Desk) -> None:
    desk.sandbox.fault(kind="duplicate", path="payment_intent.created")

    await desk.intent()
    attempts = await desk.sandbox.deliver_due()

    first, second = desk.door.events
    assert (attempts, first["id"]) == (2, second["id"])


async def test_an_event_is_overtaken(desk: Desk) -> None:
    desk.sandbox.fault(kind="reorder", path="payment_intent.created")

    await desk.pay()
    await desk.sandbox.deliver_due()

    assert desk.door.types == [*PAID[1:], PAID[0]]


async def test_an_event_is_late(desk: Desk) -> None:
    desk.sandbox.fault(kind="delay", path="payment_intent.succeeded", seconds=60)

    await desk.pay()
    await desk.sandbox.deliver_due()
    first = list(desk.door.types)
    desk.sandbox.advance(61)
    await desk.sandbox.deliver_due()

    assert (first, desk.door.types) == (PAID[:2], PAID)


async def test_an_event_never_arrives(desk: Desk) -> None:
    desk.sandbox.fault(kind="drop", path="payment_intent.succeeded")

    await desk.pay()
    await desk.sandbox.deliver_due()
    desk.sandbox.advance(DAY)
    await desk.sandbox.deliver_due()

    assert desk.door.types == PAID[:2]
    assert [event["type"] for event in desk.events()] == PAID


async def test_an_event_is_signed_with_the_old_secret(desk: Desk) -> None:
    desk.sandbox.fault(kind="old_secret", secret="whsec_before")

    await desk.intent()
    await desk.sandbox.deliver_due()

    [request] = desk.door.requests
    signature = request.headers["stripe-signature"]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(request.content, signature, SECRET)
    assert stripe.Webhook.construct_event(request.content, signature, "whsec_before")


async def test_an_event_is_sent_again_by_hand(desk: Desk) -> None:
    await desk.intent()
    await desk.sandbox.deliver_due()
    [event] = desk.door.events

    await desk.lever("POST", f"events/{event['id']}/resend")
    await desk.sandbox.deliver_due()

    assert [again["id"] for again in desk.door.events] == [event["id"]] * 2


async def test_the_background_delivers_what_comes(desk: Desk) -> None:
    running = asyncio.create_task(desk.sandbox.run())
    try:
        await desk.pay()
        async with asyncio.timeout(10):
            while desk.door.types != PAID:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_time_alone_makes_events(desk: Desk) -> None:
    await desk.pay(capture_method="manual")
    await desk.sandbox.deliver_due()
    desk.clear()

    await desk.lever("POST", "advance", {"seconds": 8 * DAY})
    await desk.sandbox.deliver_due()

    assert desk.door.types == ["charge.expired", "payment_intent.canceled"]
    assert desk.door.events[1]["request"] == {"id": None, "idempotency_key": None}
