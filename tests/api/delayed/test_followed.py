"""A method that takes days, as its followers see it: every step, and never as paid before it is."""

import pytest

from tests.api.delayed.ways import BOLETO, CURRENCIES, DAY, SEPA, TRANSFER, Way, begin, intent, send_transfer
from tests.live.following import following
from tests.support.shop import Json, Shop

pytestmark = pytest.mark.shop_settings(currencies=CURRENCIES)

EVENT = """
  sequence type payment { status paidAt amountCaptured { amount } amountRemaining { amount } }
  order { paymentStatus paidAt amountPaid { amount } }
"""
OF_ORDER = f"subscription O($id: ID!) {{ on: orderPaymentUpdated(orderId: $id, afterSequence: 0) {{ {EVENT} }} }}"


async def _half_then_rest(shop: Shop) -> None:
    for amount in (4_000, 6_000):
        shop.sandbox.advance(DAY)
        await send_transfer(shop, amount)
        await shop.deliver()


async def _paid_at_a_shop(shop: Shop) -> None:
    shop.sandbox.advance(2 * DAY)
    await shop.stripe(f"payment_intents/{intent(shop)['id']}/complete", {})
    await shop.deliver()


async def _answered_by_the_bank(shop: Shop) -> None:
    shop.sandbox.advance(5 * DAY)
    await shop.deliver()


STEPS = {
    "debit": (SEPA, _answered_by_the_bank, ["PENDING", "PAID"]),
    "voucher": (BOLETO, _paid_at_a_shop, ["ACTION_REQUIRED", "PAID"]),
    "transfer": (TRANSFER, _half_then_rest, ["ACTION_REQUIRED", "PAID"]),
}


@pytest.mark.parametrize("name", STEPS)
async def test_followers_see_it_paid_with_the_money_and_not_before(shop: Shop, address: str, name: str) -> None:
    way, days_pass, statuses = STEPS[name]
    order_id = await _begun(shop, way)
    async with following(address, shop.buyer.token, OF_ORDER, id=order_id) as follower:
        await days_pass(shop)
        while not (follower.seen and follower.seen[-1]["type"] == "payment.succeeded"):
            await follower.next()

    *before, last = [event for event in follower.seen if event["payment"] is not None]
    assert [before[-1]["order"]["paymentStatus"], last["order"]["paymentStatus"]] == statuses
    assert [_says_paid(event) for event in before] == [False] * len(before)
    assert _says_paid(last)
    assert (last["order"]["paidAt"], last["order"]["amountPaid"]) == (last["payment"]["paidAt"], {"amount": 10_000})


async def _begun(shop: Shop, way: Way) -> str:
    payload = await begin(shop, way)
    assert payload["errors"] == [], payload
    await shop.deliver()
    found = await shop.staff.ask("query P($id: ID!) { payment(id: $id) { order { id } } }", id=payload["payment"]["id"])
    return str(found["payment"]["order"]["id"])


def _says_paid(event: Json) -> bool:
    payment, order = event["payment"], event["order"]
    moments = (payment["paidAt"], order["paidAt"])
    sums = (payment["amountCaptured"]["amount"], order["amountPaid"]["amount"])
    return any(moments) or any(sums) or order["paymentStatus"] == "PAID" or payment["status"] == "SUCCEEDED"
