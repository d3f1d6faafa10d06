"""A payment accepted during an outage of Stripe can be canceled: it ends here, and is never charged afterwards."""

import asyncio

import pytest

from database.statements import query_rows
from services.money.operations.runner import OperationRunner
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

MANY = 1_000
CREATE = "/v1/payment_intents"


async def accepted_while_stripe_is_away(shop: Shop, with_key: str, kind: str = "refuse_connection") -> tuple[str, Json]:
    """Create an order and a payment while Stripe cannot be reached."""
    order_id = await shop.order()
    shop.sandbox.fault(kind=kind, path="/v1/.*", times=MANY)
    payload = await shop.pay(order_id, with_key=with_key)
    payment: Json = payload["payment"]
    return order_id, payment


async def drain(shop: Shop) -> None:
    shop.sandbox.clear_faults()
    await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL")
    await shop.runtime.worker.drain()


@pytest.mark.parametrize("who", ["buyer", "staff"])
async def test_what_was_never_sent_is_cancelled_without_a_call(shop: Shop, who: str) -> None:
    one_key, cancel_key = key(), key()
    order_id, payment = await accepted_while_stripe_is_away(shop, one_key)
    asked = len(shop.sandbox.snapshot().requests)
    client = shop.buyer if who == "buyer" else shop.staff

    cancelled = await client.do("cancelPayment", input={"paymentId": payment["id"]}, key=cancel_key)
    again = await client.do("cancelPayment", input={"paymentId": payment["id"]}, key=cancel_key)
    await drain(shop)
    told = await shop.pay(order_id, with_key=one_key)
    paid = await shop.pay(order_id)

    assert "CANCEL" in payment["allowedActions"]
    assert (cancelled["errors"], cancelled["payment"]["status"]) == ([], "CANCELED")
    assert cancelled["operation"]["state"] == "SUCCEEDED"
    assert (again["replayed"], again["errors"], again["payment"]["status"]) == (True, [], "CANCELED")
    assert asked == len([r for r in shop.sandbox.snapshot().requests if r["status"] != 200])
    assert (told["replayed"], [error["code"] for error in told["errors"]]) == (True, ["INVALID_STATE"])
    assert (paid["errors"], paid["payment"]["status"]) == ([], "SUCCEEDED")
    assert len(shop.sandbox.snapshot().payment_intents) == len(shop.sandbox.snapshot().charges) == 1
    assert (await shop.timeline(payment["id"]))[-1] == "payment.canceled"


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error_500_after"])
async def test_what_may_have_been_sent_is_not_ended_here(shop: Shop, kind: str) -> None:
    _, payment = await accepted_while_stripe_is_away(shop, key(), kind)

    cancelled = await shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())
    await drain(shop)

    assert [error["code"] for error in cancelled["errors"]] == ["OPERATION_IN_PROGRESS"]
    assert (await shop.payment(payment["id"]))["status"] != "CANCELED"


async def test_what_a_worker_has_taken_up_is_not_ended_under_its_hands(shop: Shop) -> None:
    _, payment = await accepted_while_stripe_is_away(shop, key())
    shop.sandbox.clear_faults()
    number = shop.sandbox.fault(kind="hold_before", method="POST", path=CREATE)
    await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL")
    driving = asyncio.create_task(shop.runtime.worker.drain())
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in shop.sandbox.faults()):
            await asyncio.sleep(0.005)

    cancelled = await shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key())
    shop.sandbox.clear_faults(number)
    await driving

    assert [error["code"] for error in cancelled["errors"]] == ["OPERATION_IN_PROGRESS"]
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"
    assert len(shop.sandbox.snapshot().charges) == 1


async def test_a_cancel_and_a_worker_at_once_are_one_or_the_other(shop: Shop) -> None:
    for _ in range(10):
        _, payment = await accepted_while_stripe_is_away(shop, key())
        shop.sandbox.clear_faults()
        await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL")
        charged = len(shop.sandbox.snapshot().charges)
        runner: OperationRunner = shop.runtime.runner

        cancelled, _ = await asyncio.gather(
            shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key()),
            shop.runtime.worker.drain(),
        )

        now = (await shop.payment(payment["id"]))["status"]
        moved = len(shop.sandbox.snapshot().charges) - charged
        assert runner.provider.breaker_open_seconds == 0
        assert (now, moved) in (("CANCELED", 0), ("SUCCEEDED", 1))
        assert (cancelled["errors"] == []) == (now == "CANCELED")
