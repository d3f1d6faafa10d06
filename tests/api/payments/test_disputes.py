"""Disputes (scenario 52): the contested amount follows Stripe, larger than the charge, more than one, won late."""

import pytest

from tests.support.shop import Json, Shop


async def _disputed(shop: Shop, amount: int | None = None) -> Json:
    """Dispute the newest payment's charge; returns Stripe's dispute."""
    intent = shop.sandbox.snapshot().payment_intents[-1]
    given: Json = {"payment_intent": intent["id"], "status": "needs_response"}
    return await shop.stripe("disputes", {**given, **({"amount": amount} if amount is not None else {})})


async def test_scenario_52_a_dispute_larger_than_its_charge_is_written_as_it_is(shop: Shop) -> None:
    payment = await shop.paid()
    await _disputed(shop, 12_500)

    await shop.deliver()

    after = await shop.payment(payment["id"])
    assert after["amountDisputed"] == {"amount": 12_500}
    assert after["amountCaptured"] == {"amount": 10_000}
    assert after["order"]["paymentStatus"] == "DISPUTED"


async def test_scenario_52_a_second_dispute_adds_up_and_each_ends_for_itself(shop: Shop) -> None:
    payment = await shop.paid()
    first, _ = await _disputed(shop, 4_000), await _disputed(shop, 6_000)
    await shop.deliver()
    both = await shop.payment(payment["id"])

    await shop.stripe(f"disputes/{first['id']}", {"status": "won"})
    await shop.deliver()

    assert both["amountDisputed"] == {"amount": 10_000}
    assert (await shop.payment(payment["id"]))["amountDisputed"] == {"amount": 6_000}


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after it was lost"])
async def test_scenario_52_a_dispute_that_is_won_gives_the_payment_back(shop: Shop, late: bool) -> None:
    payment = await shop.paid()
    dispute = await _disputed(shop)
    await shop.deliver()
    if late:
        await shop.stripe(f"disputes/{dispute['id']}", {"status": "lost"})
        await shop.deliver()
        assert (await shop.payment(payment["id"]))["amountDisputed"] == {"amount": 10_000}

    await shop.stripe(f"disputes/{dispute['id']}", {"status": "won"})
    await shop.deliver()

    after = await shop.payment(payment["id"])
    assert after["amountDisputed"] == {"amount": 0}
    assert after["order"]["paymentStatus"] == "PAID"
    assert (await shop.timeline(payment["id"]))[-1] == "payment.dispute_released"
