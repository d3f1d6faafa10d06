"""The shop decides when money is captured, and a buyer cannot release an authorization: shops ship on it."""

import asyncio

import pytest

from models import Operation, Payment
from tests.support.shop import Client, Json, Shop, key

USD_100: Json = {"amount": 10_000, "currency": "USD"}
REGISTER = """mutation R($input: RegisterOrderInput!, $key: IdempotencyKey!) {
  registerOrder(input: $input, idempotencyKey: $key) { errors { code path message } order { id captureMethod } } }"""
ACTIONS = "query A($id: ID!) { payment(id: $id) { allowedActions } }"
BUYER = {"externalId": "order-1", "total": USD_100, "customerExternalId": "buyer"}


async def register(shop: Shop, **given: object) -> Json:
    data = await shop.staff.ask(REGISTER, input=BUYER | given, key=key())
    payload: Json = data["registerOrder"]
    return payload


async def create(client: Client, order_id: str, **more: object) -> Json:
    given = {"orderId": order_id, "expectedAmount": USD_100, "paymentMethodId": "pm_card_visa", "confirm": True}
    return await client.do("createPayment", input=given | more, key=key())


@pytest.mark.parametrize(("method", "status"), [("MANUAL", "REQUIRES_CAPTURE"), ("AUTOMATIC", "SUCCEEDED")])
async def test_a_payment_is_taken_or_held_as_the_order_says(shop: Shop, method: str, status: str) -> None:
    order = (await register(shop, captureMethod=method))["order"]

    payload = await create(shop.buyer, order["id"])

    assert order["captureMethod"] == method
    assert (payload["payment"]["captureMethod"], payload["payment"]["status"]) == (method, status)
    [intent] = shop.sandbox.snapshot().payment_intents
    assert intent["capture_method"] == method.lower()


@pytest.mark.parametrize(("ordered", "asked"), [("AUTOMATIC", "MANUAL"), ("MANUAL", "AUTOMATIC")])
async def test_a_buyer_does_not_choose_another(shop: Shop, ordered: str, asked: str) -> None:
    order_id = (await register(shop, captureMethod=ordered))["order"]["id"]

    payload = await create(shop.buyer, order_id, captureMethod=asked)

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("FORBIDDEN", ["input", "captureMethod"])
    assert ordered in error["message"]
    assert shop.sandbox.snapshot().payment_intents == []
    assert await Payment.all().count() == 0
    assert await Operation.filter(kind="CREATE_PAYMENT").count() == 0


@pytest.mark.parametrize(("ordered", "asked"), [("AUTOMATIC", "MANUAL"), ("MANUAL", "AUTOMATIC")])
async def test_a_service_may(shop: Shop, ordered: str, asked: str) -> None:
    order_id = (await register(shop, captureMethod=ordered))["order"]["id"]

    payload = await create(shop.staff, order_id, captureMethod=asked)

    assert payload["errors"] == []
    assert payload["payment"]["captureMethod"] == asked


async def test_an_order_is_held_until_it_is_said_anew_and_not_while_it_is_being_paid(shop: Shop) -> None:
    await register(shop)
    held = (await register(shop, captureMethod="MANUAL"))["order"]
    await create(shop.buyer, held["id"])

    refused = await register(shop)
    repeated = await register(shop, captureMethod="MANUAL")

    assert held["captureMethod"] == "MANUAL"
    assert [error["code"] for error in refused["errors"]] == ["INVALID_STATE"]
    assert repeated["errors"] == []


async def test_a_key_of_before_is_repeated(shop: Shop) -> None:
    """Leaving the capture method out was AUTOMATIC, and both are the same request still."""
    order_id, one_key = await shop.order(), key()
    given = {"orderId": order_id, "expectedAmount": USD_100, "paymentMethodId": "pm_card_visa", "confirm": True}
    await shop.buyer.do("createPayment", input=given | {"captureMethod": "AUTOMATIC"}, key=one_key)

    again = await shop.buyer.do("createPayment", input=given, key=one_key)

    assert (again["errors"], again["replayed"]) == ([], True)


async def test_a_buyer_does_not_release_what_is_held(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    calls = len(shop.sandbox.snapshot().requests)

    payload = await shop.buyer.do("cancelPayment", input={"paymentId": held["id"]}, key=key())

    [error] = payload["errors"]
    assert (error["code"], error["status"], error["allowedActions"]) == ("INVALID_STATE", "REQUIRES_CAPTURE", ["SYNC"])
    assert len(shop.sandbox.snapshot().requests) == calls
    assert (await shop.payment(held["id"]))["status"] == "REQUIRES_CAPTURE"
    released = await shop.staff.do("cancelPayment", input={"paymentId": held["id"]}, key=key())
    assert released["payment"]["status"] == "CANCELED"


@pytest.mark.parametrize("method", ["AUTOMATIC", "MANUAL"])
async def test_a_buyer_gives_up_what_holds_nothing(shop: Shop, method: str) -> None:
    order_id = (await register(shop, captureMethod=method))["order"]["id"]
    waiting = (await create(shop.buyer, order_id, confirm=False))["payment"]

    payload = await shop.buyer.do("cancelPayment", input={"paymentId": waiting["id"]}, key=key())

    assert (payload["errors"], payload["payment"]["status"]) == ([], "CANCELED")


async def test_a_cancel_that_had_to_wait_does_not_release_what_is_held_meanwhile(shop: Shop) -> None:
    """The buyer cancels during an outage of Stripe, and confirms in the browser before the cancel can be executed."""
    order_id = (await register(shop, captureMethod="MANUAL"))["order"]["id"]
    given: Json = {"orderId": order_id, "expectedAmount": USD_100}
    payment = (await shop.buyer.do("createPayment", input=given, key=key()))["payment"]
    away = shop.sandbox.fault(kind="error_500_before", method=".*", path="/v1/payment_intents/pi_[^/]+(/cancel)?$")
    canceling = asyncio.create_task(
        shop.buyer.do("cancelPayment", input={"paymentId": payment["id"]}, key=key()),
    )
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in shop.sandbox.faults() if rule["id"] == away):
            await asyncio.sleep(0.005)

    assert await shop.browser_confirms("pm_card_visa") == 200
    shop.sandbox.clear_faults()
    payload = await canceling
    await shop.deliver()

    [error] = payload["errors"]
    assert (error["code"], error["status"]) == ("INVALID_STATE", "REQUIRES_CAPTURE")
    assert [intent["status"] for intent in shop.sandbox.snapshot().payment_intents] == ["requires_capture"]
    after = await shop.payment(payment["id"])
    assert (after["status"], after["order"]["paymentStatus"]) == ("REQUIRES_CAPTURE", "AUTHORIZED")


async def test_each_is_told_what_they_may_ask_and_not_what_others_may(shop: Shop) -> None:
    waiting = (await shop.prepared())["id"]
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]["id"]
    paid = (await shop.paid())["id"]

    async def told(client: Client, payment_id: str) -> list[str]:
        actions: list[str] = (await client.ask(ACTIONS, id=payment_id))["payment"]["allowedActions"]
        return actions

    buyers = [await told(shop.buyer, one) for one in (waiting, held, paid)]
    staffs = [await told(shop.staff, one) for one in (waiting, held, paid)]

    assert buyers == [["CONFIRM", "CANCEL", "SYNC"], ["SYNC"], ["SYNC"]]
    assert staffs == [["CONFIRM", "CANCEL", "SYNC"], ["CAPTURE", "CANCEL", "SYNC"], ["REFUND", "SYNC"]]
