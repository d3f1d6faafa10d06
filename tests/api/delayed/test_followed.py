"""A method that takes days, as its followers see it: every step, and never as paid before it is."""

from collections.abc import Awaitable, Callable

import pytest

from tests.api.delayed.ways import BOLETO, CURRENCIES, DAY, SEPA, TRANSFER, Way, begin, intent, send_transfer
from tests.live.following import Subscriber, following
from tests.support.shop import Json, Shop

pytestmark = pytest.mark.shop_settings(currencies=CURRENCIES)

EVENT = """
  sequence type payment { status paidAt amountCaptured { amount } amountRemaining { amount } }
  order { paymentStatus paidAt amountPaid { amount } }
"""
OF_ORDER = f"subscription O($id: ID!) {{ on: orderPaymentUpdated(orderId: $id, afterSequence: 0) {{ {EVENT} }} }}"


Act = Callable[[Shop], Awaitable[None]]


def _transfer(amount: int) -> Act:
    async def act(shop: Shop) -> None:
        shop.sandbox.advance(DAY)
        await send_transfer(shop, amount)

    return act


async def _paid_at_a_shop(shop: Shop) -> None:
    shop.sandbox.advance(2 * DAY)
    await shop.stripe(f"payment_intents/{intent(shop)['id']}/complete", {})


async def _answered_by_the_bank(shop: Shop) -> None:
    shop.sandbox.advance(5 * DAY)


# The way, its first event, and what happens then, with the event that tells of it.
STEPS: dict[str, tuple[Way, str, list[tuple[Act, str]]]] = {
    "debit": (SEPA, "payment.processing", [(_answered_by_the_bank, "payment.succeeded")]),
    "voucher": (BOLETO, "payment.requires_action", [(_paid_at_a_shop, "payment.succeeded")]),
    "transfer": (
        TRANSFER,
        "payment.requires_action",
        [(_transfer(4_000), "payment.partially_funded"), (_transfer(6_000), "payment.succeeded")],
    ),
}


@pytest.mark.parametrize("name", STEPS)
async def test_followers_see_it_paid_with_the_money_and_not_before(shop: Shop, address: str, name: str) -> None:
    """An event shows how things stand when it is sent, so each is awaited before the next thing happens."""
    way, first, steps = STEPS[name]
    order_id = await _begun(shop, way)
    async with following(address, shop.buyer.token, OF_ORDER, id=order_id) as follower:
        await _until(follower, first)
        for act, told in steps:
            await act(shop)
            await shop.deliver()
            await _until(follower, told)

    *before, last = [event for event in follower.seen if event["payment"] is not None]
    waiting = "PENDING" if name == "debit" else "ACTION_REQUIRED"
    assert [before[-1]["order"]["paymentStatus"], last["order"]["paymentStatus"]] == [waiting, "PAID"]
    assert [_says_paid(event) for event in before] == [False] * len(before)
    assert _says_paid(last)
    assert (last["order"]["paidAt"], last["order"]["amountPaid"]) == (last["payment"]["paidAt"], {"amount": 10_000})


async def _until(follower: Subscriber, kind: str) -> None:
    while not (follower.seen and follower.seen[-1]["type"] == kind):
        await follower.next()


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
