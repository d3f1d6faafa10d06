"""A key stands for one input: when any field differs, the second call is refused and the field is named."""

from typing import Any, Final

import pytest
from graphql import GraphQLInputObjectType, GraphQLScalarType, build_schema, get_named_type

from schema import print_sdl
from tests.support.shop import Json, Shop, key

BUILT: Final = build_schema(print_sdl())
BESIDE_A_METHOD: Final = "refused beside a method; instead of one it is in tests/api/checkout"
BEFORE_THE_KEY: Final = {
    "capturePayment.finalCapture": "anything but true is refused",
    "createPayment.savedPaymentMethodId": BESIDE_A_METHOD,
    "createPayment.confirmationTokenId": BESIDE_A_METHOD,
    "createPayment.sharedPaymentToken": BESIDE_A_METHOD,
    "confirmPayment.savedPaymentMethodId": BESIDE_A_METHOD,
    "confirmPayment.confirmationTokenId": BESIDE_A_METHOD,
    "confirmPayment.sharedPaymentToken": BESIDE_A_METHOD,
}
# For each mutation that takes a key, another value for each of its fields; ids are those of a second order and payment.
OTHER: Final[dict[str, Json]] = {
    "registerOrder": {
        "externalId": "another",
        "total.amount": 9_000,
        "total.currency": "EUR",
        "customerExternalId": "another",
        "customerEmail": "another@shop.example",
        "description": "another",
        "metadata": {"basket": "another"},
        "captureMethod": "MANUAL",
        "allowPartialPayments": True,
        "customerName": "another",
        "customerPhone": "2",
        "statementDescriptorSuffix": "ANOTHER",
        "excludedPaymentMethodTypes": ["klarna"],
        "shipping": {"name": "one", "line1": "another", "country": "DE"},
        "lineItems": [{"name": "another", "quantity": 1, "unitAmount": 1_000}],
    },
    "createPayment": {
        "orderId": "(the second order)",
        "expectedAmount.amount": 9_000,
        "expectedAmount.currency": "EUR",
        "partialAmount.amount": 5_000,
        "partialAmount.currency": "EUR",
        "captureMethod": "MANUAL",
        "paymentMethodId": "pm_card_mastercard",
        "setupFutureUsage": "ON_SESSION",
        "confirm": False,
        "receiptEmail": "another@shop.example",
        "returnUrl": "https://shop.example/another",
        "metadata": {"basket": "another"},
    },
    "createOffSessionPayment": {
        "orderId": "(the second order)",
        "expectedAmount.amount": 9_000,
        "expectedAmount.currency": "EUR",
        "savedPaymentMethodId": "(the second method)",
        "metadata": {"basket": "another"},
    },
    "confirmPayment": {
        "paymentId": "(the second payment)",
        "paymentMethodId": "pm_card_mastercard",
        "expectedAmount.amount": 9_000,
        "expectedAmount.currency": "EUR",
        "returnUrl": "https://shop.example/another",
    },
    "capturePayment": {
        "paymentId": "(the second payment)",
        "amount.amount": 900,
        "amount.currency": "EUR",
        "settlesOrder": True,
    },
    "cancelPayment": {"paymentId": "(the second payment)", "reason": "ABANDONED"},
    "refundPayment": {
        "paymentId": "(the second payment)",
        "amount.amount": 900,
        "amount.currency": "EUR",
        "reason": "DUPLICATE",
        "note": "another",
        "metadata": {"basket": "another"},
    },
    "createSetupIntent": {"customerId": "(the second customer)", "usage": "ON_SESSION"},
    "setDefaultPaymentMethod": {"id": "(the second method)"},
    "detachPaymentMethod": {"id": "(the second method)"},
}
AS_ONE: Final = frozenset({"ShippingInput", "LineItemInput"})  # of a part alone the hash could be guessed
OF_METHODS: Final = frozenset({"setDefaultPaymentMethod", "detachPaymentMethod"})


def _fields(given: Any, prefix: str = "") -> set[str]:
    """List the dotted paths of an input, down to scalars; a map, a recipient and a list of lines count as one."""
    found: set[str] = set()
    for name, place in given.items():
        named = get_named_type(place.type)
        if isinstance(named, GraphQLInputObjectType) and named.name not in AS_ONE:
            found |= _fields(named.fields, "" if name == "input" else f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def test_the_table_has_every_field_of_every_mutation_that_takes_a_key() -> None:
    assert BUILT.mutation_type is not None
    assert isinstance(BUILT.type_map["Metadata"], GraphQLScalarType)

    wanted = {
        mutation: _fields(field.args) - {"idempotencyKey"}
        for mutation, field in BUILT.mutation_type.fields.items()
        if "idempotencyKey" in field.args
    }

    assert wanted == {
        mutation: {*others, *(name.partition(".")[2] for name in BEFORE_THE_KEY if name.startswith(f"{mutation}."))}
        for mutation, others in OTHER.items()
    }


@pytest.mark.parametrize("mutation", OTHER)
async def test_each_field_of_each_mutation_is_in_its_fingerprint(shop: Shop, mutation: str) -> None:
    first, ids = await _first(shop, mutation)
    one_key = key()
    done = await _send(shop, mutation, first, one_key)
    assert done["errors"] == []
    sent = len(shop.sandbox.snapshot().requests)

    refusals = {}
    for field, value in OTHER[mutation].items():
        changed = await _send(shop, mutation, _with(first, field, ids.get(field, value)), one_key)
        refusals[field] = [(error["code"], error.get("mismatchedPaths")) for error in changed["errors"]]

    assert {field: told for field, told in refusals.items() if not _names(told, field)} == {}
    assert len(shop.sandbox.snapshot().requests) == sent
    assert (await _send(shop, mutation, first, one_key))["replayed"] is True


def _names(told: list[tuple[str, list[str] | None]], field: str) -> bool:
    """Return True when the only refusal is for the key, and names this field or a part of it, and nothing else."""
    [(code, paths)] = told or [("", None)]
    return code == "IDEMPOTENCY_KEY_REUSED" and bool(paths) and all(path.startswith(field) for path in paths or ())


def _with(given: Json, field: str, value: Any) -> Json:
    outer, _, inner = field.partition(".")
    return {**given, outer: {**given[outer], inner: value} if inner else value}


async def _send(shop: Shop, mutation: str, given: Json, one_key: str) -> Json:
    variables = given if mutation in OF_METHODS else {"input": given}
    return await shop.staff.do(mutation, **variables, key=one_key)


async def _saved_methods(shop: Shop) -> list[str]:
    """Save two payment methods, and return their ids."""
    for method in ("pm_card_visa", "pm_card_mastercard"):
        await shop.paid(method=method, setupFutureUsage="OFF_SESSION")
    query = '{ customer(externalId: "buyer") { paymentMethods { nodes { id } } } }'
    return [method["id"] for method in (await shop.staff.ask(query))["customer"]["paymentMethods"]["nodes"]]


async def _setup(shop: Shop) -> tuple[Json, Json]:
    """Return a setup's input, and another customer's id for it."""
    ids = []
    for customer in ("buyer", "stranger"):
        await shop.order(customer=customer)
        query = "query C($id: String!) { customer(externalId: $id) { id } }"
        ids.append((await shop.staff.ask(query, id=customer))["customer"]["id"])
    return {"customerId": ids[0], "usage": "OFF_SESSION"}, {"customerId": ids[1]}


async def _first(shop: Shop, mutation: str) -> tuple[Json, Json]:
    """Return an input with every field, and the ids of the second order or payment for the fields that take one."""
    if mutation in OF_METHODS:
        first, second = await _saved_methods(shop)
        return {"id": first}, {"id": second}
    if mutation == "createSetupIntent":
        return await _setup(shop)
    orders = [await shop.order(allowPartialPayments=mutation == "createPayment") for _ in range(2)]
    if mutation == "createOffSessionPayment":
        first, second = await _saved_methods(shop)
        expected = {"expectedAmount": {"amount": 10_000, "currency": "USD"}, "metadata": {"basket": "one"}}
        others = {"orderId": orders[1], "savedPaymentMethodId": second}
        return {"orderId": orders[0], "savedPaymentMethodId": first, **expected}, others
    payments = []
    for order_id in orders if mutation not in ("registerOrder", "createPayment") else []:
        is_open = mutation in ("confirmPayment", "cancelPayment")
        more: Json = {"captureMethod": "MANUAL"} if mutation == "capturePayment" else {}
        payload = await shop.pay(order_id, confirm=not is_open, returnUrl="https://shop.example/", **more)
        assert payload["errors"] == []
        payments.append(payload["payment"]["id"])
    money, words = {"amount": 1_000, "currency": "USD"}, {"basket": "one"}
    page = "https://shop.example/"
    given: dict[str, Json] = {
        "registerOrder": {
            "externalId": "one",
            "total": money,
            "customerExternalId": "one",
            "customerEmail": "one@shop.example",
            "description": "one",
            "metadata": words,
            "captureMethod": "AUTOMATIC",
            "allowPartialPayments": False,
            "customerName": "one",
            "customerPhone": "1",
            "statementDescriptorSuffix": "ONE",
            "shipping": {"name": "one", "line1": "one", "country": "DE"},
        },
        "createPayment": {
            "orderId": orders[0],
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "partialAmount": {"amount": 4_000, "currency": "USD"},
            "captureMethod": "AUTOMATIC",
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
            "receiptEmail": "one@shop.example",
            "returnUrl": page,
            "metadata": words,
        },
        "confirmPayment": {
            "paymentMethodId": "pm_card_visa",
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "returnUrl": page,
        },
        "capturePayment": {"amount": money, "settlesOrder": False},
        "cancelPayment": {"reason": "DUPLICATE"},
        "refundPayment": {"amount": money, "reason": "OTHER", "note": "one", "metadata": words},
    }
    if payments:
        return given[mutation] | {"paymentId": payments[0]}, {"paymentId": payments[1]}
    return given[mutation], {"orderId": orders[1]}
