"""A wallet changes the shipping, a cart changes: a new total comes with other lines, and Stripe is told both."""

from typing import Final

import pytest

from models import Order
from tests.api.orders.repricing import NUMBER, as_one, at_stripe, codes, prepared, register, updates
from tests.api.orders.test_partial_payments import part, standing, usd
from tests.api.recognition.test_described_orders import SHIPPING, lines_at_stripe
from tests.support.shop import Json, Shop, key

TEAPOTS: Final[Json] = {"name": "Teapot", "quantity": 2, "unitAmount": 5_000}
POST: Final[Json] = {"name": "Post", "quantity": 1, "unitAmount": 2_000}
COURIER: Final[Json] = {"name": "Courier", "quantity": 1, "unitAmount": 3_500}
HOME: Final[Json] = {**SHIPPING, "line1": "7 Home Street"}


async def names_at_stripe(shop: Shop) -> list[str]:
    return [line["product_name"] for line in await lines_at_stripe(shop)]


async def shared(shop: Shop) -> tuple[str, Json]:
    """Register an order with lines that may be paid in parts, with one open payment of 40 USD."""
    order_id = (await register(shop, 10_000, allowPartialPayments=True, lineItems=[TEAPOTS]))["order"]["id"]
    return order_id, (await part(shop, order_id, 4_000, left=10_000))["payment"]


async def test_each_way_of_sending_brings_its_price_and_its_lines(shop: Shop) -> None:
    order_id, _ = await prepared(shop, lineItems=[TEAPOTS], shipping=SHIPPING, statementDescriptorSuffix="TEA 7")

    by_post = await register(shop, 12_000, lineItems=[TEAPOTS, POST], shipping=HOME, statementDescriptorSuffix="TEA 8")
    posted = at_stripe(shop), await names_at_stripe(shop)
    by_courier = await register(shop, 13_500, lineItems=[TEAPOTS, COURIER], shipping=HOME)
    collected = await register(shop, 10_000, lineItems=[TEAPOTS])
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    assert [payload["errors"] for payload in (by_post, by_courier, collected)] == [[]] * 3
    intent, names = posted
    assert (intent["amount"], names) == (12_000, ["Teapot", "Post"])
    assert (intent["shipping"]["address"]["line1"], intent["statement_descriptor_suffix"]) == ("7 Home Street", "TEA 8")
    assert (at_stripe(shop)["shipping"], await names_at_stripe(shop)) == (None, ["Teapot"])
    assert at_stripe(shop)["statement_descriptor_suffix"] == "TEA 8"  # Stripe documents no way to take it away
    assert "error" not in at_stripe(shop)["amount_details"]
    order = await Order.get(external_id=NUMBER)
    assert (order.shipping, order.statement_descriptor_suffix) == (None, None)
    assert [line["name"] for line in order.line_items or []] == ["Teapot"]
    await as_one(shop, order_id, 10_000)


async def test_what_was_changed_before_is_told_with_the_new_total(shop: Shop) -> None:
    """Without a new total it was kept here alone."""
    order_id, _ = await prepared(shop, description="One teapot")
    await register(shop, 10_000, description="Two teapots", shipping=SHIPPING)
    between = at_stripe(shop)

    payload = await register(shop, 12_000, description="Two teapots", shipping=SHIPPING)

    assert (payload["errors"], between["description"], between["shipping"]) == ([], "One teapot", None)
    assert at_stripe(shop)["description"] == "Two teapots"
    assert at_stripe(shop)["shipping"]["name"] == SHIPPING["name"]
    await as_one(shop, order_id, 12_000)


async def test_lines_that_are_left_out_are_taken_back_at_stripe(shop: Shop) -> None:
    """Stripe refuses a new amount that says nothing of lines that it was told."""
    order_id, _ = await prepared(shop, lineItems=[TEAPOTS])

    payload = await register(shop, 12_000)

    assert (payload["errors"], await names_at_stripe(shop)) == ([], [])
    assert (await Order.get(external_id=NUMBER)).line_items is None
    await as_one(shop, order_id, 12_000)


async def test_held_money_of_a_new_total_is_taken_with_its_lines(shop: Shop) -> None:
    order_id, payment = await prepared(shop, lineItems=[TEAPOTS], captureMethod="MANUAL")
    await register(shop, 12_000, lineItems=[TEAPOTS, POST], captureMethod="MANUAL")
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    taken = await shop.staff.do("capturePayment", input={"paymentId": payment["id"]}, key=key())

    assert (taken["errors"], taken["payment"]["amountCaptured"]) == ([], {"amount": 12_000})
    assert await names_at_stripe(shop) == ["Teapot", "Post"]
    await as_one(shop, order_id, 12_000)


@pytest.mark.parametrize("lines", [None, [{**TEAPOTS, "name": "Cups"}]], ids=["none", "others"])
async def test_lines_alone_stand_still_while_a_payment_is_open(shop: Shop, lines: list[Json] | None) -> None:
    order_id, _ = await prepared(shop, lineItems=[TEAPOTS])

    payload = await register(shop, 10_000, lineItems=lines)

    assert (codes(payload), payload["errors"][0]["path"]) == (["INVALID_STATE"], ["input", "lineItems"])
    assert updates(shop) == []
    await as_one(shop, order_id, 10_000)


async def test_the_payment_of_the_rest_carries_no_lines_of_the_whole(shop: Shop) -> None:
    order_id, of_part = await shared(shop)
    of_rest = (await part(shop, order_id, None, left=6_000))["payment"]

    payload = await register(shop, 12_000, allowPartialPayments=True, lineItems=[TEAPOTS, POST])

    amounts = {row["id"]: row["amount"]["amount"] for row in (await standing(shop, order_id))["payments"]["nodes"]}
    assert (payload["errors"], amounts) == ([], {of_part["id"]: 4_000, of_rest["id"]: 8_000})
    assert await names_at_stripe(shop) == []


async def test_lines_do_not_vanish_beside_a_part_that_keeps_its_amount(shop: Shop) -> None:
    """Its capture has to state the order's lines once more."""
    order_id, _ = await shared(shop)

    without = await register(shop, 12_000, allowPartialPayments=True)
    others = await register(shop, 12_000, allowPartialPayments=True, lineItems=[TEAPOTS, POST])

    assert (codes(without), without["errors"][0]["path"]) == (["INVALID_STATE"], ["input", "lineItems"])
    assert others["errors"] == []
    assert (await standing(shop, order_id))["total"] == {"amount": 12_000}
    assert updates(shop) == []


async def test_lines_that_do_not_come_to_the_new_total_are_refused(shop: Shop) -> None:
    order_id, _ = await prepared(shop, lineItems=[TEAPOTS])

    payload = await register(shop, usd(12_000), lineItems=[TEAPOTS])

    assert codes(payload) == ["AMOUNT_MISMATCH"]
    assert updates(shop) == []
    await as_one(shop, order_id, 10_000)


async def test_our_ids_at_stripe_are_not_the_shops_to_change(shop: Shop) -> None:
    """Payments are found again by them, also by who has lost the row."""
    order_id, _ = await prepared(shop, metadata={"payment_id": "P-1", "operation_id": "O-1", "colour": "red"})
    ours = {name: value for name, value in at_stripe(shop)["metadata"].items() if name != "colour"}

    changed = {"payment_id": "P-2", "customer_external_id": "Ada", "colour": "blue"}
    payloads = [await register(shop, 12_000, metadata=changed)]
    with_other = at_stripe(shop)["metadata"]
    payloads.append(await register(shop, 13_000))

    assert [payload["errors"] for payload in payloads] == [[], []]
    assert set(ours) == {"order_id", "order_external_id", "customer_external_id", "payment_id", "operation_id"}
    assert (with_other, at_stripe(shop)["metadata"]) == ({**ours, "colour": "blue"}, ours)
    await as_one(shop, order_id, 13_000)


async def test_more_metadata_than_stripe_has_room_for_hinders_no_new_total(shop: Shop) -> None:
    order_id, _ = await prepared(shop)
    fifty, others = ({f"{name}{number:02}": "a" for number in range(50)} for name in ("k", "n"))

    filled = await register(shop, 12_000, metadata=fifty)
    del others["n49"]
    exchanged = await register(shop, 13_000, metadata={**others, "k00": "b"})

    assert (filled["errors"], exchanged["errors"]) == ([], [])
    assert at_stripe(shop)["metadata"]["k00"] == "b"
    await as_one(shop, order_id, 13_000)
