"""One field has one value: a list or a stream never overwrites a payment's fields in a client's cache."""

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from schema import print_sdl
from tests.live.following import following
from tests.support.shop import Client, Json, Shop, key

BUILT = build_schema(print_sdl())


def _fields(name: str, depth: int = 1) -> str:
    """Select all fields of a type and of the objects right below it, without the pages of its lists."""
    kind = BUILT.type_map[name]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    chosen = []
    for field, definition in kind.fields.items():
        inner = get_named_type(definition.type)
        if any(map(is_required_argument, definition.args.values())):
            continue
        if is_leaf_type(inner):
            chosen.append(field)
        elif depth and isinstance(inner, GraphQLObjectType) and not inner.name.endswith("Connection"):
            chosen.append(f"{field} {{ {_fields(inner.name, depth - 1)} }}")
    return " ".join(chosen)


PAYMENT = _fields("Payment")
ALONE = f"""
query A($payment: ID!) {{
  payment(id: $payment) {{ {PAYMENT} }}
  node(id: $payment) {{ ... on Payment {{ {PAYMENT} }} }}
}}
"""
BELOW = f"""
query B($order: ID!) {{
  payments(first: 1) {{ nodes {{ {PAYMENT} }} edges {{ node {{ {PAYMENT} }} }} }}
  order(id: $order) {{ payments(first: 1) {{ nodes {{ {PAYMENT} }} }} }}
}}
"""
CREATE = f"""
mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {{
  createPayment(input: $input, idempotencyKey: $key) {{
    payment {{ {PAYMENT} }} confirmation {{ clientSecret nextAction {{ type redirectUrl }} }}
  }}
}}
"""
FOLLOWED = f"subscription F($id: ID!) {{ on: paymentUpdated(paymentId: $id) {{ payment {{ {PAYMENT} }} }} }}"


@pytest.mark.parametrize("who", ["buyer", "staff"])
async def test_a_payment_is_the_same_wherever_it_is_read(shop: Shop, address: str, who: str) -> None:
    """It waits for 3DS, whose page and secret the payer gets beside the payment."""
    client: Client = getattr(shop, who)
    order_id = await shop.order()
    given = {
        "orderId": order_id,
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_threeDSecure2Required",
        "confirm": True,
        "returnUrl": "https://shop.example/back",
    }
    made = (await client.ask(CREATE, input=given, key=key()))["createPayment"]
    payment_id = made["payment"]["id"]

    read = await client.ask(ALONE, payment=payment_id) | await client.ask(BELOW, order=order_id)
    async with following(address, client.token, FOLLOWED, id=payment_id) as subscriber:
        told = (await subscriber.next())["payment"]

    assert made["payment"]["status"] == "REQUIRES_ACTION"
    assert made["confirmation"]["nextAction"]["redirectUrl"].startswith("http")
    seen: dict[str, Json] = {
        "payment": read["payment"],
        "node": read["node"],
        "payments.nodes": read["payments"]["nodes"][0],
        "payments.edges": read["payments"]["edges"][0]["node"],
        "order.payments": read["order"]["payments"]["nodes"][0],
        "paymentUpdated": told,
    }
    assert {place: payment for place, payment in seen.items() if payment != made["payment"]} == {}


def test_what_only_some_answers_tell_hangs_on_nothing_that_a_cache_keeps() -> None:
    """No object with an id, and no stream, leads to a confirmation."""
    kinds = [kind for kind in BUILT.type_map.values() if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)]
    leading = {
        kind.name
        for kind in kinds
        for field in kind.fields.values()
        if get_named_type(field.type).name == "PaymentConfirmation"
    }

    assert leading == {"Query", "PaymentPayload"}
    assert all("id" not in kind.fields for kind in kinds if kind.name in leading)
