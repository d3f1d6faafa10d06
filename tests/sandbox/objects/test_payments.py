"""PaymentIntents: the state machine, declines, 3D Secure, manual capture, bank debits."""

from typing import Any

import pytest
import stripe

from sandbox.customers.kinds import KINDS
from sandbox.customers.methods import METHODS
from tests.sandbox.stripe_account import DAY, StripeAccount

DECLINES = [
    ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", "try_again_later"),
    ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again"),
    ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", "do_not_try_again"),
    ("pm_card_visa_chargeDeclinedFraudulent", "card_declined", "fraudulent", "do_not_try_again"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "do_not_try_again"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "confirm_card_data"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", "try_again_later"),
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", "try_again_later"),
]


async def test_a_card_is_charged_once_it_is_confirmed(account: StripeAccount) -> None:
    intent = await account.intent(metadata={"order": "7"}, description="A book")
    before = list(account.sandbox.snapshot().charges)

    paid = await account.v1.payment_intents.confirm_async(
        intent.id, {"expand": ["latest_charge.balance_transaction", "payment_method"]}
    )

    assert (intent.status, before) == ("requires_confirmation", [])
    assert (paid.status, paid.amount_received, paid.amount_capturable) == ("succeeded", 10_000, 0)
    assert (paid.metadata["order"], paid.livemode) == ("7", False)
    assert paid.client_secret.startswith(f"{intent.id}_secret_")
    assert (paid.payment_method.card.brand, paid.payment_method.card.last4) == ("visa", "4242")
    charge = paid.latest_charge
    assert (charge.status, charge.captured, charge.amount_captured, charge.amount_refunded) == (
        "succeeded",
        True,
        10_000,
        0,
    )
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (320, 9_680)
    assert [e["type"] for e in account.events()] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]


async def test_an_intent_may_be_confirmed_as_it_is_created(account: StripeAccount) -> None:
    paid = await account.intent(confirm=True)

    assert paid.status == "succeeded"


async def test_fees_come_a_moment_later_when_capture_is_asynchronous(account: StripeAccount) -> None:
    paid = await account.pay(capture_method="automatic_async")
    first = paid.latest_charge.balance_transaction

    account.sandbox.advance(5)

    charge = (await account.again(paid)).latest_charge
    [updated] = account.events("charge.updated")
    assert first is None
    assert charge.balance_transaction.startswith("txn_")
    assert updated["data"]["previous_attributes"] == {"balance_transaction": None}
    assert updated["data"]["object"]["balance_transaction"] == charge.balance_transaction
    assert updated["request"] == {"id": None, "idempotency_key": None}


@pytest.mark.parametrize(("method", "code", "reason", "advice"), DECLINES)
async def test_a_decline_names_its_reason_and_leaves_the_intent_open(
    account: StripeAccount, method: str, code: str, reason: str, advice: str
) -> None:
    intent = await account.intent(method)

    with pytest.raises(stripe.CardError) as caught:
        await account.v1.payment_intents.confirm_async(intent.id)

    error = caught.value.json_body["error"]  # type: ignore[index]  # the library calls it object
    assert (caught.value.http_status, error["code"], error["decline_code"], error["advice_code"]) == (
        402,
        code,
        reason,
        advice,
    )
    assert error["payment_method"]["id"] == intent.payment_method
    assert error["payment_intent"]["status"] == "requires_payment_method"
    after = await account.again(intent)
    assert (after.status, after.payment_method, after.last_payment_error.code) == (
        "requires_payment_method",
        None,
        code,
    )
    assert (after.latest_charge.id, after.latest_charge.status) == (error["charge"], "failed")
    assert after.latest_charge.outcome.reason == reason
    assert [e["type"] for e in account.events()][1:] == ["charge.failed", "payment_intent.payment_failed"]


async def test_another_card_pays_the_same_intent_after_a_decline(account: StripeAccount) -> None:
    intent = await account.intent("pm_card_visa_chargeDeclined")
    with pytest.raises(stripe.CardError):
        await account.v1.payment_intents.confirm_async(intent.id)

    paid = await account.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_mastercard"})

    assert (paid.status, paid.last_payment_error) == ("succeeded", None)
    assert [charge["status"] for charge in account.sandbox.snapshot().charges] == ["failed", "succeeded"]


async def test_a_method_that_nobody_keeps_pays_once(account: StripeAccount) -> None:
    paid = await account.pay()
    second = await account.intent(None)

    with pytest.raises(stripe.InvalidRequestError, match="previously used"):
        await account.v1.payment_intents.confirm_async(second.id, {"payment_method": paid.payment_method})


@pytest.mark.parametrize(
    ("result", "status"), [("complete", "succeeded"), ("fail", "requires_payment_method")], ids=["yes", "no"]
)
async def test_3d_secure_is_decided_on_a_page_in_the_browser(account: StripeAccount, result: str, status: str) -> None:
    intent = await account.intent("pm_card_threeDSecure2Required")

    waiting = await account.v1.payment_intents.confirm_async(
        intent.id, {"return_url": "https://shop.test/back?order=7"}
    )
    page = httpx_path(waiting.next_action.redirect_to_url.url)
    shown = await account.browser.get(page)
    sent = await account.browser.post(page, data={"result": result})

    assert (waiting.status, waiting.next_action.type) == ("requires_action", "redirect_to_url")
    assert (shown.status_code, shown.text.count("<button")) == (200, 2)
    assert "100.00 USD" in shown.text
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(f"https://shop.test/back?order=7&payment_intent={intent.id}&")
    after = await account.again(intent)
    assert (after.status, after.next_action) == (status, None)
    if result == "complete":
        assert after.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"
    else:
        assert after.last_payment_error.code == "payment_intent_authentication_failure"
        assert account.sandbox.snapshot().charges == []
    assert (await account.browser.post(page, data={"result": result})).status_code == 404


def httpx_path(url: str) -> str:
    """Return the path of an absolute address."""
    return "/" + url.split("/", 3)[3]


async def test_the_library_of_the_browser_gets_an_action_of_its_own(account: StripeAccount) -> None:
    intent = await account.intent("pm_card_authenticationRequired")

    waiting = await account.v1.payment_intents.confirm_async(intent.id)

    assert waiting.next_action.type == "use_stripe_sdk"
    assert waiting.next_action.use_stripe_sdk["stripe_js"].endswith(f"/_sandbox/3ds/{intent.id}")


async def test_a_card_may_be_declined_after_the_payer_was_authenticated(account: StripeAccount) -> None:
    waiting = await account.pay("pm_card_threeDSecureRequiredChargeDeclined")

    await account.browser.post(f"/_sandbox/3ds/{waiting.id}", data={"result": "complete"})

    after = await account.again(waiting)
    assert (after.status, after.last_payment_error.decline_code) == ("requires_payment_method", "generic_decline")
    assert after.latest_charge.status == "failed"


@pytest.mark.parametrize(("given", "charges"), [({"off_session": True}, 1), ({"error_on_requires_action": True}, 0)])
async def test_without_the_payer_an_action_is_a_decline(
    account: StripeAccount, given: dict[str, bool], charges: int
) -> None:
    intent = await account.intent("pm_card_authenticationRequired")

    with pytest.raises(stripe.CardError) as caught:
        await account.v1.payment_intents.confirm_async(intent.id, given)

    assert caught.value.code == "authentication_required"
    assert (await account.again(intent)).status == "requires_payment_method"
    assert len(account.sandbox.snapshot().charges) == charges


async def test_a_method_that_was_set_up_needs_no_payer_again(account: StripeAccount) -> None:
    customer = await account.v1.customers.create_async({"email": "a@shop.test"})
    keep = {"customer": customer.id, "setup_future_usage": "off_session"}
    waiting = await account.pay("pm_card_authenticationRequiredOnSetup", **keep)
    await account.browser.post(f"/_sandbox/3ds/{waiting.id}", data={"result": "complete"})
    method = (await account.again(waiting)).payment_method

    second = await account.intent(method, customer=customer.id)
    paid = await account.v1.payment_intents.confirm_async(second.id, {"off_session": True})

    assert waiting.status == "requires_action"
    assert paid.status == "succeeded"
    kept = await account.v1.payment_methods.list_async({"customer": customer.id})
    assert [item.id for item in kept.data] == [method]


async def test_held_money_is_captured_in_part_and_the_rest_released(account: StripeAccount) -> None:
    held = await account.pay(capture_method="manual")

    taken = await account.v1.payment_intents.capture_async(
        held.id, {"amount_to_capture": 6_000, "expand": ["latest_charge"]}
    )

    assert (held.status, held.amount_capturable, held.latest_charge.captured) == ("requires_capture", 10_000, False)
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 6_000, 0)
    charge = taken.latest_charge
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (6_000, 0, False)
    assert account.sandbox.snapshot().refunds == []
    [moved] = account.sandbox.snapshot().balance_transactions
    assert (moved["amount"], moved["fee"]) == (6_000, 204)
    assert [e["type"] for e in account.events()][1:] == [
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


async def test_no_more_than_what_is_held_is_captured(account: StripeAccount) -> None:
    held = await account.pay(capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 10_001})

    assert (caught.value.code, caught.value.param) == ("amount_too_large", "amount_to_capture")
    assert (await account.again(held)).status == "requires_capture"


async def test_an_authorisation_expires_after_seven_days(account: StripeAccount) -> None:
    held = await account.pay(capture_method="manual")

    account.sandbox.advance(7 * DAY + 1)

    after = await account.again(held)
    assert (after.status, after.cancellation_reason, after.amount_capturable) == ("canceled", "expired", 0)
    assert (after.latest_charge.captured, after.latest_charge.refunded) == (False, False)
    assert after.canceled_at == after.latest_charge.created + 7 * DAY
    assert [e["type"] for e in account.events()][-2:] == ["charge.expired", "payment_intent.canceled"]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.capture_async(held.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.json_body["error"]["payment_intent"]["status"] == "canceled"  # type: ignore[index]  # as above


async def test_a_canceled_intent_stays_canceled(account: StripeAccount) -> None:
    held = await account.pay(capture_method="manual")

    canceled = await account.v1.payment_intents.cancel_async(held.id, {"cancellation_reason": "duplicate"})

    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "duplicate")
    for act in ("cancel_async", "capture_async", "confirm_async"):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await getattr(account.v1.payment_intents, act)(held.id)
        assert caught.value.code == "payment_intent_unexpected_state"
    assert account.sandbox.snapshot().balance_transactions == []


async def test_money_that_was_taken_cannot_be_canceled(account: StripeAccount) -> None:
    paid = await account.pay()

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.cancel_async(paid.id)

    assert caught.value.code == "payment_intent_unexpected_state"
    assert (await account.again(paid)).amount_received == 10_000


@pytest.mark.parametrize(
    ("method", "status", "charge"),
    [
        ("pm_usBankAccount_success", "succeeded", "succeeded"),
        ("pm_usBankAccount_insufficientFunds", "requires_payment_method", "failed"),
        ("pm_usBankAccount_accountClosed", "requires_payment_method", "failed"),
        ("pm_usBankAccount_debitNotAuthorized", "requires_payment_method", "failed"),
        ("pm_usBankAccount_noAccount", "requires_payment_method", "failed"),
    ],
)
async def test_a_bank_debit_is_decided_days_later(
    account: StripeAccount, method: str, status: str, charge: str
) -> None:
    waiting = await account.pay(method)
    account.sandbox.advance(DAY)
    still = await account.again(waiting)

    account.sandbox.advance(4 * DAY)

    after = await account.again(waiting)
    assert (waiting.status, still.status, still.latest_charge.status) == ("processing", "processing", "pending")
    assert (after.status, after.latest_charge.status) == (status, charge)
    assert after.amount_received == (10_000 if status == "succeeded" else 0)


async def test_a_bank_debit_may_be_settled_by_hand_against_its_nature(account: StripeAccount) -> None:
    first, second = await account.pay("pm_usBankAccount_success"), await account.pay("pm_usBankAccount_success")

    answer = await account.lever("POST", "settle", {"id": first.id, "outcome": "failed"})

    assert answer == {"settled": 1}
    assert (await account.again(first)).status == "requires_payment_method"
    assert (await account.again(second)).status == "processing"


async def test_a_bank_debit_on_its_way_can_be_called_back(account: StripeAccount) -> None:
    waiting = await account.pay("pm_usBankAccount_success")

    canceled = await account.v1.payment_intents.cancel_async(waiting.id)
    account.sandbox.advance(5 * DAY)

    assert canceled.status == "canceled"
    assert (await account.again(waiting)).status == "canceled"
    assert account.sandbox.snapshot().balance_transactions == []


async def test_metadata_is_merged_and_makes_no_event(account: StripeAccount) -> None:
    intent = await account.intent(metadata={"a": "1", "b": "2"})
    events = len(account.events())

    changed = await account.v1.payment_intents.update_async(intent.id, {"metadata": {"b": "", "c": "3"}})

    assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
    assert len(account.events()) == events


@pytest.mark.parametrize("method", sorted(METHODS))
async def test_every_test_method_leads_somewhere(account: StripeAccount, method: str) -> None:
    kind = KINDS[METHODS[method].type]
    given: dict[str, Any] = {"currency": kind.currencies[0] if kind.currencies else "usd"}
    if kind.needs_customer:
        given["customer"] = (await account.v1.customers.create_async({})).id
    intent = await account.intent(method, automatic_payment_methods={"enabled": True}, **given)

    back = {"return_url": "https://shop.test/"}
    if kind.debits:
        back["mandate_data[customer_acceptance][type]"] = "offline"
    response = await account.http.post(f"/v1/payment_intents/{intent.id}/confirm", data=back)

    expected = "requires_payment_method" if METHODS[method].decline else "requires_action processing succeeded"
    assert response.status_code == (402 if METHODS[method].decline else 200)
    assert (await account.again(intent)).status in expected.split()


async def test_another_card_replaces_the_one_that_waits_for_its_payer(account: StripeAccount) -> None:
    """Stripe confirms an intent in `requires_action` anew (docs.stripe.com/api/payment_intents/confirm)."""
    intent = await account.intent("pm_card_threeDSecure2Required")
    waiting = await account.v1.payment_intents.confirm_async(intent.id, {"return_url": "https://shop.example/"})

    paid = await account.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_mastercard", "expand": ["latest_charge"]}
    )

    assert (waiting.status, waiting.next_action.type) == ("requires_action", "redirect_to_url")
    assert (paid.status, paid.next_action) == ("succeeded", None)
    assert paid.payment_method != waiting.payment_method
    assert paid.latest_charge.payment_method_details.card.brand == "mastercard"
    assert len(account.sandbox.snapshot().charges) == 1
