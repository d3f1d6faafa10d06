"""An object of Stripe's that cannot be read is a finding; it stops no run and closes nothing."""

import json

import pytest

from models import Payment
from tests.reconcile.faults import booked, business, change, disputed, found, intent_of, reconcile, rewrite
from tests.support.shop import Shop


def broken(shop: Shop, kind: str) -> str:
    """Remove the currency from the newest object of a kind, so that it cannot be read."""
    return rewrite(shop, kind, lambda seen: seen.pop("currency"))


async def everything(shop: Shop) -> None:
    """Create an object for each of Stripe's lists, known to our rows."""
    payment = await disputed(shop)
    other = await shop.paid()
    await shop.refund(other["id"], 1_000)
    await booked(shop)
    assert payment["id"] != other["id"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("payment_intent", "STATUS_DRIFT"),
        ("refund", "REFUND_DRIFT"),
        ("balance_transaction", "BALANCE_DRIFT"),
    ],
)
async def test_one_that_cannot_be_read_is_a_finding_and_stops_nothing(shop: Shop, kind: str, said: str) -> None:
    await everything(shop)
    before = await reconcile(shop)
    clean = await found()
    identity = broken(shop, kind)

    run = await reconcile(shop, repair=True)

    assert clean == []
    assert await found() == [(said, identity)]
    assert (run.checked, run.repaired) == (before.checked, 0)


async def test_a_dispute_that_cannot_be_read_is_a_finding_of_its_payment(shop: Shop) -> None:
    """Our row knows the readable one, and the other's outcome is unknown."""
    payment = await disputed(shop)
    inquiry = {"payment_intent": await intent_of(payment), "status": "warning_needs_response"}
    await shop.stripe("disputes", inquiry)
    await shop.deliver()
    identity = broken(shop, "dispute")

    await reconcile(shop, repair=True)
    known = await found()
    rewrite(shop, "dispute", lambda seen: seen.pop("payment_intent"))
    await reconcile(shop)

    assert known == [("DISPUTE_DRIFT", await intent_of(payment))]
    assert ("DISPUTE_DRIFT", identity) in await found()


async def test_what_can_be_read_again_is_closed(shop: Shop) -> None:
    await everything(shop)
    whole = json.dumps(shop.sandbox._store.every("payment_intent")[-1])
    identity = broken(shop, "payment_intent")
    await reconcile(shop)
    unread = await found()
    shop.sandbox._store.save(json.loads(whole))

    await reconcile(shop)

    assert unread == [("STATUS_DRIFT", identity)]
    assert await found() == []


async def test_what_differed_and_cannot_be_read_any_more_stays_open(shop: Shop) -> None:
    await everything(shop)
    payment = await Payment.all().order_by("-created_at").first()
    assert payment is not None
    await change("UPDATE payment SET amount_minor = 10001 WHERE id = $1", payment.id)
    await reconcile(shop)
    identity = broken(shop, "payment_intent")

    await reconcile(shop, repair=True)

    assert await found() == [("AMOUNT_DRIFT", identity), ("STATUS_DRIFT", identity)]


async def test_an_event_that_cannot_be_read_is_a_gap(shop: Shop) -> None:
    await business(shop)
    event = rewrite(shop, "event", lambda seen: seen.update(data=None))
    await change("DELETE FROM webhook_event WHERE stripe_event_id = $1", event)

    await reconcile(shop, repair=True)

    assert await found() == [("WEBHOOK_GAP", event)]
