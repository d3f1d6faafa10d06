"""Thin events, as an event destination of Stripe's sends them: received, the object read, applied once."""

import json
import time
from datetime import UTC, datetime

import httpx
import pytest
from stripe import WebhookSignature

from models import Payment, WebhookEvent
from tests.support.shop import WEBHOOK_SECRET, Json, Shop


def _thin(kind: str, related: tuple[str, str] | None, **more: object) -> Json:
    """Build an event as in docs.stripe.com/event-destinations, of `related`: the object's type and id."""
    about = {"id": related[1], "type": related[0], "url": f"/v1/{related[0]}s/{related[1]}"} if related else None
    return {
        "id": "evt_test_65R",
        "object": "v2.core.event",
        "type": kind,
        "livemode": False,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "context": None,
        "reason": {"type": "request", "request": {"id": "req_1", "idempotency_key": ""}},
        "related_object": about,
        **more,
    }


async def _send(shop: Shop, event: object) -> httpx.Response:
    raw = json.dumps(event)
    header = WebhookSignature.generate_signature_header(raw, WEBHOOK_SECRET, timestamp=int(time.time()))
    return await shop.webhook(raw.encode(), header)


async def _states() -> list[tuple[str, str]]:
    return [(event.type, event.state.value) for event in await WebhookEvent.all().order_by("received_at")]


async def test_a_thin_event_brings_a_payment_up_to_date(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.browser_confirms("pm_card_visa")
    intent = shop.sandbox.snapshot().payment_intents[-1]["id"]

    answer = await _send(shop, _thin("v1.payment_intent.succeeded", ("payment_intent", intent)))
    again = await _send(shop, _thin("v1.payment_intent.succeeded", ("payment_intent", intent)))
    await shop.runtime.worker.drain()

    assert (answer.status_code, again.status_code) == (200, 200)
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"
    assert ("payment_intent.succeeded", "PROCESSED") in await _states()
    assert (await shop.timeline(payment["id"])).count("payment.succeeded") == 1


@pytest.mark.parametrize("kind", ["charge", "refund"])
async def test_the_payment_of_another_object_is_asked_for(shop: Shop, kind: str) -> None:
    payment = await shop.paid()
    refund = await shop.dashboard_refund(4_000)
    related = {"charge": ("charge", refund["charge"]), "refund": ("refund", refund["id"])}[kind]
    name = {"charge": "v1.charge.refunded", "refund": "v1.refund.created"}[kind]

    answer = await _send(shop, _thin(name, related))
    await shop.runtime.worker.drain()

    assert answer.status_code == 200
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 4_000}
    assert await WebhookEvent.filter(state__in=["DEAD", "FAILED"]).count() == 0


async def test_the_payment_of_a_dispute_is_asked_for(shop: Shop) -> None:
    payment = await shop.paid()
    intent = shop.sandbox.snapshot().payment_intents[-1]["id"]
    dispute = await shop.stripe("disputes", {"payment_intent": intent, "status": "needs_response"})

    await _send(shop, _thin("v1.charge.dispute.created", ("dispute", dispute["id"])))
    await shop.runtime.worker.drain()

    assert (await shop.payment(payment["id"]))["amountDisputed"] == {"amount": 10_000}


async def test_a_thin_event_that_overtakes_the_answer_finds_its_payment(shop: Shop) -> None:
    payment = await shop.prepared()
    [row] = await Payment.all()
    intent = row.stripe_payment_intent_id
    await shop.browser_confirms("pm_card_visa")
    await Payment.filter(id=row.id).update(stripe_payment_intent_id=None)

    await _send(shop, _thin("v1.payment_intent.succeeded", ("payment_intent", str(intent))))
    await shop.runtime.worker.drain()

    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"


async def test_the_snapshot_event_of_the_same_change_is_the_same_event(shop: Shop) -> None:
    """A shop that moves to thin events has both kinds for a while, and the poller reads the list all the time."""
    await shop.prepared()
    [snapshot] = shop.sandbox.snapshot().events
    intent = snapshot["data"]["object"]["id"]

    await _send(shop, _thin("v1.payment_intent.created", ("payment_intent", intent), snapshot_event=snapshot["id"]))
    await shop.deliver()

    stored = await WebhookEvent.filter(type="payment_intent.created")
    assert [event.stripe_event_id for event in stored] == [snapshot["id"]]
    assert stored[0].delivered_at is not None


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (_thin("v2.core.event_destination.ping", ("v2.core.event_destination", "ed_1")), "a type that is not handled"),
        (_thin("v1.customer.created", ("customer", "cus_1")), "a type that is not handled"),
        (_thin("v3.invented.tomorrow", None), "a type that is not handled"),
        (_thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), livemode=True), "wrong mode"),
        (_thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), context="acct_9"), "another account"),
        (_thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), context="org_1/acct_9"), "another account"),
    ],
    ids=["ping", "customer", "tomorrow", "mode", "account", "account of an organisation"],
)
async def test_what_is_not_ours_to_apply_is_kept_and_answered(shop: Shop, event: Json, reason: str) -> None:
    answer = await _send(shop, event)

    [stored] = await WebhookEvent.all()
    assert answer.status_code == 200
    assert (stored.state, stored.last_error) == ("IGNORED", reason)


async def test_a_payment_that_is_not_ours_is_ignored(shop: Shop) -> None:
    await _send(shop, _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_not_ours")))
    await shop.runtime.worker.drain()

    assert await _states() == [("payment_intent.succeeded", "IGNORED")]


async def test_an_outage_of_stripes_puts_a_thin_event_back(shop: Shop) -> None:
    await shop.paid()
    refund = await shop.dashboard_refund(4_000)
    shop.sandbox.fault(kind="error_500_before", method="GET", path="/v1/refunds/.*", times=1)

    await _send(shop, _thin("v1.refund.created", ("refund", refund["id"])))
    await shop.runtime.worker.drain()

    assert ("refund.created", "FAILED") in await _states()


@pytest.mark.parametrize(
    "event",
    [
        _thin("v1.payment_intent.succeeded", None),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1/../../x")),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "re_1")),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), created="yesterday"),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), created="2026-01-01T00:00:00"),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), created=1_700_000_000),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), livemode="no"),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), related_object="pi_1"),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), id=7),
        _thin("v1.payment_intent.succeeded", ("payment_intent", "pi_1"), type=None),
        {"object": "v2.core.event"},
    ],
    ids=range(11),
)
async def test_a_malformed_thin_event_is_refused(shop: Shop, event: Json) -> None:
    answer = await _send(shop, event)

    assert answer.status_code == 400
    assert await WebhookEvent.all().count() == 0
