"""Changes of an existing intent: its fields, its authorized amount, its captured amount."""

from typing import Any

import hypothesis
import pytest
import stripe
from hypothesis import strategies as st

from sandbox.payments.releases import RECORDS
from tests.sandbox.stripe_account import DAY, StripeAccount, open_account

FLEXIBLE: dict[str, Any] = {
    "capture_method": "manual",
    "payment_method_options": {
        "card": {
            "request_extended_authorization": "if_available",
            "request_incremental_authorization": "if_available",
            "request_multicapture": "if_available",
            "request_overcapture": "if_available",
        }
    },
}


async def test_an_open_intent_changes_by_the_callers_word(account: StripeAccount) -> None:
    intent = await account.intent(None)
    given = {
        "amount": 12_000,
        "currency": "eur",
        "description": "Two books",
        "metadata": {"order": "8"},
        "receipt_email": "a@shop.test",
        "setup_future_usage": "off_session",
        "shipping": {"name": "A", "address": {"line1": "1 Street"}},
        "statement_descriptor_suffix": "BOOKS",
        "payment_method_options": {"card": {"request_three_d_secure": "any"}},
    }

    changed = await account.v1.payment_intents.update_async(intent.id, given)

    assert (changed.amount, changed.currency, changed.description) == (12_000, "eur", "Two books")
    assert (changed.metadata["order"], changed.receipt_email) == ("8", "a@shop.test")
    assert (changed.setup_future_usage, changed.statement_descriptor_suffix) == ("off_session", "BOOKS")
    assert (changed.shipping.name, changed.shipping.address.line1) == ("A", "1 Street")
    assert changed.payment_method_options.card.request_three_d_secure == "any"
    assert changed.status == "requires_payment_method"
    assert "us_bank_account" not in changed.payment_method_types
    assert [event["type"] for event in account.events()] == ["payment_intent.created"]


async def test_a_new_amount_asks_for_a_new_confirmation(account: StripeAccount) -> None:
    waiting = await account.pay("pm_card_threeDSecureRequired")

    changed = await account.v1.payment_intents.update_async(waiting.id, {"amount": 12_000})

    assert (waiting.status, changed.status, changed.next_action) == ("requires_action", "requires_confirmation", None)


@pytest.mark.parametrize("given", [{"amount": 12_000}, {"currency": "eur"}, {"payment_method": "pm_card_visa"}])
@pytest.mark.parametrize("more", [{}, {"capture_method": "manual"}], ids=["taken", "held"])
async def test_what_was_taken_or_held_changes_no_more(
    account: StripeAccount, given: dict[str, Any], more: dict[str, Any]
) -> None:
    paid = await account.pay(**more)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.update_async(paid.id, given)
    noted = await account.v1.payment_intents.update_async(paid.id, {"metadata": {"note": "1"}, "description": "Sent"})

    assert (caught.value.code, caught.value.param) == ("payment_intent_unexpected_state", next(iter(given)))
    assert (noted.metadata["note"], noted.description, noted.amount) == ("1", "Sent", 10_000)


async def test_a_card_says_what_may_be_done_with_what_is_held(account: StripeAccount) -> None:
    plain, flexible = await account.pay(capture_method="manual"), await account.pay(**FLEXIBLE)

    offers = [
        (card.extended_authorization.status, card.incremental_authorization.status, card.multicapture.status)
        for card in (
            plain.latest_charge.payment_method_details.card,
            flexible.latest_charge.payment_method_details.card,
        )
    ]
    card = flexible.latest_charge.payment_method_details.card
    assert offers == [("disabled", "unavailable", "unavailable"), ("enabled", "available", "available")]
    assert (card.overcapture.status, card.overcapture.maximum_amount_capturable) == ("available", 12_000)
    assert card.capture_before == flexible.latest_charge.created + 30 * DAY


async def test_more_than_was_held_is_captured_where_the_card_allows_it(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 12_001})

    taken = await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 12_000})

    charge = (await account.again(taken)).latest_charge
    assert caught.value.code == "amount_too_large"
    assert (taken.status, taken.amount, taken.amount_received) == ("succeeded", 10_000, 12_000)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (10_000, 12_000, 0)
    assert (await account.refund(taken)).amount == 12_000


async def test_more_is_held_where_the_card_allows_it(account: StripeAccount) -> None:
    plain, held = await account.pay(capture_method="manual"), await account.pay(**FLEXIBLE)
    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.payment_intents.increment_authorization_async(plain.id, {"amount": 12_000})
    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.payment_intents.increment_authorization_async(held.id, {"amount": 10_000})

    more = await account.v1.payment_intents.increment_authorization_async(held.id, {"amount": 15_000})
    account.sandbox.set_up(increments="declined")
    with pytest.raises(stripe.CardError) as caught:
        await account.v1.payment_intents.increment_authorization_async(held.id, {"amount": 20_000})

    after = await account.again(more)
    assert (more.amount, more.amount_capturable, more.status) == (15_000, 15_000, "requires_capture")
    assert (caught.value.code, after.amount) == ("card_declined", 15_000)
    assert after.latest_charge.payment_method_details.card.amount_authorized == 15_000
    assert (await account.v1.payment_intents.capture_async(held.id)).amount_received == 15_000


async def test_held_money_is_taken_in_several_pieces(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)

    first = await account.v1.payment_intents.capture_async(
        held.id, {"amount_to_capture": 3_000, "final_capture": False}
    )
    second = await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 2_000})

    charge = (await account.again(held)).latest_charge
    assert (first.status, first.amount_received, first.amount_capturable) == ("requires_capture", 3_000, 7_000)
    assert (second.status, second.amount_received, second.amount_capturable) == ("succeeded", 5_000, 0)
    assert (charge.amount_captured, charge.amount_refunded) == (5_000, 0)
    assert [moved["amount"] for moved in account.sandbox.snapshot().balance_transactions] == [3_000, 2_000]


async def test_a_hold_that_ends_after_a_first_capture_keeps_what_was_taken(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)
    await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 3_000, "final_capture": False})

    account.sandbox.advance(30 * DAY + 1)

    after = await account.again(held)
    assert (after.status, after.amount_received, after.amount_capturable) == ("succeeded", 3_000, 0)


async def test_another_program_raises_an_intents_amount_and_changes_its_currency(account: StripeAccount) -> None:
    intent = await account.intent()

    await account.lever("POST", f"payment_intents/{intent.id}", {"amount": 12_000, "currency": "jpy"})

    after = await account.again(intent)
    assert (after.amount, after.currency) == (12_000, "jpy")
    assert (await account.v1.payment_intents.confirm_async(intent.id)).amount_received == 12_000


async def test_another_program_takes_more_than_was_held(account: StripeAccount) -> None:
    held = await account.pay(**FLEXIBLE)

    taken = await account.lever("POST", f"payment_intents/{held.id}/capture", {"amount_to_capture": 12_000})

    assert (taken["status"], taken["amount_received"]) == ("succeeded", 12_000)
    assert account.events("charge.captured")[0]["request"] == {"id": None, "idempotency_key": None}


async def test_a_hold_expires_by_a_lever(account: StripeAccount) -> None:
    held, paid = await account.pay(capture_method="manual"), await account.pay()

    ended = await account.lever("POST", f"payment_intents/{held.id}/expire")
    refused = await account.browser.post(f"/_sandbox/payment_intents/{paid.id}/expire")

    assert (ended["status"], ended["cancellation_reason"]) == ("canceled", "expired")
    assert refused.status_code == 400


async def test_a_refund_goes_the_long_way(account: StripeAccount) -> None:
    refund = await account.refund(await account.pay(), 1_000)

    for status in ("requires_action", "canceled"):
        await account.lever("POST", f"refunds/{refund.id}", {"status": status})

    told = [event["data"]["object"]["status"] for event in account.events("refund.updated")]
    assert (refund.status, told) == ("succeeded", ["requires_action", "canceled"])


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.example(acts=[(1, False), (0, True)], releases="booked")
@hypothesis.given(
    acts=st.lists(st.tuples(st.integers(0, 7_000), st.booleans()) | st.integers(10_001, 14_000), max_size=8),
    releases=st.sampled_from(RECORDS),
)
async def test_pieces_are_never_more_than_what_is_held(acts: list[tuple[int, bool] | int], releases: str) -> None:
    async with open_account() as account:
        account.sandbox.set_up(releases=releases)
        held = await account.pay(**FLEXIBLE)
        taken, amount, status = 0, 10_000, "requires_capture"
        for act in acts:
            url = f"/v1/payment_intents/{held.id}"
            if isinstance(act, int):
                response = await account.http.post(f"{url}/increment_authorization", data={"amount": act})
                amount = act if response.status_code == 200 else amount
            else:
                piece, final = act
                said = {"amount_to_capture": piece, "final_capture": str(final).lower()}
                response = await account.http.post(f"{url}/capture", data=said)
                if response.status_code == 200:
                    taken += piece
                    status = "succeeded" if final or taken == amount else status

            after = await account.again(held)
            left = amount - taken if status == "requires_capture" else 0
            assert (after.status, after.amount, after.amount_received, after.amount_capturable) == (
                status,
                amount,
                taken,
                left,
            )
            assert taken <= amount
            assert after.latest_charge.amount_captured == taken
        books = account.sandbox.snapshot()
        assert sum(moved["amount"] for moved in books.balance_transactions) == taken
        released = amount - taken if status == "succeeded" and releases != "none" else 0
        assert sum(refund["amount"] for refund in books.refunds) == released
