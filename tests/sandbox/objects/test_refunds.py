"""Refunds and disputes: never more than the captured amount, and the balance follows."""

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe_account import DAY, StripeAccount


async def test_refunds_never_exceed_the_charge(account: StripeAccount) -> None:
    paid = await account.pay()
    await account.refund(paid, 6_000)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.refund(paid, 6_000)
    rest = await account.refund(paid)
    with pytest.raises(stripe.InvalidRequestError) as again:
        await account.refund(paid)

    assert (caught.value.code, caught.value.param) == ("amount_too_large", "amount")
    assert str(caught.value.user_message).startswith("Refund amount (6000) is greater than unrefunded amount")
    assert (rest.amount, rest.status) == (4_000, "succeeded")
    assert again.value.code == "charge_already_refunded"
    charge = (await account.again(paid)).latest_charge
    assert (charge.amount_refunded, charge.refunded) == (10_000, True)
    assert [r["amount"] for r in account.sandbox.snapshot().refunds] == [6_000, 4_000]


async def test_only_the_captured_part_is_refunded(account: StripeAccount) -> None:
    held = await account.pay(capture_method="manual")
    await account.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 6_000})

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.refund(held, 6_001)
    refund = await account.refund(held)

    assert caught.value.code == "amount_too_large"
    assert refund.amount == 6_000


async def test_a_refund_says_whose_money_went_where(account: StripeAccount) -> None:
    paid = await account.pay()

    refund = await account.v1.refunds.create_async(
        {
            "charge": paid.latest_charge.id,
            "amount": 100,
            "reason": "requested_by_customer",
            "metadata": {"refund": "1"},
            "expand": ["balance_transaction", "charge", "payment_intent"],
        }
    )

    assert (refund.payment_intent.id, refund.charge.id) == (paid.id, paid.latest_charge.id)
    assert (refund.balance_transaction.amount, refund.balance_transaction.fee) == (-100, 0)
    assert (refund.reason, refund.metadata["refund"]) == ("requested_by_customer", "1")
    [refunded] = account.events("charge.refunded")
    assert refunded["data"]["previous_attributes"] == {"amount_refunded": 0}


async def test_money_that_was_not_taken_is_not_refunded(account: StripeAccount) -> None:
    held, waiting = await account.pay(capture_method="manual"), await account.pay("pm_usBankAccount_success")
    fresh = await account.intent()

    for intent in (held, waiting, fresh):
        with pytest.raises(stripe.InvalidRequestError):
            await account.refund(intent)

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.v1.refunds.create_async({"charge": held.latest_charge.id})
    assert caught.value.code == "charge_not_refundable"
    assert account.sandbox.snapshot().refunds == []


async def test_a_pending_refund_arrives(account: StripeAccount) -> None:
    refund = await account.refund(await account.pay("pm_card_pendingRefund"))

    account.sandbox.advance(3 * DAY)

    after = await account.v1.refunds.retrieve_async(refund.id)
    assert (refund.status, refund.pending_reason, after.status) == ("pending", "processing", "succeeded")
    [updated] = account.events("refund.updated")
    assert updated["data"]["previous_attributes"] == {"status": "pending", "pending_reason": "processing"}


async def test_a_refund_that_fails_later_gives_its_room_back(account: StripeAccount) -> None:
    paid = await account.pay("pm_card_refundFail")
    refund = await account.refund(paid, 4_000)

    account.sandbox.advance(6 * DAY)

    after = await account.v1.refunds.retrieve_async(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (refund.status, after.status, after.failure_reason) == ("succeeded", "failed", "expired_or_canceled_card")
    assert (after.failure_balance_transaction.amount, after.failure_balance_transaction.type) == (
        4_000,
        "refund_failure",
    )
    assert (await account.again(paid)).latest_charge.amount_refunded == 0
    assert [e["type"] for e in account.events()][-3:] == ["refund.updated", "charge.refund.updated", "refund.failed"]
    assert (await account.refund(paid)).amount == 10_000


async def test_only_a_refund_that_waits_for_the_customer_is_taken_back(account: StripeAccount) -> None:
    refund = await account.refund(await account.pay("pm_card_pendingRefund"))
    with pytest.raises(stripe.InvalidRequestError):
        await account.v1.refunds.cancel_async(refund.id)
    await account.lever("POST", f"refunds/{refund.id}", {"status": "requires_action"})

    canceled = await account.v1.refunds.cancel_async(refund.id)
    account.sandbox.advance(10 * DAY)

    assert canceled.status == "canceled"
    assert (await account.v1.refunds.retrieve_async(refund.id)).status == "canceled"


async def test_a_refunds_metadata_changes_with_an_event(account: StripeAccount) -> None:
    refund = await account.refund(await account.pay(), 100, metadata={"a": "1"})

    await account.v1.refunds.update_async(refund.id, {"metadata": {"b": "2"}})

    [updated] = account.events("refund.updated")
    assert updated["data"]["object"]["metadata"] == {"a": "1", "b": "2"}
    assert updated["data"]["previous_attributes"] == {"metadata": {"b": None}}


async def test_somebody_refunds_at_the_dashboard(account: StripeAccount) -> None:
    paid = await account.pay()

    refund = await account.lever("POST", "refunds", {"payment_intent": paid.id, "amount": 2_500})

    assert (refund["amount"], refund["metadata"]) == (2_500, {})
    [created] = account.events("refund.created")
    assert created["request"] == {"id": None, "idempotency_key": None}
    assert (await account.again(paid)).latest_charge.amount_refunded == 2_500


async def _dispute(account: StripeAccount) -> Any:
    return (await account.v1.disputes.list_async()).data[0]


async def test_a_dispute_takes_the_money_and_forbids_refunds(account: StripeAccount) -> None:
    paid = await account.pay("pm_card_createDispute")

    with pytest.raises(stripe.InvalidRequestError) as caught:
        await account.refund(paid)

    dispute = await _dispute(account)
    assert caught.value.code == "charge_disputed"
    assert (dispute.status, dispute.amount, dispute.payment_intent) == ("needs_response", 10_000, paid.id)
    assert [(moved.amount, moved.fee) for moved in dispute.balance_transactions] == [(-10_000, 1_500)]
    assert (await account.again(paid)).latest_charge.disputed is True
    assert [e["type"] for e in account.events()][-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


async def test_an_inquiry_takes_nothing_until_it_becomes_a_dispute(account: StripeAccount) -> None:
    paid = await account.pay("pm_card_createDisputeInquiry")
    await account.refund(paid, 1_000)
    dispute = await _dispute(account)

    await account.lever("POST", f"disputes/{dispute.id}", {"status": "needs_response"})

    after = await _dispute(account)
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert (after.status, after.is_charge_refundable, len(after.balance_transactions)) == ("needs_response", False, 1)
    assert (
        account.events("charge.dispute.updated")[0]["data"]["previous_attributes"]["status"] == "warning_needs_response"
    )


async def test_a_lost_dispute_may_still_be_won(account: StripeAccount) -> None:
    paid = await account.pay()
    opened = await account.lever("POST", "disputes", {"payment_intent": paid.id, "amount": 12_000})
    await account.v1.disputes.close_async(opened["id"])

    await account.lever("POST", f"disputes/{opened['id']}", {"status": "won"})

    dispute = await _dispute(account)
    assert (dispute.status, dispute.amount) == ("won", 12_000)
    assert [moved.amount for moved in dispute.balance_transactions] == [-12_000, 12_000]
    assert [e["type"] for e in account.events()][-4:] == [
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]
    refused = await account.browser.post(f"/_sandbox/disputes/{opened['id']}", json={"status": "lost"})
    assert refused.status_code == 400


async def test_evidence_sends_a_dispute_to_the_bank(account: StripeAccount) -> None:
    await account.pay("pm_card_createDispute")
    dispute = await _dispute(account)

    await account.v1.disputes.update_async(dispute.id, {"evidence": {"product_description": "A book"}})

    after = await _dispute(account)
    assert (after.status, after.evidence.product_description) == ("under_review", "A book")
    assert after.evidence_details.submission_count == 1


async def test_a_refund_on_its_way_fails_when_the_charge_is_disputed(account: StripeAccount) -> None:
    paid = await account.pay("pm_card_pendingRefund")
    refund = await account.refund(paid, 1_000)

    await account.lever("POST", "disputes", {"charge": paid.latest_charge.id})

    after = await account.v1.refunds.retrieve_async(refund.id)
    assert (after.status, after.failure_reason) == ("failed", "charge_for_pending_refund_disputed")


async def test_the_balance_is_the_sum_of_what_moved(account: StripeAccount) -> None:
    await account.refund(await account.pay(amount=10_000), 1_000)
    await account.pay("pm_card_createDispute", amount=5_000)

    first = await account.v1.balance.retrieve_async()
    account.sandbox.advance(3 * DAY)
    later = await account.v1.balance.retrieve_async()

    net = (10_000 - 320) - 1_000 + (5_000 - 175) - (5_000 + 1_500)
    assert (first.available[0].amount, first.pending[0].amount) == (0, net)
    assert (later.available[0].amount, later.pending[0].amount) == (net, 0)
