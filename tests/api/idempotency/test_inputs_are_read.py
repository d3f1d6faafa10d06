"""Every stored input can be read again: each field of each input has a field that returns it."""

from typing import Final

import pytest
from graphql import GraphQLInputObjectType, GraphQLList, build_schema, get_named_type

from schema import print_sdl
from tests.support.shop import Client, Json, Shop, key

BUILT: Final = build_schema(print_sdl())

# The field that returns each input: a path in the payload's object.
READ_AT: Final = {
    "RegisterOrderInput.externalId": "order externalId",
    "RegisterOrderInput.total": "order total",
    "RegisterOrderInput.customerExternalId": "order customer externalId",
    "RegisterOrderInput.customerEmail": "order customer email",
    "RegisterOrderInput.description": "order description",
    "RegisterOrderInput.metadata": "order metadata",
    "RegisterOrderInput.captureMethod": "order captureMethod",
    "RegisterOrderInput.allowPartialPayments": "order allowPartialPayments",
    "CreatePaymentInput.orderId": "payment order id",
    "CreatePaymentInput.captureMethod": "payment captureMethod",
    "CreatePaymentInput.partialAmount": "payment amount",
    "CreatePaymentInput.metadata": "payment metadata",
    "CreatePaymentInput.returnUrl": "confirmation returnUrl",
    "ConfirmPaymentInput.paymentId": "payment id",
    "CreatePaymentInput.setupFutureUsage": "payment setupFutureUsage",
    "CapturePaymentInput.paymentId": "payment id",
    "CapturePaymentInput.amount": "payment amountCaptured",
    "CancelPaymentInput.paymentId": "payment id",
    "RefundPaymentInput.paymentId": "payment id",
    "RefundPaymentInput.amount": "refund amount",
    "RefundPaymentInput.reason": "refund reason",
    "RefundPaymentInput.note": "refund note",
    "RefundPaymentInput.metadata": "refund metadata",
}
NOT_KEPT: Final = {
    "MoneyInput.amount": "a part of an amount, which is read as Money",
    "MoneyInput.currency": "a part of an amount, which is read as Money",
    "CreatePaymentInput.expectedAmount": "an assertion: compared with what the order owes, and forgotten",
    "CreatePaymentInput.paymentMethodId": "a token of Stripe's, used once; paymentMethod shows what it stood for",
    "CreatePaymentInput.confirmationTokenId": "a token of Stripe's, used once; paymentMethod shows what it stood for",
    "CreatePaymentInput.confirm": "says what to do now; the payment's status shows that it was done",
    "ConfirmPaymentInput.paymentMethodId": "a token of Stripe's, used once; paymentMethod shows what it stood for",
    "ConfirmPaymentInput.confirmationTokenId": "a token of Stripe's, used once; paymentMethod shows what it stood for",
    "ConfirmPaymentInput.returnUrl": "for this attempt alone, and at Stripe",
    "CreatePaymentInput.savedPaymentMethodId": "a method that is kept; paymentMethod shows what it stood for",
    "CapturePaymentInput.finalCapture": "must be true",
    "CapturePaymentInput.settlesOrder": "says what to do now; the order's total shows that it was done",
    "CancelPaymentInput.reason": "an instruction to Stripe, which keeps it",
}
GIVEN: Final[Json] = {
    "RegisterOrderInput": {
        "externalId": "order-that-is-read",
        "total": {"amount": 4_321, "currency": "EUR"},
        "customerExternalId": "buyer",
        "customerEmail": "buyer@shop.example",
        "description": "Two tickets\nfor the late train",
        "metadata": {"cart": "c-7", "gift": "yes"},
        "captureMethod": "MANUAL",
        "allowPartialPayments": True,
    },
    "CreatePaymentInput": {
        "metadata": {"terminal": "9"},
        "captureMethod": "MANUAL",
        "setupFutureUsage": "ON_SESSION",
        "partialAmount": {"amount": 4_100, "currency": "EUR"},
    },
    "CapturePaymentInput": {"amount": {"amount": 4_000, "currency": "EUR"}},
    "RefundPaymentInput": {
        "amount": {"amount": 1_500, "currency": "EUR"},
        "reason": "DUPLICATE",
        "note": "paid twice",
        "metadata": {"ticket": "4711"},
    },
}


def test_every_input_is_read_somewhere_or_is_not_kept() -> None:
    assert BUILT.mutation_type is not None
    waiting = [get_named_type(arg.type) for field in BUILT.mutation_type.fields.values() for arg in field.args.values()]
    inputs: dict[str, GraphQLInputObjectType] = {}
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, GraphQLInputObjectType) and kind.name not in inputs:
            inputs[kind.name] = kind
            waiting += [get_named_type(field.type) for field in kind.fields.values()]
    every = {f"{name}.{field}" for name, kind in inputs.items() for field in kind.fields}

    assert set(READ_AT) | set(NOT_KEPT) == every
    assert not set(READ_AT) & set(NOT_KEPT)


@pytest.mark.parametrize(
    "mutation", ["registerOrder", "createPayment", "capturePayment", "cancelPayment", "refundPayment"]
)
async def test_what_was_given_is_read_where_it_is_said_to_be(shop: Shop, mutation: str) -> None:
    given = dict(GIVEN)
    order_id = (await _send(shop.staff, "registerOrder", given["RegisterOrderInput"]))["order"]["id"]
    payment_id = None
    if mutation != "registerOrder":
        expected = {"orderId": order_id, "expectedAmount": given["RegisterOrderInput"]["total"]}
        paid = {"paymentMethodId": "pm_card_visa", "confirm": True, "returnUrl": "https://shop.example/"}
        given["CreatePaymentInput"] = {**given["CreatePaymentInput"], **expected, **paid}
    if mutation not in ("registerOrder", "createPayment"):
        payment_id = (await _send(shop.staff, "createPayment", given["CreatePaymentInput"]))["payment"]["id"]
    if mutation == "refundPayment":
        await _send(shop.staff, "capturePayment", {"paymentId": payment_id})
    name = f"{mutation[0].upper()}{mutation[1:]}Input"
    variables = given.get(name, {})
    if name in ("CapturePaymentInput", "CancelPaymentInput", "RefundPaymentInput"):
        variables = {**variables, "paymentId": payment_id}

    payload = await _send(shop.staff, mutation, variables)

    for field, value in variables.items():
        path = READ_AT.get(f"{name}.{field}")
        if path is not None and payload[path.split()[0]] is not None:  # this payment has nothing to confirm any more
            assert _at(payload, path) == value, f"{name}.{field}"


async def _send(client: Client, mutation: str, given: Json) -> Json:
    """Send the mutation and return the payload with every path of the table that it has."""
    assert BUILT.mutation_type is not None
    field = BUILT.mutation_type.fields[mutation]
    input_type = field.args["input"].type
    asked = sorted({path for name, path in READ_AT.items() if name.startswith(str(get_named_type(input_type)))})
    shown = " ".join(_selection(path.split(), field.type) for path in [*asked, _thing(mutation)])
    text = f"mutation M($input: {input_type}, $key: IdempotencyKey!) {{"
    text += f" {mutation}(input: $input, idempotencyKey: $key) {{ errors {{ code message path }} {shown} }} }}"
    payload: Json = (await client.ask(text, input=given, key=key()))[mutation]
    assert payload["errors"] == [], payload
    return payload


def _thing(mutation: str) -> str:
    return "order id" if mutation == "registerOrder" else "payment id"


def _selection(path: list[str], on: object) -> str:
    if not path:
        return "{ amount currency }" if str(get_named_type(on)) == "Money" else ""  # type: ignore[call-overload]
    kind = get_named_type(on)  # type: ignore[call-overload]
    assert not isinstance(on, GraphQLList)
    inner = _selection(path[1:], kind.fields[path[0]].type)
    return f"{path[0]} {inner}" if len(path) == 1 else f"{path[0]} {{ {inner} }}"


def _at(payload: Json, path: str) -> object:
    value: object = payload
    for part in path.split():
        assert isinstance(value, dict), path
        value = value[part]
    return value
