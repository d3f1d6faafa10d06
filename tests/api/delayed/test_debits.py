"""Bank debits (SEPA, ACH): days in processing, failures then, and debits that a bank takes back after success."""

from typing import Any

import pytest

from models import Discrepancy, PaymentFailure
from tests.api.delayed.ways import ACH, CURRENCIES, SEPA, Way, begin_on, begun, intent, pass_days, shown, unpaid
from tests.reconcile.faults import reconcile
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(currencies=CURRENCIES)

DEBITS = {"sepa": (SEPA, 5), "ach": (ACH, 4)}
FAILING = {
    "sepa, not covered": ("pm_insufficientFunds_de", "EUR", "Die Deckung reicht für diese Zahlung nicht aus."),
    "sepa, failed": ("pm_failed_de", "EUR", "Die Zahlung konnte nicht verarbeitet werden."),
    "ach, closed": ("pm_usBankAccount_accountClosed", "USD", "Das Bankkonto ist geschlossen."),
    "ach, no account": ("pm_usBankAccount_noAccount", "USD", "Die Bankverbindung ist nicht korrekt."),
    "ach, not authorized": ("pm_usBankAccount_debitNotAuthorized", "USD", "Die Zustimmung zur Nutzung"),
}
OF_THE_BUYER = """query L($id: ID!) { payment(id: $id) { id failedAt order { id }
  lastError { ... on CardDeclinedError { customerMessage(locale: "de-AT") retry } }
  timeline { nodes { type fromStatus toStatus } } } }"""


def _steps(payment: Json) -> list[tuple[str, str | None]]:
    return [(event["type"], event["toStatus"]) for event in payment["timeline"]["nodes"]]


async def _as_buyer(shop: Shop, payment: Json) -> Json:
    found: Json = (await shop.buyer.ask(OF_THE_BUYER, id=payment["id"]))["payment"]
    return found


@pytest.mark.parametrize("name", DEBITS)
async def test_a_debit_is_paid_when_its_bank_says_so_and_not_a_day_before(shop: Shop, name: str) -> None:
    way, days = DEBITS[name]
    payment = await begun(shop, way)

    each_day = []
    for _ in range(days):
        each_day.append(await shown(shop.staff, payment["id"]))
        await pass_days(shop, 1)

    after = await shown(shop.staff, payment["id"])
    assert [(day["status"], day["order"]["paymentStatus"]) for day in each_day] == [("PROCESSING", "PENDING")] * days
    assert [unpaid(day) for day in each_day] == [True] * days
    assert (after["status"], after["order"]["paymentStatus"]) == ("SUCCEEDED", "PAID")
    assert after["order"]["paidAt"] == after["paidAt"] == after["capturedAt"]
    assert after["paidAt"] is not None


@pytest.mark.parametrize("name", FAILING)
async def test_a_debit_that_fails_days_later_is_a_fact_and_the_order_is_paid_otherwise(shop: Shop, name: str) -> None:
    method, currency, text = FAILING[name]
    payment = await begun(shop, Way(method, currency))

    await pass_days(shop, 5)

    after, told = await shown(shop.staff, payment["id"]), await _as_buyer(shop, payment)
    [failure] = await PaymentFailure.all()
    assert (payment["status"], payment["order"]["paymentStatus"]) == ("PROCESSING", "PENDING")
    assert (after["status"], after["order"]["paymentStatus"]) == ("REQUIRES_PAYMENT_METHOD", "UNPAID")
    assert (unpaid(payment), unpaid(after)) == (True, True)
    assert told["lastError"]["customerMessage"].startswith(text)
    assert ("payment.declined", "REQUIRES_PAYMENT_METHOD") in _steps(told)
    assert failure.failed_at is not None
    given = {"paymentId": payment["id"], "paymentMethodId": "pm_card_visa", "returnUrl": "https://shop.example/back"}
    paid = await shop.buyer.do("confirmPayment", input=given, key=key())
    assert (paid["errors"], paid["payment"]["order"]["paymentStatus"]) == ([], "PAID")
    assert (await shown(shop.staff, payment["id"]))["order"]["amountPaid"] == {"amount": 10_000}


async def test_nothing_else_can_be_paid_while_a_debit_is_on_its_way(shop: Shop) -> None:
    payment = await begun(shop, SEPA)
    order_id = (await _as_buyer(shop, payment))["order"]["id"]

    another = await begin_on(shop, order_id, SEPA)
    given = {"paymentId": payment["id"], "paymentMethodId": "pm_card_visa", "returnUrl": "https://shop.example/back"}
    instead = await shop.buyer.do("confirmPayment", input=given, key=key())
    canceled = await shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())

    codes = [[error["code"] for error in payload["errors"]] for payload in (another, instead, canceled)]
    assert codes == [["ACTIVE_PAYMENT_EXISTS"], ["INVALID_STATE"], ["INVALID_STATE"]]
    assert len(shop.sandbox.snapshot().charges) == 1


@pytest.mark.parametrize("name", DEBITS)
@pytest.mark.parametrize("reason", ["debit_not_authorized", "insufficient_funds"])
async def test_a_debit_that_is_taken_back_is_no_longer_settled(shop: Shop, name: str, reason: str) -> None:
    """Stripe makes a dispute of it that is lost at once: nothing can be answered, and nothing refunded."""
    way, days = DEBITS[name]
    payment = await begun(shop, way)
    await pass_days(shop, days)
    paid = await shown(shop.staff, payment["id"])
    await pass_days(shop, 20)

    await shop.stripe(f"payment_intents/{intent(shop)['id']}/return", {"reason": reason})
    await shop.deliver()

    after, told = await shown(shop.staff, payment["id"]), await _as_buyer(shop, payment)
    refund = await shop.staff.do("refundPayment", input={"paymentId": payment["id"], "reason": "OTHER"}, key=key())
    assert paid["order"]["paymentStatus"] == "PAID"
    assert after["order"]["paymentStatus"] == "DISPUTED"
    assert (after["status"], after["amountCaptured"], after["amountDisputed"]) == (
        "SUCCEEDED",
        {"amount": 10_000},
        {"amount": 10_000},
    )
    assert after["allowedActions"] == ["SYNC"]
    assert [error["code"] for error in refund["errors"]] == ["CHARGE_DISPUTED"]
    assert _steps(told)[-1] == ("payment.disputed", "SUCCEEDED")
    await _agrees(shop)


async def _agrees(shop: Shop) -> None:
    """Reconcile, and see that nothing differs."""
    run = await reconcile(shop)
    found = [(row.kind, row.local, row.provider) for row in await Discrepancy.all()]
    assert (found, run.checked > 0) == ([], True)


@pytest.mark.parametrize("step", ["processing", "paid", "failed", "taken back"])
async def test_reconciliation_agrees_at_every_step_of_a_debit(shop: Shop, step: str) -> None:
    await begun(shop, Way("pm_failed_de", "EUR") if step == "failed" else SEPA)
    if step != "processing":
        await pass_days(shop, 5)
    if step == "taken back":
        await shop.stripe(f"payment_intents/{intent(shop)['id']}/return", {})
        await shop.deliver()

    await _agrees(shop)


async def test_an_account_that_contests_at_once_is_paid_and_taken_back_in_one_look(shop: Shop) -> None:
    payment = await begun(shop, Way("pm_disputed_de", "EUR"))

    await pass_days(shop, 5)

    after = await shown(shop.staff, payment["id"])
    assert (after["status"], after["order"]["paymentStatus"]) == ("SUCCEEDED", "DISPUTED")
    assert after["amountDisputed"] == {"amount": 10_000}


async def test_events_backwards_end_a_debit_that_is_taken_back_the_same(shop: Shop) -> None:
    payment = await begun(shop, ACH)
    before = len(shop.sandbox.snapshot().events)
    shop.sandbox.advance(4 * 86_400)
    await shop.stripe(f"payment_intents/{intent(shop)['id']}/return", {})
    late: list[Any] = shop.sandbox.snapshot().events[before:]

    for event in reversed(late):
        await shop.stripe(f"events/{event['id']}/resend", {})
        await shop.deliver()

    after = await shown(shop.staff, payment["id"])
    assert (after["order"]["paymentStatus"], after["amountDisputed"]) == ("DISPUTED", {"amount": 10_000})


async def test_a_debit_whose_bank_never_answers_is_given_up_at_stripe_and_paid_otherwise(shop: Shop) -> None:
    """Stripe lets some debits be cancelled while they are on their way; that is for the staff, in its Dashboard."""
    payment = await begun(shop, Way("pm_usBankAccount_processing", "USD"))
    order_id = (await _as_buyer(shop, payment))["order"]["id"]
    await pass_days(shop, 60)
    waiting = await shown(shop.staff, payment["id"])

    await shop.stripe(f"payment_intents/{intent(shop)['id']}/cancel", {})
    await shop.deliver()

    ended = await shown(shop.staff, payment["id"])
    another = await shop.pay(order_id)
    assert (waiting["status"], waiting["order"]["paymentStatus"], unpaid(waiting)) == ("PROCESSING", "PENDING", True)
    assert (ended["status"], ended["order"]["paymentStatus"], unpaid(ended)) == ("CANCELED", "UNPAID", True)
    assert (another["errors"], another["payment"]["order"]["paymentStatus"]) == ([], "PAID")
