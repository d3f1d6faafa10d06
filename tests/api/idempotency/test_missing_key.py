"""A mutation without its idempotency key is refused by the argument's name; the input is not repeated."""

import pytest

from tests.support.shop import Shop

SECRET = "ada@shop.example"


@pytest.mark.parametrize(
    ("call", "input_type", "argument"),
    [
        ("createPayment", "CreatePaymentInput", "Mutation.createPayment(idempotencyKey:)"),
        ("capturePayment", "CapturePaymentInput", "Mutation.capturePayment(idempotencyKey:)"),
        ("cancelPayment", "CancelPaymentInput", "Mutation.cancelPayment(idempotencyKey:)"),
        ("refundPayment", "RefundPaymentInput", "Mutation.refundPayment(idempotencyKey:)"),
        ("registerOrder", "RegisterOrderInput", "Mutation.registerOrder(idempotencyKey:)"),
    ],
)
async def test_the_missing_argument_is_named(shop: Shop, call: str, input_type: str, argument: str) -> None:
    query = f"mutation M($input: {input_type}!) {{ {call}(input: $input) {{ replayed }} }}"

    response = await shop.staff.post(query, {"input": {"note": SECRET}})

    messages = [error["message"] for error in response.json()["errors"]]
    assert f"Argument '{argument}' of type 'IdempotencyKey!' is required, but it was not provided." in messages
    assert SECRET not in response.text


async def test_a_variable_that_holds_no_key_is_named(shop: Shop) -> None:
    query = "mutation M($input: CancelPaymentInput!, $key: IdempotencyKey!) {"
    query += " cancelPayment(input: $input, idempotencyKey: $key) { replayed } }"

    response = await shop.staff.post(query, {"input": {"paymentId": SECRET}})

    [error] = response.json()["errors"]
    assert error["message"].startswith("Variable '$key' has invalid value")
    assert SECRET not in response.text
