"""The order's data at Stripe, by which a payment is recognised in Stripe's Dashboard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from database.statements import query_rows
from models import Operation
from tests.support.rows import row_id
from tests.support.shop import Json, Shop, key, open_shop, settings_for

EMAIL = "ada@shop.example"


async def _registered(shop: Shop, **more: Any) -> Json:
    given = {
        "externalId": "order-4711",
        "total": {"amount": 10_000, "currency": "USD"},
        "customerExternalId": "buyer",
        **more,
    }
    payload = await shop.staff.do("registerOrder", input=given, key=key())
    assert payload["errors"] == [], payload
    order: Json = payload["order"]
    return order


async def test_a_payment_carries_what_the_shop_calls_it(shop: Shop) -> None:
    order = await _registered(
        shop,
        description="Two tickets, row 7",
        metadata={"channel": "app", "region": "north", "empty": ""},
        customerEmail=EMAIL,
    )

    payload = await shop.pay(order["id"], metadata={"region": "south", "campaign": "spring"})

    [intent] = shop.sandbox.snapshot().payment_intents
    operation = await Operation.get(payment_id=row_id(payload["payment"]["id"]))
    assert intent["description"] == "Two tickets, row 7"
    assert intent["metadata"] == {
        "order_id": str(row_id(order["id"])),
        "order_external_id": "order-4711",
        "customer_external_id": "buyer",
        "payment_id": str(row_id(payload["payment"]["id"])),
        "operation_id": str(operation.id),
        "channel": "app",
        "region": "south",
        "campaign": "spring",
    }
    assert EMAIL not in str(shop.sandbox.snapshot())


async def test_what_an_order_does_not_say_is_not_sent(shop: Shop) -> None:
    given = {"externalId": "order-1", "total": {"amount": 10_000, "currency": "USD"}}
    registered = await shop.staff.do("registerOrder", input=given, key=key())
    order_id = registered["order"]["id"]
    data = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    await shop.staff.do("createPayment", input=data, key=key())

    [intent] = shop.sandbox.snapshot().payment_intents
    assert intent["description"] is None
    assert set(intent["metadata"]) == {"order_id", "order_external_id", "payment_id", "operation_id"}


async def test_names_of_ours_are_never_the_shops(shop: Shop) -> None:
    """A payer may write metadata: none of it leads to another payment, or names another customer."""
    forged = {"payment_id": "x", "order_id": "x", "operation_id": "x", "customer_external_id": "somebody else"}
    order = await _registered(shop, metadata=forged)

    payment = (await shop.pay(order["id"], metadata=forged))["payment"]

    [intent] = shop.sandbox.snapshot().payment_intents
    assert intent["metadata"]["payment_id"] == str(row_id(payment["id"]))
    assert intent["metadata"]["customer_external_id"] == "buyer"
    assert "x" not in intent["metadata"].values()


async def test_more_entries_than_stripe_takes_leave_the_orders_last_ones_out(shop: Shop) -> None:
    order = await _registered(shop, metadata={f"order {number:02}": "x" * 500 for number in range(50)})

    payload = await shop.pay(order["id"], metadata={f"payment {number:02}": "y" for number in range(40)})

    [intent] = shop.sandbox.snapshot().payment_intents
    assert payload["errors"] == []
    assert len(intent["metadata"]) == 50
    assert sum(name.startswith("payment ") for name in intent["metadata"]) == 40
    assert [name for name in sorted(intent["metadata"]) if name.startswith("order ")] == [
        f"order {number:02}" for number in range(5)
    ]


async def test_a_refund_carries_what_the_shop_wrote_beside_our_ids(shop: Shop) -> None:
    payment = await shop.paid()
    given = {
        "paymentId": payment["id"],
        "reason": "REQUESTED_BY_CUSTOMER",
        "note": "between us",
        "metadata": {"ticket": "T-1", "refund_id": "forged"},
    }

    payload = await shop.staff.do("refundPayment", input=given, key=key())

    [refund] = shop.sandbox.snapshot().refunds
    [order] = await query_rows("SELECT external_id FROM orders")
    assert payload["errors"] == []
    assert refund["metadata"]["ticket"] == "T-1"
    assert refund["metadata"]["refund_id"] == str(row_id(payload["refund"]["id"]))
    assert refund["metadata"]["order_external_id"] == order["external_id"]
    assert "between us" not in str(refund)


async def test_a_request_that_is_sent_again_is_the_same_to_the_byte(database_url: str, tmp_path: Path) -> None:
    """The request stays the same even if the order was described anew meanwhile."""
    settings = settings_for(database_url, tmp_path / "state", request_budget_seconds=0)
    sent: list[bytes] = []

    async def noted(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if (request.method, request.url.path) == ("POST", "/v1/payment_intents"):
            sent.append(request.content)
        return response

    async with open_shop(settings) as shop:
        shop.between.answered = noted
        order = await _registered(
            shop,
            description="Zoë & 7 € – a",
            metadata={"zebra": "1", "a": "2", "Ärger": "=&"},
            statementDescriptorSuffix="ORDER A",
            shipping={"name": "Zoë", "line1": "Straße 1", "postalCode": "10115", "country": "DE"},
            lineItems=[
                {"name": "Zither", "quantity": 2, "unitAmount": 4_000, "taxAmount": 0, "reference": "Z-1"},
                {"name": "Äpfel", "quantity": 1, "unitAmount": 2_100, "discountAmount": 100},
            ],
        )
        given: Mapping[str, Any] = {"metadata": {"longer name": "1", "b": "2"}, "receiptEmail": EMAIL}
        shop.sandbox.fault(kind="broken_json", method="POST", path="/v1/payment_intents")
        await shop.pay(order["id"], **given)
        shop.sandbox.clear_faults()
        await query_rows("UPDATE orders SET description = 'other', metadata = '{}', shipping = NULL, line_items = NULL")
        await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL")
        await shop.runtime.worker.drain()

        assert len(sent) == 2
        assert sent[0] == sent[1]
        assert [intent["status"] for intent in shop.sandbox.snapshot().payment_intents] == ["succeeded"]
