"""After an error the key is what docs/clients.md says."""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from tests.repository.documents.test_client_pages import keys
from tests.support.shop import Json, Shop, key

Act = Callable[[Shop, str], Awaitable[Json]]
CREATE: Final = {"expectedAmount": {"amount": 10_000, "currency": "USD"}, "confirm": True}


async def _pay(shop: Shop, with_key: str, **changes: object) -> Json:
    given = {"orderId": await shop.order(), "paymentMethodId": "pm_card_visa", **CREATE, **changes}
    return await shop.buyer.do("createPayment", input=given, key=with_key)


async def mismatch(shop: Shop, with_key: str) -> Json:
    return await _pay(shop, with_key, expectedAmount={"amount": 9_999, "currency": "USD"})


async def another_currency(shop: Shop, with_key: str) -> Json:
    return await _pay(shop, with_key, expectedAmount={"amount": 10_000, "currency": "EUR"})


async def foreign(shop: Shop, with_key: str) -> Json:
    return await _pay(shop, with_key, orderId=await shop.order(customer="somebody-else"))


async def invalid(shop: Shop, with_key: str) -> Json:
    return await _pay(shop, with_key, returnUrl="ftp://shop.example")


async def active(shop: Shop, with_key: str) -> Json:
    order_id = await shop.order()
    await shop.buyer.do(
        "createPayment", input={"orderId": order_id, "expectedAmount": CREATE["expectedAmount"]}, key=key()
    )
    return await _pay(shop, with_key, orderId=order_id)


async def paid_before(shop: Shop, with_key: str) -> Json:
    order_id = await shop.order()
    await shop.pay(order_id)
    return await _pay(shop, with_key, orderId=order_id)


async def too_early(shop: Shop, with_key: str) -> Json:
    payment = await shop.prepared()
    return await shop.staff.do("capturePayment", input={"paymentId": payment["id"]}, key=with_key)


async def too_much_back(shop: Shop, with_key: str) -> Json:
    payment = await shop.paid()
    return await shop.refund(payment["id"], 10_001, with_key=with_key)


async def too_much_held(shop: Shop, with_key: str) -> Json:
    payment = await shop.paid(captureMethod="MANUAL")
    given = {"paymentId": payment["id"], "amount": {"amount": 10_001, "currency": "USD"}}
    return await shop.staff.do("capturePayment", input=given, key=with_key)


async def too_small(shop: Shop, with_key: str) -> Json:
    given = {"externalId": "order-small", "total": {"amount": 1, "currency": "USD"}}
    return await shop.staff.do("registerOrder", input=given, key=with_key)


async def too_large(shop: Shop, with_key: str) -> Json:
    given = {"externalId": "order-large", "total": {"amount": 10**12, "currency": "USD"}}
    return await shop.staff.do("registerOrder", input=given, key=with_key)


async def declined(shop: Shop, with_key: str) -> Json:
    return await _pay(shop, with_key, paymentMethodId="pm_card_visa_chargeDeclined")


async def unusable(shop: Shop, with_key: str) -> Json:
    return await _pay(shop, with_key, paymentMethodId="pm_gone")


async def unknown(shop: Shop, with_key: str) -> Json:
    shop.sandbox.fault(kind="drop_after", method="POST", path=".*/confirm", times=9)
    return await _pay(shop, with_key)


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("AMOUNT_MISMATCH", mismatch),
        ("CURRENCY_MISMATCH", another_currency),
        ("NOT_FOUND", foreign),
        ("VALIDATION_FAILED", invalid),
        ("ACTIVE_PAYMENT_EXISTS", active),
        ("ORDER_ALREADY_PAID", paid_before),
        ("INVALID_STATE", too_early),
        ("AMOUNT_EXCEEDS_REFUNDABLE", too_much_back),
        ("AMOUNT_EXCEEDS_CAPTURABLE", too_much_held),
        ("AMOUNT_TOO_SMALL", too_small),
        ("AMOUNT_TOO_LARGE", too_large),
        ("CARD_DECLINED", declined),
        ("PAYMENT_METHOD_UNUSABLE", unusable),
        ("OUTCOME_UNKNOWN", unknown),
    ],
)
async def test_the_key_is_what_the_page_says_after_an_error(shop: Shop, code: str, act: Act) -> None:
    payload = await act(shop, key())

    [error] = payload["errors"]
    operation = payload["operation"]
    decided = operation is not None and operation["state"] == "FAILED"
    left = "still free" if operation is None else "used up" if decided else "the same"
    assert (error["code"], left) == (code, keys()[code])
    assert error["retryable"] == (left == "the same")


async def test_a_key_that_is_still_free_works_for_the_corrected_input(shop: Shop) -> None:
    one_key, order_id = key(), await shop.order()

    refused = await shop.pay(order_id, amount=9_999, with_key=one_key)
    paid = await shop.pay(order_id, with_key=one_key)

    assert [error["code"] for error in refused["errors"]] == ["AMOUNT_MISMATCH"]
    assert (paid["replayed"], paid["payment"]["status"]) == (False, "SUCCEEDED")


async def test_a_key_that_is_used_up_answers_the_same_and_a_new_one_pays_the_same_payment(shop: Shop) -> None:
    one_key, order_id = key(), await shop.order()

    first = await shop.pay(order_id, method="pm_card_visa_chargeDeclined", with_key=one_key)
    again = await shop.pay(order_id, method="pm_card_visa_chargeDeclined", with_key=one_key)
    given = {"paymentId": first["payment"]["id"], "paymentMethodId": "pm_card_visa"}
    paid = await shop.buyer.do("confirmPayment", input=given, key=key())

    assert (again["replayed"], again["errors"]) == (True, first["errors"])
    assert (paid["payment"]["id"], paid["payment"]["status"]) == (first["payment"]["id"], "SUCCEEDED")
    assert [intent["amount_received"] for intent in shop.sandbox.snapshot().payment_intents] == [10_000]
