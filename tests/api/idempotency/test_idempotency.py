"""The idempotency contract, line by line (scenarios 1 to 7)."""

import asyncio
from datetime import UTC, datetime

import pytest

from models import Operation, Payment
from tests.support.shop import Shop, key


def _charges(shop: Shop) -> int:
    return len([i for i in shop.sandbox.snapshot().payment_intents if i["amount_received"]])


async def test_scenario_1_twenty_parallel_calls_with_one_key_are_one_charge_ten_times_in_a_row(shop: Shop) -> None:
    for round_number in range(1, 11):
        order_id, one_key = await shop.order(), key()

        payloads = await asyncio.gather(*(shop.pay(order_id, with_key=one_key) for _ in range(20)))

        done = [p for p in payloads if not p["errors"]]
        waiting = [p for p in payloads if p["errors"]]
        assert len(done) >= 1
        assert {p["payment"]["id"] for p in done} == {done[0]["payment"]["id"]}
        assert {p["payment"]["status"] for p in done} == {"SUCCEEDED"}
        assert sum(not p["replayed"] for p in done) == 1
        assert all([e["code"] for e in p["errors"]] == ["OPERATION_IN_PROGRESS"] for p in waiting)
        assert _charges(shop) == round_number
        assert len(shop.sandbox.snapshot().payment_intents) == round_number


async def test_scenario_2_a_second_key_finds_the_payment_that_is_already_there(shop: Shop) -> None:
    order_id = await shop.order()
    first = (await shop.pay(order_id, captureMethod="MANUAL"))["payment"]

    second = await shop.pay(order_id)

    assert [e["code"] for e in second["errors"]] == ["ACTIVE_PAYMENT_EXISTS"]
    assert second["payment"]["id"] == first["id"]
    assert len(shop.sandbox.snapshot().payment_intents) == 1
    assert await Operation.filter(kind="CREATE_PAYMENT").count() == 1


async def test_scenario_2_two_keys_at_once_make_one_payment(shop: Shop) -> None:
    order_id = await shop.order()

    payloads = await asyncio.gather(*(shop.pay(order_id) for _ in range(8)))

    codes = sorted(p["errors"][0]["code"] if p["errors"] else "PAID" for p in payloads)
    assert codes.count("PAID") == 1
    assert set(codes) <= {"PAID", "ACTIVE_PAYMENT_EXISTS", "ORDER_ALREADY_PAID"}
    assert _charges(shop) == 1


async def test_a_paid_order_is_not_paid_again(shop: Shop) -> None:
    order_id = await shop.order()
    await shop.pay(order_id)

    again = await shop.pay(order_id)

    assert [e["code"] for e in again["errors"]] == ["ORDER_ALREADY_PAID"]
    assert _charges(shop) == 1


async def test_scenario_3_the_same_key_with_another_input_runs_nothing(shop: Shop) -> None:
    order_id, other_order, one_key = await shop.order(), await shop.order(), key()
    first = await shop.pay(order_id, with_key=one_key)
    calls = len(shop.sandbox.snapshot().requests)

    changed = await shop.pay(other_order, amount=9_000, with_key=one_key)

    [error] = changed["errors"]
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert sorted(error["mismatchedPaths"]) == ["expectedAmount.amount", "orderId"]
    assert error["originalOperationId"] == first["operation"]["id"]
    assert changed["payment"] is None
    assert len(shop.sandbox.snapshot().requests) == calls
    assert (await shop.payment(first["payment"]["id"]))["status"] == "SUCCEEDED"


async def test_scenario_4_the_same_key_of_another_caller_is_another_operation(shop: Shop) -> None:
    one_key = key()
    order_id, other_order = await shop.order(), await shop.order(customer="stranger")
    await shop.pay(order_id, with_key=one_key)

    other = await shop.stranger.do(
        "createPayment",
        input={
            "orderId": other_order,
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
        },
        key=one_key,
    )

    assert other["errors"] == []
    assert other["replayed"] is False
    assert await Operation.filter(key=one_key).count() == 2
    assert _charges(shop) == 2


async def test_scenario_5_another_spelling_of_the_same_input_replays(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()
    first = await shop.pay(order_id, with_key=one_key)

    spelled_out = await shop.buyer.do(
        "createPayment",
        input={
            "metadata": {},
            "captureMethod": "AUTOMATIC",
            "confirm": True,
            "paymentMethodId": "pm_card_visa",
            "expectedAmount": {"currency": "usd", "amount": 10_000},
            "orderId": order_id,
        },
        key=one_key,
    )

    assert spelled_out["errors"] == []
    assert spelled_out["replayed"] is True
    assert spelled_out["payment"]["id"] == first["payment"]["id"]


@pytest.mark.parametrize(
    "bad",
    ["", "x" * 300, "with\ttab", "two words", " padded ", "schlüssel", "🔑", "4242424242424242", "4242-4242-4242-4242"],
)
async def test_scenario_6_a_bad_key_is_refused_and_not_echoed(shop: Shop, bad: str) -> None:
    order_id = await shop.order()
    query = """mutation P($input: CreatePaymentInput!, $key: IdempotencyKey!) {
      createPayment(input: $input, idempotencyKey: $key) { errors { code message } payment { id } } }"""
    given = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}

    response = await shop.buyer.post(query, {"input": given, "key": bad})

    answer = response.json()
    payload = (answer.get("data") or {}).get("createPayment") or {}
    assert answer.get("errors") or payload.get("errors"), answer
    assert payload.get("payment") is None
    assert not bad.strip() or bad not in response.text
    assert await Payment.all().count() == 0


async def test_scenario_7_one_key_may_pay_and_refund(shop: Shop) -> None:
    one_key = key()
    given = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    method = {"paymentMethodId": "pm_card_visa", "confirm": True}
    paid = await shop.staff.do("createPayment", input={**given, **method}, key=one_key)  # by who refunds: one principal

    refunded = await shop.refund(paid["payment"]["id"], with_key=one_key)

    assert refunded["errors"] == []
    assert refunded["replayed"] is False
    assert refunded["refund"]["status"] == "SUCCEEDED"


async def test_a_refused_call_leaves_the_key_free(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()

    refused = await shop.pay(order_id, amount=1, with_key=one_key)
    accepted = await shop.pay(order_id, with_key=one_key)

    assert [e["code"] for e in refused["errors"]] == ["AMOUNT_MISMATCH"]
    assert accepted["errors"] == []
    assert accepted["replayed"] is False


async def test_an_expired_key_never_runs_again(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()
    await shop.pay(order_id, with_key=one_key)
    await Operation.filter(key=one_key).update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    again = await shop.pay(order_id, with_key=one_key)

    assert [e["code"] for e in again["errors"]] == ["IDEMPOTENCY_KEY_EXPIRED"]
    assert _charges(shop) == 1


async def test_operation_tells_what_became_of_a_key_and_runs_nothing(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()
    paid = await shop.pay(order_id, with_key=one_key)
    query = """query O($key: IdempotencyKey!) { operation(key: $key, kind: CREATE_PAYMENT) {
      state effect key result { __typename ... on Payment { id } } error { code } } }"""
    calls = len(shop.sandbox.snapshot().requests)

    mine = (await shop.buyer.ask(query, key=one_key))["operation"]
    strangers = (await shop.stranger.ask(query, key=one_key))["operation"]
    unused = (await shop.buyer.ask(query, key=key()))["operation"]

    assert mine == {
        "state": "SUCCEEDED",
        "effect": "APPLIED",
        "key": one_key,
        "result": {"__typename": "Payment", "id": paid["payment"]["id"]},
        "error": None,
    }
    assert strangers is None
    assert unused is None
    assert len(shop.sandbox.snapshot().requests) == calls
