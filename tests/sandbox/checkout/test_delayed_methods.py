"""Delayed methods: debits that fail late or are taken back, vouchers and codes that expire, transfers in parts."""

from typing import Any

import pytest
import stripe

from tests.sandbox.checkout.test_setups_and_mandates import AGREED
from tests.sandbox.shapes import problems
from tests.sandbox.stripe_account import DAY, Json, StripeAccount

BACK = "https://shop.test/back"
INSTRUCTIONS = "display_bank_transfer_instructions"
Paid = tuple[str, str, int]  # a method, its currency, and the days until its bank answers
SEPA: Paid = ("pm_success_de", "eur", 5)
ACH: Paid = ("pm_usBankAccount_success", "usd", 4)


async def _debit(account: StripeAccount, method: str, currency: str) -> Any:
    return await account.intent(method, currency=currency, confirm=True, mandate_data=AGREED)


def _types_since(account: StripeAccount, number: int) -> list[str]:
    return [event["type"] for event in account.events()[number:]]


async def _voucher(account: StripeAccount, kind: str, currency: str, **more: Any) -> Any:
    intent = await account.intent(None, currency=currency, automatic_payment_methods={"enabled": True}, **more)
    return await account.v1.payment_intents.confirm_async(
        intent.id, {"payment_method_data": {"type": kind}, "return_url": BACK}
    )


async def _transfer(account: StripeAccount, customer: str, amount: int = 10_000, **more: Any) -> Any:
    """Make a payment that waits for a transfer of its customer."""
    intent = await account.intent(
        None, amount, currency="eur", customer=customer, automatic_payment_methods={"enabled": True}
    )
    return await account.v1.payment_intents.confirm_async(
        intent.id, {"payment_method_data": {"type": "customer_balance"}, "return_url": BACK, **more}
    )


async def _send(account: StripeAccount, customer: str, amount: int, **more: str) -> Any:
    return await account.v1.test_helpers.customers.fund_cash_balance_async(
        customer, {"amount": amount, "currency": "eur", **more}
    )


@pytest.mark.parametrize("paid", [SEPA, ACH], ids=["sepa", "ach"])
async def test_a_debit_is_in_processing_until_its_bank_answers(account: StripeAccount, paid: Paid) -> None:
    method, currency, days = paid
    intent = await _debit(account, method, currency)

    account.sandbox.advance(days * DAY - 60)
    before = await account.again(intent)
    account.sandbox.advance(60)

    after = await account.again(intent)
    assert (before.status, before.latest_charge.status, before.latest_charge.paid) == ("processing", "pending", False)
    assert (after.status, after.latest_charge.status, after.amount_received) == ("succeeded", "succeeded", 10_000)
    assert [*_types_since(account, 0)] == [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]


@pytest.mark.parametrize("method", ["pm_failed_de", "pm_failedDelayed_de", "pm_insufficientFunds_de"])
async def test_a_debit_fails_days_later(account: StripeAccount, method: str) -> None:
    intent = await _debit(account, method, "eur")

    account.sandbox.advance(5 * DAY)

    after = await account.again(intent)
    assert (after.status, after.latest_charge.status) == ("requires_payment_method", "failed")
    assert after.last_payment_error.code == "payment_intent_payment_attempt_failed"
    assert problems(after.to_dict()) == []


async def test_a_bank_decides_by_a_lever(account: StripeAccount) -> None:
    paid, failed = [await _debit(account, *SEPA[:2]) for _ in range(2)]

    await account.lever("POST", "settle", {"id": paid.id})
    await account.lever("POST", "settle", {"id": failed.id, "outcome": "failed"})

    assert [(await account.again(intent)).status for intent in (paid, failed)] == [
        "succeeded",
        "requires_payment_method",
    ]


async def test_a_bank_that_never_answers_leaves_a_debit_in_processing(account: StripeAccount) -> None:
    intent = await account.pay("pm_usBankAccount_processing")

    account.sandbox.advance(365 * DAY)

    assert (await account.again(intent)).status == "processing"
    canceled = await account.v1.payment_intents.cancel_async(intent.id)
    assert canceled.status == "canceled"


@pytest.mark.parametrize("paid", [SEPA, ACH], ids=["sepa", "ach"])
@pytest.mark.parametrize("reason", ["debit_not_authorized", "insufficient_funds", "bank_cannot_process"])
async def test_a_debit_is_taken_back_after_it_succeeded(account: StripeAccount, paid: Paid, reason: str) -> None:
    intent = await _debit(account, *paid[:2])
    account.sandbox.settle()
    before = len(account.events())

    dispute = await account.lever("POST", f"payment_intents/{intent.id}/return", {"reason": reason})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.refund(intent)

    after = await account.again(intent)
    details = after.latest_charge.payment_method_details
    mandate = await account.v1.mandates.retrieve_async(details[details.type].mandate)
    assert (dispute["status"], dispute["reason"], dispute["amount"]) == ("lost", reason, 10_000)
    assert (dispute["is_charge_refundable"], dispute["evidence_details"]["due_by"]) == (False, None)
    assert (after.status, after.latest_charge.disputed, caught.value.code) == ("succeeded", True, "charge_disputed")
    assert mandate.status == ("inactive" if reason == "debit_not_authorized" else "active")
    assert _types_since(account, before)[:3] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    assert [moved["amount"] for moved in account.sandbox.snapshot().balance_transactions] == [10_000, -10_000]
    assert problems(dispute) == []


@pytest.mark.parametrize(("method", "currency"), [("pm_disputed_de", "eur"), ("pm_usBankAccount_dispute", "usd")])
async def test_an_account_that_contests_does_so_once_it_is_debited(
    account: StripeAccount, method: str, currency: str
) -> None:
    intent = await _debit(account, method, currency)
    account.sandbox.advance(5 * DAY)

    [dispute] = account.sandbox.snapshot().disputes
    assert (dispute["payment_intent"], dispute["status"]) == (intent.id, "lost")


async def test_only_a_debit_is_taken_back(account: StripeAccount) -> None:
    card, waiting = await account.pay(), await _debit(account, *SEPA[:2])

    refused = [
        await account.browser.post(f"/_sandbox/payment_intents/{intent.id}/return", json={})
        for intent in (card, waiting)
    ]

    assert [answer.status_code for answer in refused] == [400, 400]
    assert account.sandbox.snapshot().disputes == []


async def test_a_debit_is_paid_back_days_later(account: StripeAccount) -> None:
    intent = await _debit(account, *SEPA[:2])
    account.sandbox.settle()

    refund = await account.refund(intent, 4_000)
    account.sandbox.advance(3 * DAY)

    after = await account.v1.refunds.retrieve_async(refund.id)
    assert (refund.status, refund.destination_details.type, after.status) == (
        "pending",
        "eu_bank_transfer",
        "succeeded",
    )


@pytest.mark.parametrize(
    ("kind", "currency", "option", "seconds"),
    [
        ("boleto", "brl", {"expires_after_days": 7}, 7 * DAY),
        ("oxxo", "mxn", {"expires_after_days": 1}, DAY),
        ("konbini", "jpy", {"expires_after_days": 10}, 10 * DAY),
        ("pix", "brl", {"expires_after_seconds": 600}, 600),
    ],
)
async def test_a_voucher_expires_when_the_payment_says(
    account: StripeAccount, kind: str, currency: str, option: Json, seconds: float
) -> None:
    waiting = await _voucher(account, kind, currency, payment_method_options={kind: option})
    asked = waiting.next_action[waiting.next_action.type]
    until = asked["expires_after"] if kind == "oxxo" else asked["expires_at"]
    page = asked["hosted_instructions_url"] if kind == "pix" else asked["hosted_voucher_url"]

    account.sandbox.advance(seconds - 60)
    shown = await account.browser.get(page)
    before = await account.again(waiting)
    account.sandbox.advance(60)
    gone = await account.browser.get(page)

    after = await account.again(waiting)
    assert 0 <= until - seconds - waiting.created < 5  # from the confirmation on, which was a moment later
    assert (shown.status_code, gone.status_code) == (200, 404)
    assert (before.status, after.status) == ("requires_action", "requires_payment_method")
    assert after.last_payment_error.code == "payment_intent_payment_attempt_expired"
    assert (await account.v1.payment_intents.cancel_async(waiting.id)).status == "canceled"


@pytest.mark.parametrize(
    ("kind", "option"), [("oxxo", {"expires_after_days": 8}), ("pix", {"expires_after_seconds": 9})]
)
async def test_a_voucher_lives_as_long_as_stripe_allows(account: StripeAccount, kind: str, option: Json) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.intent(None, currency="mxn", payment_method_options={kind: option})

    assert caught.value.param == f"payment_method_options[{kind}][{next(iter(option))}]"


async def test_a_transfer_in_parts_pays_when_it_is_complete(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    waiting = await _transfer(account, customer.id)

    await _send(account, customer.id, 4_000)
    partly = await account.again(waiting)
    await _send(account, customer.id, 6_500)

    after = await account.again(waiting)
    balance = await account.v1.customers.cash_balance.retrieve_async(customer.id)
    moved = (await account.v1.customers.cash_balance_transactions.list_async(customer.id)).data
    assert waiting.next_action.display_bank_transfer_instructions.amount_remaining == 10_000
    assert (partly.status, partly.latest_charge, partly.amount_received) == ("requires_action", None, 0)
    assert partly.next_action.display_bank_transfer_instructions.amount_remaining == 6_000
    assert (after.status, after.amount_received) == ("succeeded", 10_000)
    assert balance.available.to_dict() == {"eur": 500}
    assert [(one.type, one.net_amount, one.ending_balance) for one in moved[::-1]] == [
        ("funded", 4_000, 4_000),
        ("applied_to_payment", -4_000, 0),
        ("funded", 6_500, 6_500),
        ("applied_to_payment", -6_000, 500),
    ]
    assert [problems(one.to_dict()) for one in (*moved, balance, partly)] == [[]] * 6
    assert (
        len(account.events("payment_intent.partially_funded"))
        == len(account.events("cash_balance.funds_available"))
        == 1
    )


async def test_a_transfer_finds_the_payment_that_it_names(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    oldest, same, named = [await _transfer(account, customer.id, amount) for amount in (9_000, 5_000, 7_000)]
    reference = named.next_action.display_bank_transfer_instructions.reference

    await _send(account, customer.id, 7_000, reference=f"Order 7, {reference}")
    await _send(account, customer.id, 5_000)
    await _send(account, customer.id, 1_000)

    assert [(await account.again(intent)).status for intent in (named, same, oldest)] == [
        "succeeded",
        "succeeded",
        "requires_action",
    ]
    told = (await account.again(oldest)).next_action.display_bank_transfer_instructions
    assert told.amount_remaining == 8_000


async def test_money_that_came_first_pays_at_once(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    await _send(account, customer.id, 12_000)

    paid = await _transfer(account, customer.id)
    partly = await _transfer(account, customer.id)

    assert (paid.status, partly.status) == ("succeeded", "requires_action")
    assert partly.next_action.display_bank_transfer_instructions.amount_remaining == 8_000


async def test_what_a_canceled_payment_got_goes_back_to_the_customer(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    waiting = await _transfer(account, customer.id)
    await _send(account, customer.id, 4_000)

    await account.v1.payment_intents.cancel_async(waiting.id)

    balance = await account.v1.customers.cash_balance.retrieve_async(customer.id)
    assert balance.available.to_dict() == {"eur": 4_000}


async def test_what_came_for_a_transfer_goes_back_when_the_payer_pays_by_card(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    waiting = await _transfer(account, customer.id)
    await _send(account, customer.id, 4_000)

    paid = await account.v1.payment_intents.confirm_async(
        waiting.id, {"payment_method": "pm_card_visa", "return_url": BACK}
    )

    balance = await account.v1.customers.cash_balance.retrieve_async(customer.id)
    assert (paid.status, paid.amount_received) == ("succeeded", 10_000)
    assert balance.available.to_dict() == {"eur": 4_000}


async def test_money_is_matched_by_hand_where_the_customer_wants_it(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    await account.v1.customers.cash_balance.update_async(customer.id, {"settings": {"reconciliation_mode": "manual"}})
    waiting = await _transfer(account, customer.id)
    await _send(account, customer.id, 10_000)
    before = await account.again(waiting)

    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.payment_intents.apply_customer_balance_async(waiting.id, {"amount": 10_001})
    paid = await account.v1.payment_intents.apply_customer_balance_async(waiting.id)

    assert (before.status, paid.status) == ("requires_action", "succeeded")


async def test_a_transfer_is_paid_back_to_the_customers_balance(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({})
    await _send(account, customer.id, 10_000)
    paid = await _transfer(account, customer.id)

    refund = await account.refund(paid, 3_000)

    balance = await account.v1.customers.cash_balance.retrieve_async(customer.id)
    assert (refund.destination_details.type, balance.available.to_dict()) == ("customer_cash_balance", {"eur": 3_000})


async def test_a_search_may_be_a_minute_late(account: StripeAccount) -> None:
    await account.lever("POST", "settings", {"search_index": "late"})
    made = await account.intent(None, metadata={"order": "R-1"})
    query = {"query": "metadata['order']:'R-1'"}

    early = await account.v1.payment_intents.search_async(query)
    account.sandbox.advance(61)
    late = await account.v1.payment_intents.search_async(query)

    assert ([found.id for found in early.data], [found.id for found in late.data]) == ([], [made.id])


async def test_notifications_say_where_a_customers_money_is_read(account: StripeAccount) -> None:
    await account.lever("POST", "settings", {"event_payload": "thin"})
    customer = await account.v1.customers.create_async({})
    await _send(account, customer.id, 500)

    await account.sandbox.deliver_due()

    urls = [note["related_object"]["url"] for note in account.webhooks.events]
    assert [(await account.http.get(url)).status_code for url in urls] == [200, 200, 200]
    assert urls[-1] == f"/v1/customers/{customer.id}/cash_balance"
