"""An order whose total changes, and what the tests look at then."""

from typing import Any

from domain.states import MONEY_KINDS
from models import Discrepancy, Operation, Payment
from tests.api.orders.test_partial_payments import part, standing, usd
from tests.support.as_stripe_says import intent_id, nothing_is_dead, reconciled
from tests.support.shop import Json, Shop, key

NUMBER = "order-7"
UPDATE = {"method": "POST", "path": "/v1/payment_intents/[^/]+"}
BACK = "https://shop.example/"


async def register(shop: Shop, total: int | Json, *, with_key: str | None = None, **more: Any) -> Json:
    money = usd(total) if isinstance(total, int) else total
    given = {"externalId": NUMBER, "total": money, "customerExternalId": "buyer", **more}
    return await shop.staff.do("registerOrder", input=given, key=with_key or key())


async def prepared(shop: Shop, **more: Any) -> tuple[str, Json]:
    """Register an order of 100 USD, with a payment that waits for the buyer's browser; returns its id, and that."""
    order_id = (await register(shop, 10_000, **more))["order"]["id"]
    payload = await part(shop, order_id, None, left=10_000)
    assert payload["errors"] == [], payload
    return order_id, payload["payment"]


def updates(shop: Shop) -> list[Json]:
    intent = f"/v1/payment_intents/{intent_id(shop)}"
    return [sent for sent in shop.sandbox.snapshot().requests if sent["method"] == "POST" and sent["path"] == intent]


def at_stripe(shop: Shop) -> Json:
    return shop.sandbox.snapshot().payment_intents[-1]


def codes(payload: Json) -> list[str]:
    return [error["code"] for error in payload["errors"]]


async def as_one(shop: Shop, order_id: str, amount: int) -> None:
    """Check that the order, its payment and Stripe's intent are of this amount, and that nothing is left to be done."""
    order, [payment] = await standing(shop, order_id), await Payment.all()
    assert (order["total"]["amount"], payment.amount_minor, at_stripe(shop)["amount"]) == (amount, amount, amount)
    assert (payment.next_amount_minor, payment.provider_amount_minor) == (None, None)
    assert await Operation.filter(due__isnull=False).count() == 0
    await nothing_is_dead(shop)
    assert await reconciled(shop) == []
    assert await Discrepancy.filter(kind__in=list(MONEY_KINDS)).count() == 0  # nor was there one for a while


async def confirm(shop: Shop, payment: Json, **more: Any) -> Json:
    given = {"paymentId": payment["id"], "paymentMethodId": "pm_card_visa", "returnUrl": BACK, **more}
    return await shop.buyer.do("confirmPayment", input=given, key=key())
