"""The state just read from Stripe is the truth, whatever our books say; and a slow read undoes nothing."""

import asyncio

import pytest

from domain.states import REFUND_RESERVES, DiscrepancyKind, RefundStatus
from models import Order, Payment, Refund
from tests.support.as_stripe_says import (
    another_process_looks,
    held,
    intent_id,
    money,
    reached,
    reconciled,
    refund_at_stripe,
    sync,
)
from tests.support.shop import Shop, key


async def test_a_refund_that_is_taken_back_before_anybody_looks_is_taken_back(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"], 3_000)
    await shop.deliver()
    identity = await refund_at_stripe(shop)
    await shop.stripe(f"refunds/{identity}", {"status": "requires_action"})
    await shop.stripe(f"refunds/{identity}", {"status": "canceled"})

    await shop.deliver()

    after = await money(shop, payment["id"])
    assert [refund["status"] for refund in after["refunds"]] == ["CANCELED"]
    assert (after["amountRefunded"]["amount"], after["amountRefundable"]["amount"]) == (0, 10_000)
    assert "refund.corrected" in await shop.timeline(payment["id"])


OURS = [status for status in RefundStatus if status not in (RefundStatus.INITIATED, RefundStatus.AWAITING_APPROVAL)]
AT_STRIPE = {
    "succeeded": [],
    "requires_action": ["requires_action"],
    "canceled": ["requires_action", "canceled"],
    "failed": ["failed"],
}


@pytest.mark.parametrize("at_stripe", AT_STRIPE)
@pytest.mark.parametrize("ours", OURS)
async def test_whatever_our_books_say_of_a_refund_a_look_brings_stripes(
    shop: Shop, ours: RefundStatus, at_stripe: str
) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"], 3_000)
    for status in AT_STRIPE[at_stripe]:
        await shop.stripe(f"refunds/{await refund_at_stripe(shop)}", {"status": status})
    await Refund.all().update(status=ours)
    reserved = 3_000 if ours in REFUND_RESERVES else 0
    given_back = 3_000 if ours is RefundStatus.SUCCEEDED else 0
    await Payment.all().update(refunded_minor=given_back, refund_pending_minor=reserved)
    await Order.all().update(refunded_minor=given_back)

    await sync(shop, payment["id"])

    after = await money(shop, payment["id"])
    assert [refund["status"] for refund in after["refunds"]] == [at_stripe.upper()]
    assert after["amountRefunded"]["amount"] == (3_000 if at_stripe == "succeeded" else 0)
    assert after["amountRefundable"]["amount"] == (10_000 if at_stripe in ("failed", "canceled") else 7_000)
    assert await reconciled(shop) == []


async def test_what_was_ruled_a_failure_and_was_none_is_not_given_back_twice(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"])
    await Refund.all().update(status=RefundStatus.FAILED)
    await Payment.all().update(refunded_minor=0)

    left = await reconciled(shop, repair=True)
    again = await shop.refund(payment["id"])

    assert left == []
    assert [error["code"] for error in again["errors"]] == ["AMOUNT_EXCEEDS_REFUNDABLE"]
    assert sum(refund["amount"] for refund in shop.sandbox.snapshot().refunds) == 10_000


async def test_a_payment_that_was_given_up_here_and_lives_at_stripe_is_shown_alive(shop: Shop) -> None:
    payment = await held(shop)
    await Payment.all().update(status="CANCELED", capturable_minor=0)
    order = await shop.staff.ask("query P($id: ID!) { payment(id: $id) { order { id } } }", id=payment["id"])
    other = await shop.pay(order["payment"]["order"]["id"])

    left = await reconciled(shop, repair=True)

    after = await money(shop, payment["id"])
    assert (other["payment"]["status"], after["status"]) == ("SUCCEEDED", "REQUIRES_CAPTURE")
    assert after["amountCapturable"]["amount"] == 10_000
    assert DiscrepancyKind.STATUS_DRIFT not in {finding.kind for finding in left}
    assert "payment.corrected" in await shop.timeline(payment["id"])


async def test_a_payment_that_comes_alive_beside_another_one_stops_nothing(shop: Shop) -> None:
    payment = await held(shop)
    await Payment.all().update(status="CANCELED", capturable_minor=0)
    order = await shop.staff.ask("query P($id: ID!) { payment(id: $id) { order { id } } }", id=payment["id"])
    order_id = order["payment"]["order"]["id"]
    given = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    live = await shop.buyer.do("createPayment", input=given, key=key())
    await sync(shop, payment["id"])

    third = await shop.buyer.do("createPayment", input=given, key=key())

    assert (await money(shop, payment["id"]))["status"] == "REQUIRES_CAPTURE"
    assert (await money(shop, live["payment"]["id"]))["status"] == "REQUIRES_PAYMENT_METHOD"
    assert [error["code"] for error in third["errors"]] == ["ACTIVE_PAYMENT_EXISTS"]


# -- a slow read undoes nothing --------------------------------------------------------------------------------------


async def test_a_slow_look_does_not_undo_what_was_learnt_of_a_dispute(shop: Shop) -> None:
    payment = await shop.paid()
    dispute = await shop.stripe("disputes", {"payment_intent": intent_id(shop), "status": "needs_response"})
    await shop.deliver()
    number = shop.sandbox.fault(kind="hold_after", method="GET", path="/v1/disputes")
    slow = asyncio.create_task(shop.staff.do("syncPayment", paymentId=payment["id"]))
    await reached(shop, number)
    await shop.stripe(f"disputes/{dispute['id']}", {"status": "won"})
    await another_process_looks(shop, payment["id"])
    assert (await money(shop, payment["id"]))["amountDisputed"]["amount"] == 0

    shop.sandbox.clear_faults()
    await slow

    assert (await money(shop, payment["id"]))["amountDisputed"]["amount"] == 0


async def test_a_slow_look_does_not_undo_what_was_learnt_of_a_refund(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.refund(payment["id"], 3_000)
    identity = await refund_at_stripe(shop)
    await shop.stripe(f"refunds/{identity}", {"status": "requires_action"})
    await shop.deliver()
    number = shop.sandbox.fault(kind="hold_after", method="GET", path="/v1/refunds")
    slow = asyncio.create_task(shop.staff.do("syncPayment", paymentId=payment["id"]))
    await reached(shop, number)
    await shop.stripe(f"refunds/{identity}", {"status": "succeeded"})
    await another_process_looks(shop, payment["id"])

    shop.sandbox.clear_faults()
    await slow

    after = await money(shop, payment["id"])
    assert (after["amountRefunded"]["amount"], after["refunds"][0]["status"]) == (3_000, "SUCCEEDED")


async def test_a_slow_look_does_not_undo_a_look_that_found_nothing_new(shop: Shop) -> None:
    """The slow read began before the dispute was won, the fast one after it: the row did not change between."""
    payment = await shop.paid()
    dispute = await shop.stripe("disputes", {"payment_intent": intent_id(shop), "status": "needs_response"})
    number = shop.sandbox.fault(kind="hold_after", method="GET", path="/v1/disputes")
    slow = asyncio.create_task(shop.staff.do("syncPayment", paymentId=payment["id"]))
    await reached(shop, number)
    await shop.stripe(f"disputes/{dispute['id']}", {"status": "won"})
    before = await money(shop, payment["id"])
    await another_process_looks(shop, payment["id"])
    assert (await money(shop, payment["id"]))["version"] == before["version"]

    shop.sandbox.clear_faults()
    await slow

    after = await money(shop, payment["id"])
    assert (after["amountDisputed"]["amount"], after["version"]) == (0, before["version"])


async def test_a_late_answer_does_not_undo_a_look_that_found_nothing_new(shop: Shop) -> None:
    """A second attempt fails like the first, and is read before its own answer arrives: the row did not change."""
    page = "https://shop.example/"
    order_id = await shop.order()
    created = await shop.pay(order_id, paymentMethodId="pm_card_authenticationRequired", returnUrl=page)
    payment_id = created["payment"]["id"]
    await shop.finish_3ds("fail")
    await shop.deliver()
    before = await money(shop, payment_id)
    number = shop.sandbox.fault(kind="hold_after", method="POST", path=".*/confirm")
    method = {"paymentMethodId": "pm_card_authenticationRequired", "returnUrl": page}
    slow = asyncio.create_task(shop.staff.do("confirmPayment", paymentId=payment_id, **method, key=key()))
    await reached(shop, number)
    await shop.finish_3ds("fail")
    await another_process_looks(shop, payment_id)
    assert (await money(shop, payment_id))["version"] == before["version"]

    shop.sandbox.clear_faults()
    told = await slow

    assert (told["payment"]["status"], [error["code"] for error in told["errors"]]) == (
        "REQUIRES_PAYMENT_METHOD",
        ["AUTHENTICATION_REQUIRED"],
    )
    assert (await shop.payment(payment_id))["status"] == "REQUIRES_PAYMENT_METHOD"
