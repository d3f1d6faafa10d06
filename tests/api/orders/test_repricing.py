"""An order's total changes while its payment is open: both change together at Stripe, or neither does."""

import asyncio

import pytest

from domain.states import OperationKind
from models import Operation, Order
from tests.api.orders.repricing import (
    NUMBER,
    UPDATE,
    as_one,
    at_stripe,
    codes,
    confirm,
    prepared,
    register,
    updates,
)
from tests.api.orders.test_partial_payments import figures, part, standing, usd
from tests.support.as_stripe_says import reached
from tests.support.shop import Client, Json, Shop, key


@pytest.mark.parametrize("total", [12_000, 8_000])
async def test_the_open_payment_follows_the_total_and_is_paid(shop: Shop, total: int) -> None:
    order_id, payment = await prepared(shop, description="One ticket", metadata={"seat": "7", "gift": "yes"})

    payload = await register(shop, total, description="Two tickets", metadata={"seat": "8"})
    intent = at_stripe(shop)
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    assert payload["errors"] == []
    assert (payload["operation"]["state"], payload["order"]["total"]["amount"]) == ("SUCCEEDED", total)
    assert (payload["payment"]["id"], payload["payment"]["amount"]["amount"]) == (payment["id"], total)
    assert (intent["amount"], intent["description"]) == (total, "Two tickets")
    assert (intent["metadata"]["seat"], intent["metadata"]["payment_id"] != "") == ("8", True)
    assert "gift" not in intent["metadata"]
    assert figures(await standing(shop, order_id)) == ("PAID", total, 0, 0)
    assert (await shop.timeline(payment["id"]))[2:4] == ["payment.update_requested", "payment.repriced"]
    await as_one(shop, order_id, total)


async def test_a_declined_payment_follows_and_is_tried_again(shop: Shop) -> None:
    order_id, payment = await prepared(shop)
    await shop.browser_confirms("pm_card_chargeDeclined")
    await shop.deliver()

    payload = await register(shop, 12_000)
    confirmed = await confirm(shop, payment, expectedAmount=usd(12_000))

    assert (payload["errors"], confirmed["errors"]) == ([], [])
    assert confirmed["payment"]["amountCaptured"] == {"amount": 12_000}
    await as_one(shop, order_id, 12_000)


@pytest.mark.parametrize("expected", [usd(10_000), {"amount": 12_000, "currency": "EUR"}])
async def test_a_payer_who_was_shown_another_amount_confirms_nothing(shop: Shop, expected: Json) -> None:
    _, payment = await prepared(shop)
    await register(shop, 12_000)

    payload = await confirm(shop, payment, expectedAmount=expected)

    is_other_amount = expected["currency"] == "USD"
    assert codes(payload) == ["AMOUNT_MISMATCH" if is_other_amount else "CURRENCY_MISMATCH"]
    assert payload["errors"][0]["path"] == ["input", "expectedAmount", "amount" if is_other_amount else "currency"]
    assert shop.sandbox.snapshot().charges == []


@pytest.mark.parametrize(
    ("method", "capture", "status"),
    [
        ("pm_card_threeDSecure2Required", "AUTOMATIC", "REQUIRES_ACTION"),
        ("pm_usBankAccount_success", "AUTOMATIC", "PROCESSING"),
        ("pm_card_visa", "MANUAL", "REQUIRES_CAPTURE"),
    ],
)
async def test_a_payment_that_the_payer_has_confirmed_does_not_follow(
    shop: Shop, method: str, capture: str, status: str
) -> None:
    order_id, payment = await prepared(shop, captureMethod=capture)
    await shop.browser_confirms(method)
    await shop.deliver()

    payload = await register(shop, 8_000, captureMethod=capture)

    [error] = payload["errors"]
    assert (error["__typename"], error["code"], error["status"]) == ("InvalidStateError", "INVALID_STATE", status)
    assert error["path"] == ["input", "total"]
    assert (payload["payment"]["id"], payload["order"]) == (payment["id"], None)
    assert updates(shop) == []
    await as_one(shop, order_id, 10_000)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"total": usd(49)}, "AMOUNT_TOO_SMALL"),
        ({"total": {"amount": 12_000, "currency": "EUR"}}, "INVALID_STATE"),
        ({"customerExternalId": "stranger"}, "INVALID_STATE"),
        ({"captureMethod": "MANUAL"}, "INVALID_STATE"),
        ({"allowPartialPayments": True}, "INVALID_STATE"),
    ],
    ids=str,
)
async def test_what_a_begun_payment_binds_does_not_change(shop: Shop, changes: Json, code: str) -> None:
    order_id, _ = await prepared(shop)

    payload = await register(shop, **{"total": usd(12_000), **changes})

    assert codes(payload) == [code]
    assert updates(shop) == []
    await as_one(shop, order_id, 10_000)


async def test_what_describes_an_order_changes_at_once_beside_an_open_payment(shop: Shop) -> None:
    order_id, _ = await prepared(shop)

    payload = await register(shop, 10_000, description="Two tickets")

    assert (payload["errors"], payload["payment"]) == ([], None)
    assert (await Order.get(external_id=NUMBER)).description == "Two tickets"
    assert updates(shop) == []
    await as_one(shop, order_id, 10_000)


# -- several payments ------------------------------------------------------------------------------------------------


async def shared(shop: Shop) -> tuple[str, Json, Json]:
    """Register an order of 100 USD with two open payments: one asks for 40, the other for the rest."""
    order_id = (await register(shop, 10_000, allowPartialPayments=True))["order"]["id"]
    of_part = (await part(shop, order_id, 4_000, left=10_000))["payment"]
    return order_id, of_part, (await part(shop, order_id, None, left=6_000))["payment"]


@pytest.mark.parametrize(("total", "rest"), [(12_000, 8_000), (7_000, 3_000), (4_050, 50)])
async def test_the_payment_of_the_rest_follows_and_a_part_stays(shop: Shop, total: int, rest: int) -> None:
    order_id, of_part, of_rest = await shared(shop)

    payload = await register(shop, total, allowPartialPayments=True)

    amounts = {row["id"]: row["amount"]["amount"] for row in (await standing(shop, order_id))["payments"]["nodes"]}
    assert payload["errors"] == []
    assert amounts == {of_part["id"]: 4_000, of_rest["id"]: rest}
    assert [intent["amount"] for intent in shop.sandbox.snapshot().payment_intents] == [4_000, rest]
    assert figures(await standing(shop, order_id)) == ("UNPAID", 0, total, 0)


async def test_a_rest_that_could_not_be_charged_is_refused(shop: Shop) -> None:
    order_id, *_ = await shared(shop)

    payloads = [await register(shop, total, allowPartialPayments=True) for total in (4_049, 4_000, 3_000)]

    assert [codes(payload) for payload in payloads] == [
        ["AMOUNT_TOO_SMALL"],
        ["INVALID_STATE"],
        ["INVALID_STATE"],
    ]
    assert (await standing(shop, order_id))["total"]["amount"] == 10_000


async def test_a_deposit_is_paid_and_the_payment_of_the_rest_follows(shop: Shop) -> None:
    order_id = (await register(shop, 10_000, allowPartialPayments=True))["order"]["id"]
    await shop.pay(order_id, partialAmount=usd(3_000))
    of_rest = (await part(shop, order_id, None, left=7_000))["payment"]

    payload = await register(shop, 12_000, allowPartialPayments=True)
    await shop.browser_confirms("pm_card_visa")
    await shop.deliver()

    assert payload["errors"] == []
    assert (payload["payment"]["id"], payload["payment"]["amount"]["amount"]) == (of_rest["id"], 9_000)
    assert figures(await standing(shop, order_id)) == ("PAID", 12_000, 0, 0)


@pytest.mark.parametrize(("total", "code"), [(12_000, None), (8_000, "INVALID_STATE")])
async def test_the_rest_of_a_confirmed_payment_is_another_payment(shop: Shop, total: int, code: str | None) -> None:
    """An order that may be paid in parts is raised although its payment is confirmed, and is not lowered below it."""
    order_id = (await register(shop, 10_000, allowPartialPayments=True))["order"]["id"]
    await part(shop, order_id, None, left=10_000)
    await shop.browser_confirms("pm_usBankAccount_success")
    await shop.deliver()

    payload = await register(shop, total, allowPartialPayments=True)

    assert codes(payload) == ([code] if code else [])
    assert updates(shop) == []
    payable = 0 if code else 2_000
    assert (await standing(shop, order_id))["amountPayable"] == {"amount": payable}
    if not code:
        more = await shop.pay(order_id, amount=2_000)
        assert (more["errors"], more["payment"]["status"]) == ([], "SUCCEEDED")


async def test_what_is_left_beside_the_rest_stays_left(shop: Shop) -> None:
    order_id, of_part, _ = await shared(shop)
    await shop.buyer.do("cancelPayment", input={"paymentId": of_part["id"]}, key=key())

    payload = await register(shop, 11_000, allowPartialPayments=True)

    assert payload["payment"]["amount"]["amount"] == 7_000
    assert figures(await standing(shop, order_id)) == ("UNPAID", 0, 11_000, 4_000)


@pytest.mark.parametrize(("total", "code"), [(12_000, None), (4_000, None), (3_999, "INVALID_STATE")])
async def test_where_no_payment_follows_the_total_covers_what_is_asked_for(
    shop: Shop, total: int, code: str | None
) -> None:
    order_id = (await register(shop, 10_000, allowPartialPayments=True))["order"]["id"]
    await part(shop, order_id, 4_000, left=10_000)

    payload = await register(shop, total, allowPartialPayments=True)

    order = await standing(shop, order_id)
    assert codes(payload) == ([code] if code else [])
    assert order["total"]["amount"] == (10_000 if code else total)
    assert updates(shop) == []


async def test_a_deposit_that_is_paid_lets_the_total_be_raised(shop: Shop) -> None:
    order_id = (await register(shop, 10_000, allowPartialPayments=True))["order"]["id"]
    await shop.pay(order_id, partialAmount=usd(3_000))

    raised = await register(shop, 15_000, allowPartialPayments=True)
    rest = await shop.pay(order_id, amount=12_000)

    assert (raised["errors"], rest["errors"]) == ([], [])
    assert figures(await standing(shop, order_id)) == ("PAID", 15_000, 0, 0)


async def test_a_part_that_is_asked_for_during_an_update_has_its_room(shop: Shop) -> None:
    order_id, of_part, of_rest = await shared(shop)
    await shop.buyer.do("cancelPayment", input={"paymentId": of_part["id"]}, key=key())
    held = shop.sandbox.fault(kind="hold_after", **UPDATE)
    repricing = asyncio.create_task(register(shop, 7_000, allowPartialPayments=True))
    await reached(shop, held)
    too_much = await part(shop, order_id, None, left=7_000)
    beside = await part(shop, order_id, 4_000, left=4_000)
    shop.sandbox.clear_faults()
    payload = await repricing

    assert codes(too_much) == ["AMOUNT_MISMATCH"]
    assert (beside["errors"], payload["errors"]) == ([], [])
    assert payload["payment"]["id"] == of_rest["id"]
    assert figures(await standing(shop, order_id)) == ("UNPAID", 0, 7_000, 0)


async def test_a_stranger_changes_no_total(shop: Shop) -> None:
    order_id, _ = await prepared(shop)
    given = {"externalId": NUMBER, "total": usd(1_000), "customerExternalId": "buyer"}

    by = [shop.buyer, shop.stranger, Client(shop.http)]
    answers = [
        (
            await client.post(
                "mutation M($input: RegisterOrderInput!, $key: IdempotencyKey!) {"
                " registerOrder(input: $input, idempotencyKey: $key) { errors { code } } }",
                {"input": given, "key": key()},
            )
        ).json()
        for client in by
    ]

    assert ["FORBIDDEN" in str(answer) or "UNAUTHENTICATED" in str(answer) for answer in answers] == [True] * 3
    assert await Operation.filter(kind=OperationKind.REGISTER_ORDER).count() == 1
    await as_one(shop, order_id, 10_000)
