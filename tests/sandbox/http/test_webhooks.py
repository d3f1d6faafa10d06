"""Webhooks: signed, retried until answered, and every fault of theirs."""

import asyncio
import contextlib
import time

import pytest
import stripe

from tests.sandbox.stripe_account import DAY, SECRET, StripeAccount

PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


async def test_an_event_arrives_signed(account: StripeAccount) -> None:
    paid = await account.pay()

    attempts = await account.sandbox.deliver_due()

    assert (attempts, account.webhooks.types) == (3, PAID)
    last = account.webhooks.requests[-1]
    event = stripe.Webhook.construct_event(last.content, last.headers["stripe-signature"], SECRET)
    assert (event.data.object["id"], event.pending_webhooks) == (paid.id, 1)
    assert last.headers["user-agent"].startswith("Stripe/1.0")
    assert last.headers["content-type"] == "application/json; charset=utf-8"
    assert last.content.startswith(b'{\n  "id": "evt_')
    assert await account.sandbox.deliver_due() == 0
    assert (await account.v1.events.retrieve_async(event.id)).pending_webhooks == 0


async def test_the_signature_carries_the_real_time_whatever_the_sandbox_thinks(account: StripeAccount) -> None:
    account.sandbox.advance(100 * DAY)
    await account.intent()

    await account.sandbox.deliver_due()

    [request] = account.webhooks.requests
    stamped = int(request.headers["stripe-signature"].removeprefix("t=").split(",")[0])
    assert abs(stamped - time.time()) < 60
    assert account.webhooks.events[0]["created"] > time.time() + 99 * DAY


@pytest.mark.parametrize("status", [500, 302, 0], ids=["error", "redirect", "nobody there"])
async def test_an_unanswered_event_is_sent_again_later_and_later(account: StripeAccount, status: int) -> None:
    await account.intent()
    account.webhooks.status = status
    attempts = [await account.sandbox.deliver_due()]
    for wait in (0, 2, 2, 5):
        account.sandbox.advance(wait)
        attempts.append(await account.sandbox.deliver_due())

    account.webhooks.status = 200
    account.sandbox.advance(31)
    attempts.append(await account.sandbox.deliver_due())

    assert attempts == [1, 0, 1, 0, 1, 1]
    assert len({event["id"] for event in account.webhooks.events}) == 1
    assert await account.sandbox.deliver_due() == 0


async def test_an_event_arrives_twice(account: StripeAccount) -> None:
    account.sandbox.fault(kind="duplicate", path="payment_intent.created")

    await account.intent()
    attempts = await account.sandbox.deliver_due()

    first, second = account.webhooks.events
    assert (attempts, first["id"]) == (2, second["id"])


async def test_an_event_is_overtaken(account: StripeAccount) -> None:
    account.sandbox.fault(kind="reorder", path="payment_intent.created")

    await account.pay()
    await account.sandbox.deliver_due()

    assert account.webhooks.types == [*PAID[1:], PAID[0]]


async def test_an_event_is_late(account: StripeAccount) -> None:
    account.sandbox.fault(kind="delay", path="payment_intent.succeeded", seconds=60)

    await account.pay()
    await account.sandbox.deliver_due()
    first = list(account.webhooks.types)
    account.sandbox.advance(61)
    await account.sandbox.deliver_due()

    assert (first, account.webhooks.types) == (PAID[:2], PAID)


async def test_an_event_never_arrives(account: StripeAccount) -> None:
    account.sandbox.fault(kind="drop", path="payment_intent.succeeded")

    await account.pay()
    await account.sandbox.deliver_due()
    account.sandbox.advance(DAY)
    await account.sandbox.deliver_due()

    assert account.webhooks.types == PAID[:2]
    assert [event["type"] for event in account.events()] == PAID


async def test_an_event_is_signed_with_the_old_secret(account: StripeAccount) -> None:
    account.sandbox.fault(kind="old_secret", secret="whsec_before")

    await account.intent()
    await account.sandbox.deliver_due()

    [request] = account.webhooks.requests
    signature = request.headers["stripe-signature"]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(request.content, signature, SECRET)
    assert stripe.Webhook.construct_event(request.content, signature, "whsec_before")


async def test_an_event_is_sent_again_by_hand(account: StripeAccount) -> None:
    await account.intent()
    await account.sandbox.deliver_due()
    [event] = account.webhooks.events

    await account.lever("POST", f"events/{event['id']}/resend")
    await account.sandbox.deliver_due()

    assert [again["id"] for again in account.webhooks.events] == [event["id"]] * 2


async def test_the_background_delivers_what_comes(account: StripeAccount) -> None:
    running = asyncio.create_task(account.sandbox.run())
    try:
        await account.pay()
        async with asyncio.timeout(10):
            while account.webhooks.types != PAID:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_time_alone_makes_events(account: StripeAccount) -> None:
    await account.pay(capture_method="manual")
    await account.sandbox.deliver_due()
    account.clear()

    await account.lever("POST", "advance", {"seconds": 8 * DAY})
    await account.sandbox.deliver_due()

    assert account.webhooks.types == ["charge.expired", "payment_intent.canceled"]
    assert account.webhooks.events[1]["request"] == {"id": None, "idempotency_key": None}
