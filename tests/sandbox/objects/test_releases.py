"""Releases of authorized amounts, by the API version of the account.

The values are from the changelog of 2025-03-31.basil (docs.stripe.com/changelog) and from reports by shops on older
versions.
"""

from typing import Any

import pytest
import stripe

from sandbox import Sandbox
from tests.sandbox.stripe_account import DAY, StripeAccount

OLD = pytest.mark.parametrize("releases", ["refunds", "booked"])


async def _held(account: StripeAccount, releases: str = "none") -> Any:
    account.sandbox.set_up(releases=releases)
    return await account.pay(capture_method="manual")


async def test_today_a_partial_capture_makes_no_refund(account: StripeAccount) -> None:
    held = await _held(account)

    taken = await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 6_000})

    charge = (await account.again(taken)).latest_charge
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (6_000, 0, False)
    assert account.sandbox.snapshot().refunds == []
    assert account.events("charge.refunded") == []
    assert (await account.refund(taken)).amount == 6_000
    assert (await account.again(taken)).latest_charge.refunded is True


async def test_today_a_cancellation_makes_no_refund(account: StripeAccount) -> None:
    held = await _held(account)

    await account.v1.payment_intents.cancel_async(held.id)

    charge = (await account.again(held)).latest_charge
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (0, 0, False)
    assert [event["type"] for event in account.events()][-1] == "payment_intent.canceled"
    assert account.events("charge.refunded", "charge.refund.updated", "refund.created") == []


@OLD
async def test_an_older_account_lists_a_refund_of_what_a_capture_released(
    account: StripeAccount, releases: str
) -> None:
    held = await _held(account, releases)

    await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 6_000})

    [refund] = (await account.v1.refunds.list_async({"payment_intent": held.id})).data
    charge = (await account.again(held)).latest_charge
    assert (refund.amount, refund.status, refund.reason) == (4_000, "succeeded", None)
    assert refund.destination_details.card.to_dict() == {"type": "reversal"}
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (6_000, 4_000, False)
    told = [event["type"] for event in account.events()]
    assert told[-4:] == ["charge.captured", "charge.refunded", "charge.refund.updated", "payment_intent.succeeded"]
    assert "refund.created" not in told


@pytest.mark.parametrize(("releases", "moved"), [("refunds", [6_000]), ("booked", [-4_000, 10_000])])
async def test_the_balance_of_an_older_account_is_the_same(
    account: StripeAccount, releases: str, moved: list[int]
) -> None:
    held = await _held(account, releases)

    await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 6_000})

    assert [booked["amount"] for booked in account.sandbox.snapshot().balance_transactions] == moved
    [refund] = (await account.v1.refunds.list_async({"payment_intent": held.id})).data
    assert (refund.balance_transaction is None) is (releases == "refunds")


@OLD
async def test_an_older_account_refunds_what_was_taken_and_no_more(account: StripeAccount, releases: str) -> None:
    held = await _held(account, releases)
    await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 4_000})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.refund(held, 4_001)
    refund = await account.refund(held)

    charge = (await account.again(held)).latest_charge
    assert caught.value.code == "amount_too_large"
    assert refund.amount == 4_000
    assert (charge.amount_refunded, charge.refunded) == (10_000, True)


@OLD
@pytest.mark.parametrize(("expires", "reason"), [(False, None), (True, "expired_uncaptured_charge")])
async def test_an_older_account_lists_a_refund_of_a_hold_that_ended(
    account: StripeAccount, releases: str, *, expires: bool, reason: str | None
) -> None:
    held = await _held(account, releases)

    if expires:
        account.sandbox.advance(7 * DAY + 1)
    else:
        await account.v1.payment_intents.cancel_async(held.id)

    [refund] = (await account.v1.refunds.list_async({"charge": held.latest_charge.id})).data
    after = await account.again(held)
    assert (refund.amount, refund.status, refund.reason) == (10_000, "succeeded", reason)
    assert (refund.balance_transaction, refund.destination_details.card.type) == (None, "reversal")
    assert (after.status, after.cancellation_reason) == ("canceled", "automatic" if expires else None)
    assert (after.latest_charge.captured, after.latest_charge.amount_refunded) == (False, 10_000)
    assert after.latest_charge.refunded is True
    told = [event["type"] for event in account.events()]
    assert ("charge.expired" in told, "charge.refunded" in told) == (expires, not expires)


async def test_a_refund_to_a_card_carries_its_reference(account: StripeAccount) -> None:
    refund = await account.refund(await account.pay(), 100)

    card = refund.destination_details.card
    assert (card.type, card.reference_type, card.reference_status) == (
        "refund",
        "acquirer_reference_number",
        "available",
    )
    assert len(card.reference) == 23


async def test_a_refund_soon_after_the_charge_may_be_a_reversal_and_is_still_money_given_back(
    account: StripeAccount,
) -> None:
    account.sandbox.set_up(card_refunds="reversal")

    refund = await account.refund(await account.pay(), 100)

    assert refund.destination_details.card.type == "reversal"
    assert refund.balance_transaction.startswith("txn_")


async def test_the_kind_of_account_is_a_lever_and_outlives_forgetting(account: StripeAccount) -> None:
    sandbox = Sandbox(None, settings={"releases": "refunds"})

    await account.lever("POST", "settings", {"releases": "booked"})
    refused = await account.browser.post("/_sandbox/settings", json={"releases": "sometimes"})
    unknown = await account.browser.post("/_sandbox/settings", json={"mood": "good"})
    sandbox.forget()

    assert (await account.lever("GET", "settings"))["releases"] == "booked"
    assert (refused.status_code, unknown.status_code) == (400, 400)
    assert sandbox.settings()["releases"] == "refunds"
    await sandbox.close()
