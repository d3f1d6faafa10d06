"""The released part of an authorization is no refund, whatever record the account's API version makes of it."""

import pytest

from domain.states import DiscrepancyKind, RefundStatus
from models import Payment, Refund
from tests.support.as_stripe_says import held, intent_id, money, nothing_is_dead, reconciled, sync
from tests.support.shop import Shop, key


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
    """Versions before this one recorded it as a refund."""
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
