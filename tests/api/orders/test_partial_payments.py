"""Several payments of one order, where it allows them: together they never ask for more than is due."""

import asyncio
from typing import Any

import pytest

from domain.states import DiscrepancyKind
from models import Payment
from tests.support.as_stripe_says import intent_id, nothing_is_dead, reconciled
from tests.support.rows import row_id
from tests.support.shop import Client, Json, Shop, key

ORDER = """query O($id: ID!) { order(id: $id) {
  paymentStatus allowPartialPayments
  total { amount } amountPaid { amount } amountDue { amount } amountPayable { amount }
  payments { nodes { id status amount { amount } supersedes { id } } } } }"""

CARD: Json = {"paymentMethodId": "pm_card_visa", "confirm": True}


def usd(amount: int) -> Json:
    return {"amount": amount, "currency": "USD"}


async def shared_order(shop: Shop, amount: int = 10_000, **more: Any) -> str:
    return await shop.order(amount, allowPartialPayments=True, **more)


async def part(
    shop: Shop, order_id: str, amount: int | None, *, left: int, by: Client | None = None, **more: Any
) -> Json:
    """Ask for a part of what is left of an order, or for all of it; the payer's browser confirms it."""
    given: Json = {"orderId": order_id, "expectedAmount": usd(left), **more}
    if amount is not None:
        given["partialAmount"] = usd(amount)
    return await (by or shop.buyer).do("createPayment", input=given, key=key())


async def paid_part(shop: Shop, order_id: str, amount: int | None, *, left: int, **more: Any) -> Json:
    return await part(shop, order_id, amount, left=left, **{**CARD, **more})


async def standing(shop: Shop, order_id: str) -> Json:
    order: Json = (await shop.staff.ask(ORDER, id=order_id))["order"]
    return order


def figures(order: Json) -> tuple[str, int, int, int]:
    amounts = (order[name]["amount"] for name in ("amountPaid", "amountDue", "amountPayable"))
    paid, due, payable = amounts
    return order["paymentStatus"], paid, due, payable


def asked_at_stripe(shop: Shop) -> list[int]:
    return [intent["amount"] for intent in shop.sandbox.snapshot().payment_intents]


async def test_a_deposit_and_the_rest_pay_an_order(shop: Shop) -> None:
    order_id = await shared_order(shop)

    deposit = await paid_part(shop, order_id, 3_000, left=10_000)
    between = figures(await standing(shop, order_id))
    rest = await paid_part(shop, order_id, None, left=7_000)

    assert (deposit["errors"], rest["errors"]) == ([], [])
    assert [payload["payment"]["amount"]["amount"] for payload in (deposit, rest)] == [3_000, 7_000]
    assert between == ("PARTIALLY_PAID", 3_000, 7_000, 7_000)
    assert figures(await standing(shop, order_id)) == ("PAID", 10_000, 0, 0)
    assert asked_at_stripe(shop) == [3_000, 7_000]
    assert await reconciled(shop) == []
    await nothing_is_dead(shop)


async def test_two_cards_may_be_asked_at_once_and_no_third_one(shop: Shop) -> None:
    order_id = await shared_order(shop)
    first = await part(shop, order_id, 4_000, left=10_000)
    second = await part(shop, order_id, None, left=6_000)

    third = await part(shop, order_id, None, left=10_000)
    before = figures(await standing(shop, order_id))
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    assert (first["errors"], second["errors"]) == ([], [])
    assert [error["code"] for error in third["errors"]] == ["ACTIVE_PAYMENT_EXISTS"]
    assert third["payment"]["id"] == second["payment"]["id"]
    assert before == ("UNPAID", 0, 10_000, 0)
    assert asked_at_stripe(shop) == [4_000, 6_000]
    assert figures(await standing(shop, order_id)) == ("PARTIALLY_PAID", 6_000, 4_000, 0)


async def test_a_buyer_cannot_split_an_order_that_does_not_allow_it(shop: Shop) -> None:
    order_id = await shop.order()

    refused = await part(shop, order_id, 4_000, left=10_000)
    by_service = await part(shop, order_id, 4_000, left=10_000, by=shop.staff)
    whole = await part(shop, order_id, None, left=10_000)
    second = await part(shop, order_id, None, left=10_000)

    for payload in (refused, by_service):
        assert [(error["code"], error["path"]) for error in payload["errors"]] == [
            ("VALIDATION_FAILED", ["input", "partialAmount"])
        ]
    assert [error["code"] for error in second["errors"]] == ["ACTIVE_PAYMENT_EXISTS"]
    assert second["payment"]["id"] == whole["payment"]["id"]
    assert asked_at_stripe(shop) == [10_000]


@pytest.mark.parametrize(
    ("asked", "code", "path"),
    [
        (usd(6_001), "AMOUNT_EXCEEDS_PAYABLE", "amount"),
        (usd(5_990), "AMOUNT_TOO_SMALL", "amount"),  # ten cents would be left, which nobody can be charged
        (usd(49), "AMOUNT_TOO_SMALL", "amount"),
        (usd(0), "VALIDATION_FAILED", "amount"),
        (usd(-100), "VALIDATION_FAILED", "amount"),
        ({"amount": 1_000, "currency": "EUR"}, "CURRENCY_MISMATCH", "currency"),
        ({"amount": 1_000, "currency": "XXX"}, "CURRENCY_NOT_ENABLED", "currency"),
    ],
)
async def test_a_part_that_cannot_be_is_refused_by_name(shop: Shop, asked: Json, code: str, path: str) -> None:
    order_id = await shared_order(shop)
    await part(shop, order_id, 4_000, left=10_000)

    payload = await part(shop, order_id, None, left=6_000, partialAmount=asked)

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [(code, ["input", "partialAmount", path])]
    assert payload["payment"] is None
    assert asked_at_stripe(shop) == [4_000]


@pytest.mark.parametrize(("asked", "left"), [(6_000, 0), (5_950, 50)])
async def test_the_largest_parts_that_can_be(shop: Shop, asked: int, left: int) -> None:
    order_id = await shared_order(shop)
    await part(shop, order_id, 4_000, left=10_000)

    payload = await part(shop, order_id, asked, left=6_000)

    assert payload["errors"] == []
    assert (await standing(shop, order_id))["amountPayable"] == {"amount": left}


@pytest.mark.parametrize("expected", [10_000, 5_999, 4_000])
async def test_what_open_payments_ask_for_is_not_expected_again(shop: Shop, expected: int) -> None:
    order_id = await shared_order(shop)
    await part(shop, order_id, 4_000, left=10_000)

    payload = await part(shop, order_id, 1_000, left=expected)

    [error] = payload["errors"]
    assert (error["code"], error["path"]) == ("AMOUNT_MISMATCH", ["input", "expectedAmount", "amount"])
    assert (error["expected"]["amount"], error["actual"]["amount"]) == (expected, 6_000)
    assert asked_at_stripe(shop) == [4_000]


async def test_what_a_cancelled_payment_asked_for_may_be_asked_for_again(shop: Shop) -> None:
    order_id = await shared_order(shop)
    first = (await part(shop, order_id, 4_000, left=10_000))["payment"]
    second = (await paid_part(shop, order_id, None, left=6_000, paymentMethodId="pm_card_chargeDeclined"))["payment"]
    while_declined = figures(await standing(shop, order_id))
    await shop.buyer.do("cancelPayment", input={"paymentId": second["id"]}, key=key())

    third = (await paid_part(shop, order_id, None, left=6_000))["payment"]
    fourth = await shop.buyer.do(
        "confirmPayment",
        paymentId=first["id"],
        paymentMethodId="pm_card_visa",
        returnUrl="https://shop.example/",
        key=key(),
    )

    order = await standing(shop, order_id)
    replaced = {payment["id"]: payment["supersedes"] for payment in order["payments"]["nodes"]}
    assert while_declined == ("UNPAID", 0, 10_000, 0)  # it waits for another method, and keeps what it asks for
    assert fourth["errors"] == []
    assert figures(order) == ("PAID", 10_000, 0, 0)
    assert replaced == {first["id"]: None, second["id"]: None, third["id"]: {"id": second["id"]}}
    assert await reconciled(shop) == []


async def test_a_refund_of_one_payment_leaves_the_other_alone(shop: Shop) -> None:
    order_id = await shared_order(shop)
    deposit = (await paid_part(shop, order_id, 3_000, left=10_000))["payment"]

    refund = await shop.refund(deposit["id"])
    refunded = figures(await standing(shop, order_id))
    rest = (await paid_part(shop, order_id, None, left=7_000))["payment"]
    too_much = await shop.refund(rest["id"], 7_001)

    assert refund["refund"]["amount"] == usd(3_000)
    assert refunded == ("REFUNDED", 3_000, 7_000, 7_000)  # a refund does not make an order owe again
    assert [error["code"] for error in too_much["errors"]] == ["AMOUNT_EXCEEDS_REFUNDABLE"]
    assert figures(await standing(shop, order_id)) == ("PARTIALLY_REFUNDED", 10_000, 0, 0)
    assert await reconciled(shop) == []


async def test_two_holds_make_an_order_authorized(shop: Shop) -> None:
    order_id = await shared_order(shop, captureMethod="MANUAL")
    first = (await paid_part(shop, order_id, 4_000, left=10_000))["payment"]
    one_held = figures(await standing(shop, order_id))
    second = (await paid_part(shop, order_id, None, left=6_000))["payment"]
    both_held = figures(await standing(shop, order_id))

    for payment in (first, second):
        captured = await shop.staff.do("capturePayment", input={"paymentId": payment["id"]}, key=key())
        assert captured["errors"] == []

    assert (one_held, both_held) == (("PENDING", 0, 10_000, 6_000), ("AUTHORIZED", 0, 10_000, 0))
    assert figures(await standing(shop, order_id)) == ("PAID", 10_000, 0, 0)


async def test_what_a_smaller_capture_releases_may_be_asked_for(shop: Shop) -> None:
    order_id = await shared_order(shop, captureMethod="MANUAL")
    held = (await paid_part(shop, order_id, 4_000, left=10_000))["payment"]
    await part(shop, order_id, 5_000, left=6_000)

    await shop.staff.do("capturePayment", input={"paymentId": held["id"], "amount": usd(3_000)}, key=key())

    assert figures(await standing(shop, order_id)) == ("PARTIALLY_PAID", 3_000, 7_000, 2_000)


async def test_a_capture_that_settles_leaves_the_order_what_others_ask_for(shop: Shop) -> None:
    order_id = await shared_order(shop, captureMethod="MANUAL")
    first = (await paid_part(shop, order_id, 4_000, left=10_000))["payment"]
    second = (await paid_part(shop, order_id, 2_000, left=6_000))["payment"]
    settled = []

    for payment, taken in ((first, 3_000), (second, 1_500)):
        given = {"paymentId": payment["id"], "amount": usd(taken), "settlesOrder": True}
        await shop.staff.do("capturePayment", input=given, key=key())
        order = await standing(shop, order_id)
        settled.append((order["total"]["amount"], *figures(order)))

    assert settled == [(5_000, "PARTIALLY_PAID", 3_000, 2_000, 0), (4_500, "PAID", 4_500, 0, 0)]
    assert await reconciled(shop) == []


async def test_an_outcome_that_nobody_knows_keeps_what_it_asks_for(shop: Shop) -> None:
    order_id = await shared_order(shop)
    shop.sandbox.fault(kind="error_500_after", method="POST", path="/v1/payment_intents", times=50)
    unknown = await paid_part(shop, order_id, 4_000, left=10_000)
    [row] = await Payment.all()

    everything = await part(shop, order_id, None, left=10_000)
    shop.sandbox.clear_faults()
    rest = await paid_part(shop, order_id, None, left=6_000)

    assert [error["code"] for error in unknown["errors"]] == ["OUTCOME_UNKNOWN"]
    assert (row.status, row.amount_minor) == ("UNKNOWN", 4_000)
    assert [error["code"] for error in everything["errors"]] == ["AMOUNT_MISMATCH"]
    assert everything["errors"][0]["actual"]["amount"] == 6_000
    assert rest["errors"] == []


async def test_two_cards_at_once_never_ask_for_more_than_is_due(shop: Shop) -> None:
    for _ in range(5):
        order_id = await shared_order(shop)

        payloads = await asyncio.gather(*(paid_part(shop, order_id, 6_000, left=10_000) for _ in range(4)))

        codes = sorted(error["code"] for payload in payloads for error in payload["errors"])
        assert codes == ["AMOUNT_MISMATCH"] * 3
        assert figures(await standing(shop, order_id)) == ("PARTIALLY_PAID", 6_000, 4_000, 4_000)
    assert asked_at_stripe(shop) == [6_000] * 5


async def test_one_key_is_one_part_however_often_it_is_sent(shop: Shop) -> None:
    order_id, one_key = await shared_order(shop), key()
    given = {"orderId": order_id, "expectedAmount": usd(10_000), "partialAmount": usd(3_000)}
    given |= CARD

    payloads = [await shop.buyer.do("createPayment", input=given, key=one_key) for _ in range(3)]
    other = await shop.buyer.do("createPayment", input=given | {"partialAmount": usd(4_000)}, key=one_key)

    assert [payload["replayed"] for payload in payloads] == [False, True, True]
    assert {payload["payment"]["id"] for payload in payloads} == {payloads[0]["payment"]["id"]}
    assert other["errors"][0]["mismatchedPaths"] == ["partialAmount.amount"]
    assert asked_at_stripe(shop) == [3_000]


async def test_more_than_the_total_is_a_finding(shop: Shop) -> None:
    """Another program raises one of two payments at Stripe, and the payer pays both."""
    order_id = await shared_order(shop)
    await paid_part(shop, order_id, 4_000, left=10_000)
    await part(shop, order_id, None, left=6_000)
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 7_000})
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    found = {finding.kind for finding in await reconciled(shop)}

    assert found == {DiscrepancyKind.AMOUNT_DRIFT, DiscrepancyKind.DUPLICATE_CHARGE}
    assert figures(await standing(shop, order_id)) == ("OVERPAID", 11_000, 0, 0)


async def test_what_another_program_raises_is_not_asked_for_twice(shop: Shop) -> None:
    order_id = await shared_order(shop)
    first = (await part(shop, order_id, 4_000, left=10_000))["payment"]
    await shop.stripe(f"payment_intents/{intent_id(shop)}", {"amount": 7_000})
    await shop.staff.do("syncPayment", paymentId=first["id"])

    payload = await part(shop, order_id, None, left=6_000)

    assert payload["errors"][0]["actual"]["amount"] == 3_000
    assert (await standing(shop, order_id))["amountPayable"] == {"amount": 3_000}


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_shop_decides_it_before_anything_is_asked_for(shop: Shop, allowed: bool) -> None:
    given = {"externalId": "order-7", "total": usd(10_000), "customerExternalId": "buyer"}
    before = {**given, "allowPartialPayments": allowed}
    order_id = (await shop.staff.do("registerOrder", input=before, key=key()))["order"]["id"]
    await part(shop, order_id, None, left=10_000)

    changed = await shop.staff.do("registerOrder", input={**given, "allowPartialPayments": not allowed}, key=key())
    same = await shop.staff.do("registerOrder", input={**before, "description": "Two tickets"}, key=key())

    assert [error["code"] for error in changed["errors"]] == ["INVALID_STATE"]
    assert same["errors"] == []
    assert (await standing(shop, order_id))["allowPartialPayments"] is allowed


async def test_a_declined_part_is_tried_again_beside_the_other(shop: Shop) -> None:
    order_id = await shared_order(shop)
    declined = await paid_part(shop, order_id, 4_000, left=10_000, paymentMethodId="pm_card_chargeDeclined")
    other = await paid_part(shop, order_id, None, left=6_000)

    again = await shop.buyer.do(
        "confirmPayment",
        paymentId=declined["payment"]["id"],
        paymentMethodId="pm_card_visa",
        returnUrl="https://shop.example/",
        key=key(),
    )

    assert [error["code"] for error in declined["errors"]] == ["CARD_DECLINED"]
    assert (other["errors"], again["errors"]) == ([], [])
    assert figures(await standing(shop, order_id)) == ("PAID", 10_000, 0, 0)


async def test_each_payment_of_an_order_tells_what_is_left_of_it(shop: Shop) -> None:
    order_id = await shared_order(shop)
    payment = (await part(shop, order_id, 4_000, left=10_000))["payment"]
    query = "query P($id: ID!) { payment(id: $id) { order { amountPayable { amount } } } }"

    told = await shop.buyer.ask(query, id=payment["id"])

    assert told["payment"]["order"]["amountPayable"] == {"amount": 6_000}
    assert (await Payment.get(id=row_id(payment["id"]))).share == "PART"
