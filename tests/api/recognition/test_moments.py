"""The moments at which a payment was captured, paid and canceled: Stripe's, not ours; the reason; the receipt."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tortoise import connections

from database.connection import MIGRATIONS
from database.statements import query_rows
from models import Payment
from tests.support.rows import row_id
from tests.support.shop import Client, Json, Shop, key

MOMENTS = """query M($id: ID!) { payment(id: $id) {
  status version capturedAt paidAt canceledAt cancelReason statementDescriptor receiptUrl
  order { paymentStatus paidAt updatedAt } } }"""
CLOCK_AHEAD = timedelta(hours=3)  # of Stripe's clock


async def moments(client: Client, payment_id: str) -> Json:
    payment: Json = (await client.ask(MOMENTS, id=payment_id))["payment"]
    return payment


def at(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def stripes(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def ahead(shop: Shop, more: timedelta = CLOCK_AHEAD) -> None:
    """Let Stripe's clock run ahead: a moment of ours is told from one of Stripe's."""
    shop.sandbox.advance(more.total_seconds())


async def test_a_charge_is_paid_when_stripe_charged_it(shop: Shop) -> None:
    ahead(shop)

    payment = await moments(shop.buyer, (await shop.paid())["id"])

    [charge] = shop.sandbox.snapshot().charges
    assert at(payment["paidAt"]) == at(payment["capturedAt"]) == stripes(charge["created"])
    assert at(payment["order"]["paidAt"]) == stripes(charge["created"])
    assert (payment["canceledAt"], payment["cancelReason"]) == (None, None)


async def test_held_money_is_paid_when_it_is_captured_and_not_when_it_is_held(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    before = await moments(shop.buyer, held["id"])
    ahead(shop)

    await shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=key())
    after = await moments(shop.buyer, held["id"])

    snapshot = shop.sandbox.snapshot()
    [booked] = snapshot.balance_transactions
    assert (before["capturedAt"], before["paidAt"], before["order"]["paidAt"]) == (None, None, None)
    assert before["statementDescriptor"] == "PAYGRAPH"
    assert at(after["paidAt"]) == at(after["capturedAt"]) == at(after["order"]["paidAt"]) == stripes(booked["created"])
    assert stripes(booked["created"]) - stripes(snapshot.charges[0]["created"]) >= CLOCK_AHEAD


@pytest.mark.parametrize("how", ["webhook", "sync"])
async def test_who_brings_the_news_does_not_change_the_moment(shop: Shop, how: str) -> None:
    payment_id = (await shop.prepared())["id"]
    ahead(shop)
    await shop.browser_confirms("pm_card_visa")
    ahead(shop, timedelta(minutes=30))

    if how == "webhook":
        await shop.deliver()
    else:
        await shop.staff.do("syncPayment", paymentId=payment_id)

    payment = await moments(shop.buyer, payment_id)
    [charge] = shop.sandbox.snapshot().charges
    assert at(payment["paidAt"]) == stripes(charge["created"])


async def test_a_debit_is_paid_when_it_arrives_and_not_when_it_was_begun(shop: Shop) -> None:
    payment_id = (await shop.prepared())["id"]
    await shop.browser_confirms("pm_usBankAccount_success")
    await shop.deliver()
    on_its_way = await moments(shop.buyer, payment_id)
    ahead(shop, timedelta(days=5))

    await shop.deliver()

    paid = await moments(shop.buyer, payment_id)
    [charge] = shop.sandbox.snapshot().charges
    assert (on_its_way["status"], on_its_way["capturedAt"], on_its_way["paidAt"]) == ("PROCESSING", None, None)
    assert (paid["status"], paid["statementDescriptor"]) == ("SUCCEEDED", None)
    assert at(paid["paidAt"]) - stripes(charge["created"]) >= timedelta(days=4)


async def test_a_refund_and_a_dispute_leave_it_paid_when_it_was(shop: Shop) -> None:
    payment_id = (await shop.paid())["id"]
    paid = await moments(shop.buyer, payment_id)
    ahead(shop)

    await shop.refund(payment_id, 4_000)
    refunded = await moments(shop.buyer, payment_id)
    [charge] = shop.sandbox.snapshot().charges
    await shop.stripe("disputes", {"charge": charge["id"]})
    await shop.deliver()
    disputed = await moments(shop.buyer, payment_id)

    assert [one["order"]["paymentStatus"] for one in (paid, refunded, disputed)] == [
        "PAID",
        "PARTIALLY_REFUNDED",
        "DISPUTED",
    ]
    for one in (refunded, disputed):
        assert (one["paidAt"], one["capturedAt"]) == (paid["paidAt"], paid["capturedAt"])
        assert one["order"]["paidAt"] == paid["order"]["paidAt"]
        assert at(one["order"]["updatedAt"]) > at(paid["order"]["updatedAt"])


async def test_an_order_is_paid_when_the_last_of_its_money_came(shop: Shop) -> None:
    """A part that was taken does not pay it; when the rest will never be asked for, that part did."""
    order_id = await shop.order()
    held = (await shop.pay(order_id, captureMethod="MANUAL"))["payment"]
    part = {"amount": 6_000, "currency": "USD"}
    await shop.staff.do("capturePayment", input={"paymentId": held["id"], "amount": part}, key=key())
    partly = await moments(shop.buyer, held["id"])
    query = "query O($id: ID!) { order(id: $id) { externalId customer { externalId } } }"
    order = (await shop.staff.ask(query, id=order_id))["order"]
    ahead(shop)

    given = {"externalId": order["externalId"], "customerExternalId": "buyer", "captureMethod": "MANUAL"}
    lowered = await shop.staff.do("registerOrder", input=given | {"total": part}, key=key())
    settled = await moments(shop.buyer, held["id"])

    assert lowered["errors"] == []
    assert (partly["order"]["paymentStatus"], partly["order"]["paidAt"]) == ("PARTIALLY_PAID", None)
    assert settled["order"]["paymentStatus"] == "PAID"
    assert settled["order"]["paidAt"] == partly["capturedAt"] == partly["paidAt"]


@pytest.mark.parametrize("reason", ["DUPLICATE", "FRAUDULENT", "REQUESTED_BY_CUSTOMER", "ABANDONED", None])
async def test_a_cancelled_payment_says_when_and_why(shop: Shop, reason: str | None) -> None:
    payment_id = (await shop.prepared())["id"]
    ahead(shop)

    await shop.buyer.do("cancelPayment", input={"paymentId": payment_id, "reason": reason}, key=key())

    payment = await moments(shop.buyer, payment_id)
    [intent] = shop.sandbox.snapshot().payment_intents
    assert (at(payment["canceledAt"]), payment["cancelReason"]) == (stripes(intent["canceled_at"]), reason)
    assert (payment["capturedAt"], payment["paidAt"], payment["order"]["paidAt"]) == (None, None, None)


async def test_a_payment_that_stripe_never_saw_says_so_too(shop: Shop) -> None:
    shop.sandbox.fault(kind="refuse_connection", path="/v1/.*", times=1_000)
    payment_id = (await shop.pay(await shop.order()))["payment"]["id"]
    begun = datetime.now(UTC)

    await shop.buyer.do("cancelPayment", input={"paymentId": payment_id, "reason": "ABANDONED"}, key=key())

    payment = await moments(shop.buyer, payment_id)
    assert (payment["status"], payment["cancelReason"]) == ("CANCELED", "ABANDONED")
    assert begun <= at(payment["canceledAt"]) <= datetime.now(UTC)


async def test_a_hold_that_ended_says_that_it_expired(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    ahead(shop, timedelta(days=8))

    await shop.deliver()

    payment = await moments(shop.buyer, held["id"])
    [intent] = shop.sandbox.snapshot().payment_intents
    assert (payment["status"], intent["cancellation_reason"]) == ("CANCELED", "expired")
    assert payment["cancelReason"] == "EXPIRED"
    [event] = await query_rows("SELECT after FROM payment_event WHERE type = 'payment.canceled'")
    assert '"cancel_reason": "EXPIRED"' in event["after"]


async def test_a_receipt_is_for_the_payer_and_the_staff(shop: Shop) -> None:
    order_id = await shop.order()
    query = """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
      createPayment(input: $input, idempotencyKey: $key) { viewToken payment { id receiptUrl } } }"""
    given: Json = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    given |= {"paymentMethodId": "pm_card_visa", "confirm": True}
    payload = (await shop.buyer.ask(query, input=given, key=key()))["createPayment"]
    view = Client(shop.http, payload["viewToken"])
    payment_id = payload["payment"]["id"]

    shown = [(await moments(client, payment_id))["receiptUrl"] for client in (shop.buyer, shop.staff, view)]

    [charge] = shop.sandbox.snapshot().charges
    assert payload["payment"]["receiptUrl"] == charge["receipt_url"]
    assert shown == [charge["receipt_url"], charge["receipt_url"], None]
    assert charge["receipt_url"].startswith("http")


async def test_a_new_address_of_the_receipt_is_no_change_of_the_payment(shop: Shop) -> None:
    """Stripe makes another address for each answer, and lets it expire: a sync brings the newest, and no event."""
    payment_id = (await shop.paid())["id"]
    before, events = await moments(shop.buyer, payment_id), await shop.timeline(payment_id)
    [charge] = shop.sandbox.snapshot().charges
    await query_rows("UPDATE payment SET receipt_url = 'https://pay.stripe.com/expired'")

    await shop.staff.do("syncPayment", paymentId=payment_id)

    after = await moments(shop.buyer, payment_id)
    assert (after["receiptUrl"], after["version"]) == (charge["receipt_url"], before["version"])
    assert await shop.timeline(payment_id) == events


async def test_the_next_refresh_fills_in_what_an_older_version_did_not_keep(shop: Shop) -> None:
    payment_id = (await shop.paid())["id"]
    as_kept = await moments(shop.buyer, payment_id)
    await query_rows(
        "UPDATE payment SET captured_at = NULL, receipt_url = NULL, statement_descriptor = NULL, last_synced_at = NULL"
    )
    await query_rows("UPDATE orders SET paid_at = NULL")
    ahead(shop)

    await shop.staff.do("syncPayment", paymentId=payment_id)

    filled = await moments(shop.buyer, payment_id)
    names = ("capturedAt", "paidAt", "receiptUrl", "statementDescriptor")
    assert {name: filled[name] for name in names} == {name: as_kept[name] for name in names}
    assert filled["order"]["paidAt"] == as_kept["order"]["paidAt"]


async def test_the_migration_takes_the_moments_of_before_from_the_trail(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    await shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=key())
    dropped = await shop.prepared()
    await shop.buyer.do("cancelPayment", input={"paymentId": dropped["id"], "reason": "DUPLICATE"}, key=key())
    still_open = await shop.prepared()
    ids = [row_id(payment["id"]) for payment in (held, dropped, still_open)]
    await query_rows("UPDATE payment SET captured_at = NULL, canceled_at = NULL, cancel_reason = NULL")
    await query_rows("UPDATE orders SET paid_at = NULL")

    await _run_migration("moments_of_before")

    paid, canceled, untouched = [await Payment.get(id=identity).prefetch_related("order") for identity in ids]
    took, gave_up = await _event(ids[0], "payment.succeeded"), await _event(ids[1], "payment.canceled")
    assert (paid.captured_at, paid.paid_at, paid.order.paid_at) == (took, took, took)
    assert (canceled.canceled_at, canceled.cancel_reason) == (gave_up, "DUPLICATE")
    assert (untouched.captured_at, untouched.canceled_at, untouched.order.paid_at) == (None, None, None)


async def _event(payment_id: UUID, kind: str) -> datetime:
    statement = "SELECT occurred_at FROM payment_event WHERE payment_id = $1 AND type = $2"
    [event] = await query_rows(statement, [payment_id, kind])
    moment: datetime = event["occurred_at"]
    return moment


async def _run_migration(name: str) -> None:
    [path] = (Path(MIGRATIONS) / "models").glob(f"[0-9]*_{name}.py")
    module: Any = import_module(f"migrations.models.{path.stem}")
    client: Any = connections.get("default")
    await client.execute_script(await module.upgrade(client))
