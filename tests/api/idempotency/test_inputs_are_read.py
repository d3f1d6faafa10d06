"""Every stored input can be read again: each field of each input has a field that returns it."""

from collections.abc import Iterable, Iterator
from typing import Final

import pytest
from graphql import GraphQLInputObjectType, build_schema, get_named_type

from schema import print_sdl
from tests.support.customers import with_default
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
    "RegisterOrderInput.excludedPaymentMethodTypes": "order excludedPaymentMethodTypes",
    "RegisterOrderInput.customerName": "order customer name",
    "RegisterOrderInput.customerPhone": "order customer phone",
    "RegisterOrderInput.statementDescriptorSuffix": "order statementDescriptorSuffix",
    "ShippingInput.name": "order shipping name",
    "ShippingInput.phone": "order shipping phone",
    "ShippingInput.line1": "order shipping line1",
    "ShippingInput.line2": "order shipping line2",
    "ShippingInput.city": "order shipping city",
    "ShippingInput.postalCode": "order shipping postalCode",
    "ShippingInput.state": "order shipping state",
    "ShippingInput.country": "order shipping country",
    "LineItemInput.name": "order lineItems name",
    "LineItemInput.quantity": "order lineItems quantity",
    "LineItemInput.unitAmount": "order lineItems unitAmount",
    "LineItemInput.taxAmount": "order lineItems taxAmount",
    "LineItemInput.discountAmount": "order lineItems discountAmount",
    "LineItemInput.reference": "order lineItems reference",
    "CreatePaymentInput.receiptEmail": "payment receiptEmail",
    "CreatePaymentInput.orderId": "payment order id",
    "CreatePaymentInput.captureMethod": "payment captureMethod",
    "CreatePaymentInput.partialAmount": "payment amount",
    "CreatePaymentInput.metadata": "payment metadata",
    "CreatePaymentInput.returnUrl": "confirmation returnUrl",
    "CreateOffSessionPaymentInput.orderId": "payment order id",
    "CreateOffSessionPaymentInput.metadata": "payment metadata",
    "ConfirmPaymentInput.paymentId": "payment id",
    "CreatePaymentInput.setupFutureUsage": "payment setupFutureUsage",
    "CreateSetupIntentInput.customerId": "setupIntent customer id",
    "CreateSetupIntentInput.usage": "setupIntent usage",
    "CapturePaymentInput.paymentId": "payment id",
    "CapturePaymentInput.amount": "payment amountCaptured",
    "CancelPaymentInput.paymentId": "payment id",
    "CancelPaymentInput.reason": "payment cancelReason",
    "RefundPaymentInput.paymentId": "payment id",
    "RefundPaymentInput.amount": "refund amount",
    "RefundPaymentInput.reason": "refund reason",
    "RefundPaymentInput.note": "refund note",
    "RefundPaymentInput.metadata": "refund metadata",
}
NOT_KEPT: Final = {
    "RegisterOrderInput.shipping": "each of its parts is read",
    "RegisterOrderInput.lineItems": "each of their parts is read",
    "MoneyInput.amount": "a part of an amount, which is read as Money",
    "MoneyInput.currency": "a part of an amount, which is read as Money",
    "CreatePaymentInput.expectedAmount": "an assertion: compared with what the order owes, and forgotten",
    "CreatePaymentInput.paymentMethodId": "a token of Stripe's, used once; paymentMethod shows what it stood for",
    "CreatePaymentInput.sharedPaymentToken": "an agent's token; paymentMethod shows what it stood for",
    "CreatePaymentInput.confirmationTokenId": "a token of Stripe's, used once; paymentMethod shows what it stood for",
    "CreatePaymentInput.confirm": "says what to do now; the payment's status shows that it was done",
    "CreateOffSessionPaymentInput.expectedAmount": "an assertion, as createPayment's",
    "CreateOffSessionPaymentInput.savedPaymentMethodId": "a method that is kept; paymentMethod shows what it stood for",
    "ConfirmPaymentInput.paymentMethodId": "a token of Stripe's, used once; paymentMethod shows what it stood for",
    "ConfirmPaymentInput.savedPaymentMethodId": "a method that is kept; paymentMethod shows what it stood for",
    "ConfirmPaymentInput.sharedPaymentToken": "an agent's token; paymentMethod shows what it stood for",
    "ConfirmPaymentInput.confirmationTokenId": "a token of Stripe's, used once; paymentMethod shows what it stood for",
    "ConfirmPaymentInput.expectedAmount": "an assertion: compared with the payment's amount, and forgotten",
    "ConfirmPaymentInput.returnUrl": "for this attempt alone, and at Stripe",
    "CreatePaymentInput.savedPaymentMethodId": "a method that is kept; paymentMethod shows what it stood for",
    "CapturePaymentInput.finalCapture": "must be true",
    "CapturePaymentInput.settlesOrder": "says what to do now; the order's total shows that it was done",
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
        "customerName": "Ada Lovelace",
        "customerPhone": "+44 20 7946 0958",
        "statementDescriptorSuffix": "TICKETS",
        "excludedPaymentMethodTypes": ["klarna", "sepa_debit"],
        "shipping": {
            "name": "Charles Babbage",
            "phone": "+44 20 7946 0959",
            "line1": "1 Dorset Street",
            "line2": "Ground floor",
            "city": "London",
            "postalCode": "W1U 4EG",
            "state": "Greater London",
            "country": "GB",
        },
        "lineItems": [
            {
                "name": "Ticket",
                "quantity": 2,
                "unitAmount": 2_000,
                "taxAmount": 321,
                "discountAmount": 500,
                "reference": "T-1",
            },
            {
                "name": "Seat",
                "quantity": 1,
                "unitAmount": 500,
                "taxAmount": 0,
                "discountAmount": 0,
                "reference": "a longer number of the seat",
            },
        ],
    },
    "CreatePaymentInput": {
        "metadata": {"terminal": "9"},
        "captureMethod": "MANUAL",
        "receiptEmail": "receipts@shop.example",
        "setupFutureUsage": "ON_SESSION",
        "partialAmount": {"amount": 4_100, "currency": "EUR"},
    },
    "CreateOffSessionPaymentInput": {"metadata": {"invoice": "7"}},
    "CreateSetupIntentInput": {"usage": "ON_SESSION"},
    "CapturePaymentInput": {"amount": {"amount": 4_000, "currency": "EUR"}},
    "CancelPaymentInput": {"reason": "DUPLICATE"},
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
    "mutation",
    [
        "registerOrder",
        "createPayment",
        "createOffSessionPayment",
        "capturePayment",
        "cancelPayment",
        "refundPayment",
        "createSetupIntent",
    ],
)
async def test_what_was_given_is_read_where_it_is_said_to_be(shop: Shop, mutation: str) -> None:
    given = dict(GIVEN)
    order_id = (await _send(shop.staff, "registerOrder", given["RegisterOrderInput"]))["order"]["id"]
    payment_id = None
    if mutation != "registerOrder":
        expected = {"orderId": order_id, "expectedAmount": given["RegisterOrderInput"]["total"]}
        paid = {"paymentMethodId": "pm_card_visa", "confirm": True, "returnUrl": "https://shop.example/"}
        given["CreatePaymentInput"] = {**given["CreatePaymentInput"], **expected, **paid}
    if mutation == "createOffSessionPayment":
        await with_default(shop)
        given["CreateOffSessionPaymentInput"] |= expected
    elif mutation == "createSetupIntent":
        buyer = await shop.staff.ask('{ customer(externalId: "buyer") { id } }')
        given["CreateSetupIntentInput"] = {**given["CreateSetupIntentInput"], "customerId": buyer["customer"]["id"]}
    elif mutation not in ("registerOrder", "createPayment"):
        payment_id = (await _send(shop.staff, "createPayment", given["CreatePaymentInput"]))["payment"]["id"]
    if mutation == "refundPayment":
        await _send(shop.staff, "capturePayment", {"paymentId": payment_id})
    name = f"{mutation[0].upper()}{mutation[1:]}Input"
    variables = given.get(name, {})
    if name in ("CapturePaymentInput", "CancelPaymentInput", "RefundPaymentInput"):
        variables = {**variables, "paymentId": payment_id}

    payload = await _send(shop.staff, mutation, variables)

    for part, value in _parts(name, variables):
        path = READ_AT.get(part)
        if path is not None and payload[path.split()[0]] is not None:  # this payment has nothing to confirm any more
            assert _at(payload, path.split()) == value, part


def _parts(kind: str, given: Json) -> Iterator[tuple[str, object]]:
    """Yield the value of each field of an input of this kind and of the inputs in it; of a list, the values in it."""
    for field, value in given.items():
        inner = _kind_of(kind, field)
        if f"{kind}.{field}" in READ_AT or inner is None:
            yield f"{kind}.{field}", value
        elif isinstance(value, dict):
            yield from _parts(inner.name, value)
        elif isinstance(value, list):
            yield from ((f"{inner.name}.{name}", [one[name] for one in value]) for name in value[0])


def _kind_of(kind: str, field: str) -> GraphQLInputObjectType | None:
    """Return the type of an input's field, if it is an input as well."""
    of = BUILT.type_map[kind]
    assert isinstance(of, GraphQLInputObjectType)
    named = get_named_type(of.fields[field].type)
    return named if isinstance(named, GraphQLInputObjectType) else None


async def _send(client: Client, mutation: str, given: Json) -> Json:
    """Send the mutation and return the payload with every path of the table that it has."""
    assert BUILT.mutation_type is not None
    field = BUILT.mutation_type.fields[mutation]
    input_type = field.args["input"].type
    kind = str(get_named_type(input_type))
    kinds = {kind, *(str(inner) for field in _fields(kind) if (inner := _kind_of(kind, field)) is not None)}
    asked = sorted({path for name, path in READ_AT.items() if name.partition(".")[0] in kinds})
    shown = " ".join(_selection(path.split(), field.type) for path in [*asked, _thing(mutation)])
    text = f"mutation M($input: {input_type}, $key: IdempotencyKey!) {{"
    text += f" {mutation}(input: $input, idempotencyKey: $key) {{ errors {{ code message path }} {shown} }} }}"
    payload: Json = (await client.ask(text, input=given, key=key()))[mutation]
    assert payload["errors"] == [], payload
    return payload


def _fields(kind: str) -> Iterable[str]:
    of = BUILT.type_map[kind]
    assert isinstance(of, GraphQLInputObjectType)
    return list(of.fields)


def _thing(mutation: str) -> str:
    things = {"registerOrder": "order id", "createSetupIntent": "setupIntent id"}
    return things.get(mutation, "payment id")


def _selection(path: list[str], on: object) -> str:
    if not path:
        return "{ amount currency }" if str(get_named_type(on)) == "Money" else ""  # type: ignore[call-overload]
    kind = get_named_type(on)  # type: ignore[call-overload]
    inner = _selection(path[1:], kind.fields[path[0]].type)
    return f"{path[0]} {inner}" if len(path) == 1 else f"{path[0]} {{ {inner} }}"


def _at(value: object, path: list[str]) -> object:
    """Return the value at a path; for a list on the way, the list of all values in it."""
    if isinstance(value, list) and path:
        return [_at(one, path) for one in value]
    if not path:
        return value
    assert isinstance(value, dict), path
    return _at(value[path[0]], path[1:])
