"""Our rules bind our acts. What Stripe says has happened is recorded as it is, shown, flagged, and never a crash.

Another program may use the same account: it changes amounts and currencies, captures, cancels and refunds. The levers
of the offline Stripe are that program.
"""

import asyncio
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from domain.states import MONEY_KINDS, REFUND_RESERVES, DiscrepancyKind, RefundStatus, WebhookState
from models import Discrepancy, Order, Payment, PaymentEvent, Refund, WebhookEvent
from services.audit import broken_links
from services.reconcile import Reconciler, Window
from tests.shop import Json, Shop, key

MONEY = """query P($id: ID!) { payment(id: $id) {
  status allowedActions version
  amount { amount currency } providerAmount { amount currency } amountCapturable { amount currency }
  amountCaptured { amount currency } amountRefunded { amount currency } amountRefundable { amount currency }
  amountDisputed { amount } refunds { status amount { amount currency } }
  order { paymentStatus amountDue { amount } amountPaid { amount currency } amountRefunded { amount } }
} }"""


async def money(shop: Shop, payment_id: str) -> Json:
    payment: Json = (await shop.staff.ask(MONEY, id=payment_id))["payment"]
    return payment


async def held(shop: Shop, amount: int = 10_000) -> Json:
    """A payment whose money is held, on an order that says so."""
    payload = await shop.staff.do(
        "createPayment",
        input={
            "orderId": await shop.order(amount),
            "expectedAmount": {"amount": amount, "currency": "USD"},
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
            "captureMethod": "MANUAL",
        },
        key=key(),
    )
    assert payload["payment"]["status"] == "REQUIRES_CAPTURE", payload
    payment: Json = payload["payment"]
    return payment


async def held_by_card(shop: Shop, option: str) -> Json:
    """A payment whose money is held on a card that may be asked for more, in the way of this option of Stripe's."""
    payload = await shop.staff.do(
        "createPayment",
        input={
            "orderId": await shop.order(),
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "captureMethod": "MANUAL",
        },
        key=key(),
    )
    options = {"payment_method_options": {"card": {option: "if_available"}}}
    await shop.stripe(f"payment_intents/{intent_id(shop)}", options)
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()
    payment: Json = payload["payment"]
    assert (await money(shop, payment["id"]))["status"] == "REQUIRES_CAPTURE"
    return payment


def intent_id(shop: Shop) -> str:
    return str(shop.sandbox.snapshot().payment_intents[-1]["id"])


async def sync(shop: Shop, payment_id: str) -> None:
    payload = await shop.staff.do("syncPayment", paymentId=payment_id)
    assert payload["errors"] == []


async def reconciled(shop: Shop, *, repair: bool = False) -> list[Discrepancy]:
    """What is open about money after a reconciliation of everything."""
    reconciler = Reconciler(shop.parts.driver.provider, shop.parts.endpoint)
    run = await reconciler.run(
        Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)), repair=repair
    )
    assert run is not None
    assert run.finished_at is not None
    return await Discrepancy.filter(state="OPEN", kind__in=list(MONEY_KINDS)).order_by("kind")


async def nothing_is_dead(shop: Shop) -> None:
    await shop.deliver()
    assert await WebhookEvent.filter(state__in=[WebhookState.DEAD, WebhookState.FAILED]).count() == 0
    assert await broken_links([event.order_id for event in await PaymentEvent.all()]) == {}


# -- what is released of a hold is no refund -------------------------------------------------------------------------


@pytest.mark.parametrize("releases", ["none", "refunds", "booked"])
@pytest.mark.parametrize("taken", [6_000, 3_000], ids=["more than half", "less than half"])
async def test_what_a_partial_capture_releases_is_no_refund(shop: Shop, releases: str, taken: int) -> None:
    shop.sandbox.set_up(releases=releases)
    payment = await held(shop)

    payload = await shop.staff.do(
        "capturePayment",
        input={"paymentId": payment["id"], "amount": {"amount": taken, "currency": "USD"}},
        key=key(),
    )
    await shop.deliver()
    await sync(shop, payment["id"])

    after = await money(shop, payment["id"])
    assert (payload["errors"], payload["operation"]["state"]) == ([], "SUCCEEDED")
    assert after["amountCaptured"]["amount"] == taken
    assert (after["amountRefunded"]["amount"], after["amountRefundable"]["amount"]) == (0, taken)
    assert after["refunds"] == []
    assert after["order"]["paymentStatus"] == "PARTIALLY_PAID"
    assert await reconciled(shop) == []
    await nothing_is_dead(shop)


@pytest.mark.parametrize("releases", ["none", "refunds", "booked"])
async def test_all_that_was_taken_of_a_hold_can_be_given_back(shop: Shop, releases: str) -> None:
    shop.sandbox.set_up(releases=releases)
    payment = await held(shop)
    given = {"paymentId": payment["id"], "amount": {"amount": 6_000, "currency": "USD"}}
    await shop.staff.do("capturePayment", input=given, key=key())
    await shop.deliver()

    first = await shop.refund(payment["id"], 4_000)  # as much as was released
    rest = await shop.refund(payment["id"])
    await shop.deliver()

    after = await money(shop, payment["id"])
    assert (first["errors"], rest["errors"]) == ([], [])
    assert [refund["amount"]["amount"] for refund in after["refunds"]] == [4_000, 2_000]
    assert (after["amountRefunded"]["amount"], after["order"]["paymentStatus"]) == (6_000, "REFUNDED")
    assert await reconciled(shop) == []


@pytest.mark.parametrize("releases", ["none", "refunds", "booked"])
@pytest.mark.parametrize("how", ["cancel", "expire"])
async def test_what_the_end_of_a_hold_releases_is_no_finding(shop: Shop, releases: str, how: str) -> None:
    shop.sandbox.set_up(releases=releases)
    payment = await held(shop)
    if how == "cancel":
        await shop.staff.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())
    else:
        await shop.stripe(f"payment_intents/{intent_id(shop)}/expire", {})

    await shop.deliver()
    await sync(shop, payment["id"])

    after = await money(shop, payment["id"])
    assert (after["status"], after["amountRefunded"]["amount"], after["refunds"]) == ("CANCELED", 0, [])
    assert await reconciled(shop) == []
    assert await reconciled(shop, repair=True) == []


@pytest.mark.parametrize("card_refunds", ["refund", "reversal"])
async def test_a_refund_at_the_dashboard_is_one_whatever_the_network_makes_of_it(shop: Shop, card_refunds: str) -> None:
    shop.sandbox.set_up(card_refunds=card_refunds, releases="refunds")
    payment = await shop.paid()

    await shop.dashboard_refund(4_000)
    await shop.deliver()

    after = await money(shop, payment["id"])
    assert (after["amountRefunded"]["amount"], after["amountRefundable"]["amount"]) == (4_000, 6_000)
    assert await reconciled(shop) == []


async def test_a_release_that_was_written_down_as_a_refund_is_put_right(shop: Shop) -> None:
    """Versions before this one did so."""
    shop.sandbox.set_up(releases="refunds")
    payment = await held(shop)
    given = {"paymentId": payment["id"], "amount": {"amount": 6_000, "currency": "USD"}}
    await shop.staff.do("capturePayment", input=given, key=key())
    row = await Payment.get(stripe_payment_intent_id=intent_id(shop))
    (release,) = [refund for refund in shop.sandbox.snapshot().refunds if refund["amount"] == 4_000]
    await Refund.create(
        payment_id=row.id,
        livemode=False,
        amount_minor=4_000,
        currency="USD",
        status=RefundStatus.SUCCEEDED,
        reason="OTHER",
        stripe_refund_id=release["id"],
    )
    await Payment.filter(id=row.id).update(refunded_minor=4_000)

    found = await reconciled(shop)
    left = await reconciled(shop, repair=True)

    after = await money(shop, payment["id"])
    assert DiscrepancyKind.REFUND_DRIFT in {finding.kind for finding in found}
    assert left == []
    assert (after["amountRefunded"]["amount"], after["amountRefundable"]["amount"]) == (0, 6_000)
    assert [refund["status"] for refund in after["refunds"]] == ["CANCELED"]


# -- more than was asked for, or something else ----------------------------------------------------------------------


async def test_more_than_was_asked_for_is_recorded_and_can_be_given_back(shop: Shop) -> None:
    payment = await shop.prepared()
    intent = intent_id(shop)
    await shop.stripe(f"payment_intents/{intent}", {"amount": 12_000})
    with capture_logs() as logs:
        await shop.browser_confirms("pm_card_visa")
        await shop.deliver()

    after = await money(shop, payment["id"])
    assert (after["status"], after["amount"]["amount"]) == ("SUCCEEDED", 10_000)
    assert after["providerAmount"] == {"amount": 12_000, "currency": "USD"}
    assert after["amountCaptured"] == {"amount": 12_000, "currency": "USD"}
    assert (after["order"]["paymentStatus"], after["order"]["amountPaid"]["amount"]) == ("OVERPAID", 12_000)
    assert "payment.not_as_asked" in {line["event"] for line in logs if line["log_level"] == "error"}
    (finding,) = await Discrepancy.filter(state="OPEN")
    assert (finding.kind, finding.subject, finding.run_id) == (DiscrepancyKind.AMOUNT_DRIFT, intent, None)
    integrity = await shop.staff.ask("{ integrity { healthy openDiscrepancies } }")
    assert integrity["integrity"] == {"healthy": False, "openDiscrepancies": 1}
    await nothing_is_dead(shop)

    refund = await shop.refund(payment["id"], 12_000)

    assert refund["errors"] == []
    assert (await money(shop, payment["id"]))["order"]["paymentStatus"] == "REFUNDED"
    assert [found.id for found in await reconciled(shop, repair=True)][:1] == [finding.id]


async def test_a_payment_that_another_program_has_changed_is_not_confirmed_by_us(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 12_000})
    await sync(shop, payment["id"])

    payload = await shop.buyer.do(
        "confirmPayment",
        paymentId=payment["id"],
        paymentMethodId="pm_card_visa",
        returnUrl="https://shop.example/",
        key=key(),
    )

    assert [error["code"] for error in payload["errors"]] == ["INVALID_STATE"]
    assert "CONFIRM" not in payload["errors"][0]["allowedActions"]
    assert shop.sandbox.snapshot().charges == []


async def test_more_that_is_held_is_taken_only_as_far_as_it_was_asked_for(shop: Shop) -> None:
    payment = await held_by_card(shop, "request_incremental_authorization")
    await shop.stripe(f"payment_intents/{intent_id(shop)}/increment_authorization", {"amount": 12_000})
    await shop.deliver()
    await sync(shop, payment["id"])
    before = await money(shop, payment["id"])

    too_much = await shop.staff.do(
        "capturePayment",
        input={"paymentId": payment["id"], "amount": {"amount": 12_000, "currency": "USD"}},
        key=key(),
    )
    payload = await shop.staff.do("capturePayment", input={"paymentId": payment["id"]}, key=key())

    assert (before["amountCapturable"]["amount"], before["status"]) == (12_000, "REQUIRES_CAPTURE")
    assert [error["code"] for error in too_much["errors"]] == ["AMOUNT_EXCEEDS_CAPTURABLE"]
    assert payload["errors"] == []
    assert (await money(shop, payment["id"]))["amountCaptured"]["amount"] == 10_000


async def test_what_another_program_takes_of_what_it_held_more_is_recorded(shop: Shop) -> None:
    payment = await held_by_card(shop, "request_incremental_authorization")
    intent = intent_id(shop)
    await shop.stripe(f"payment_intents/{intent}/increment_authorization", {"amount": 12_000})
    await shop.stripe(f"payment_intents/{intent}/capture", {"amount_to_capture": 12_000})

    await shop.deliver()

    after = await money(shop, payment["id"])
    assert (after["amountCaptured"]["amount"], after["order"]["paymentStatus"]) == (12_000, "OVERPAID")
    await nothing_is_dead(shop)


async def test_what_another_program_takes_above_what_was_held_is_recorded(shop: Shop) -> None:
    payment = await held_by_card(shop, "request_overcapture")
    await shop.stripe(f"payment_intents/{intent_id(shop)}/capture", {"amount_to_capture": 11_000})

    await shop.deliver()

    after = await money(shop, payment["id"])
    assert (after["amountCaptured"]["amount"], after["order"]["paymentStatus"]) == (11_000, "OVERPAID")
    await nothing_is_dead(shop)
    assert (await shop.refund(payment["id"], 11_000))["errors"] == []


async def test_a_hold_of_less_than_the_order_owes_is_no_authorization(shop: Shop) -> None:
    """A shop ships on AUTHORIZED."""
    payload = await shop.staff.do(
        "createPayment",
        input={
            "orderId": await shop.order(),
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "captureMethod": "MANUAL",
        },
        key=key(),
    )
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 50})
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    after = await money(shop, payload["payment"]["id"])
    assert (after["status"], after["amountCapturable"]["amount"]) == ("REQUIRES_CAPTURE", 50)
    assert after["order"]["paymentStatus"] == "PENDING"


async def test_money_in_another_currency_is_never_taken_for_ours(shop: Shop) -> None:
    payment = await shop.prepared()
    intent = intent_id(shop)
    await shop.stripe(f"payment_intents/{intent}", {"currency": "jpy"})
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    after = await money(shop, payment["id"])
    assert after["amount"] == {"amount": 10_000, "currency": "USD"}
    assert after["providerAmount"] == after["amountCaptured"] == {"amount": 10_000, "currency": "JPY"}
    assert after["amountRefundable"] == {"amount": 10_000, "currency": "JPY"}
    assert (after["order"]["paymentStatus"], after["order"]["amountPaid"]) == (
        "UNPAID",
        {"amount": 0, "currency": "USD"},
    )
    assert after["order"]["amountDue"]["amount"] == 10_000
    assert {found.kind for found in await Discrepancy.filter(state="OPEN")} == {DiscrepancyKind.CURRENCY_DRIFT}
    await nothing_is_dead(shop)
    assert {found.kind for found in await reconciled(shop)} == {DiscrepancyKind.CURRENCY_DRIFT}

    in_dollars = await shop.refund(payment["id"], 5_000)
    given = {"paymentId": payment["id"], "amount": {"amount": 4_000, "currency": "JPY"}, "reason": "OTHER"}
    part = await shop.staff.do("refundPayment", input=given, key=key())
    rest = await shop.refund(payment["id"])
    await shop.deliver()

    assert [error["code"] for error in in_dollars["errors"]] == ["CURRENCY_MISMATCH"]
    assert (part["errors"], rest["errors"]) == ([], [])
    after = await money(shop, payment["id"])
    assert [refund["amount"] for refund in after["refunds"]] == [
        {"amount": 4_000, "currency": "JPY"},
        {"amount": 6_000, "currency": "JPY"},
    ]
    assert after["amountRefunded"] == {"amount": 10_000, "currency": "JPY"}
    assert after["order"]["amountRefunded"]["amount"] == 0
    assert {found.kind for found in await reconciled(shop)} == {DiscrepancyKind.CURRENCY_DRIFT}


async def test_an_accepted_difference_is_no_news_the_next_night(shop: Shop) -> None:
    await shop.prepared()
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 12_000})
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()
    (finding,) = (await shop.staff.ask("{ discrepancies { edges { node { id } } } }"))["discrepancies"]["edges"]
    resolve = """mutation R($id: ID!) { resolveDiscrepancy(id: $id, resolution: "the other program was right") {
      errors { code message } } }"""
    assert (await shop.staff.ask(resolve, id=finding["node"]["id"]))["resolveDiscrepancy"]["errors"] == []

    assert [found.kind for found in await reconciled(shop) if found.kind is DiscrepancyKind.AMOUNT_DRIFT] == []


# -- what was fetched just now is the truth --------------------------------------------------------------------------


async def refund_at_stripe(shop: Shop) -> str:
    return str(shop.sandbox.snapshot().refunds[-1]["id"])


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


# -- a slow look undoes nothing --------------------------------------------------------------------------------------


async def reached(shop: Shop, number: int) -> None:
    async with asyncio.timeout(20):
        while not any(rule["fired"] for rule in shop.sandbox.faults() if rule["id"] == number):
            await asyncio.sleep(0.005)


async def test_a_slow_look_does_not_undo_what_was_learnt_of_a_dispute(shop: Shop) -> None:
    payment = await shop.paid()
    dispute = await shop.stripe("disputes", {"payment_intent": intent_id(shop), "status": "needs_response"})
    await shop.deliver()
    number = shop.sandbox.fault(kind="hold_after", method="GET", path="/v1/disputes")
    slow = asyncio.create_task(shop.staff.do("syncPayment", paymentId=payment["id"]))
    await reached(shop, number)
    await shop.stripe(f"disputes/{dispute['id']}", {"status": "won"})
    await sync(shop, payment["id"])
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
    await sync(shop, payment["id"])

    shop.sandbox.clear_faults()
    await slow

    after = await money(shop, payment["id"])
    assert (after["amountRefunded"]["amount"], after["refunds"][0]["status"]) == (3_000, "SUCCEEDED")


async def test_a_slow_look_does_not_undo_a_look_that_found_nothing_new(shop: Shop) -> None:
    """The slow one was asked before the dispute was won, the quick one after it: the row did not change between."""
    payment = await shop.paid()
    dispute = await shop.stripe("disputes", {"payment_intent": intent_id(shop), "status": "needs_response"})
    number = shop.sandbox.fault(kind="hold_after", method="GET", path="/v1/disputes")
    slow = asyncio.create_task(shop.staff.do("syncPayment", paymentId=payment["id"]))
    await reached(shop, number)
    await shop.stripe(f"disputes/{dispute['id']}", {"status": "won"})
    before = await money(shop, payment["id"])
    await sync(shop, payment["id"])
    assert (await money(shop, payment["id"]))["version"] == before["version"]

    shop.sandbox.clear_faults()
    await slow

    after = await money(shop, payment["id"])
    assert (after["amountDisputed"]["amount"], after["version"]) == (0, before["version"])
