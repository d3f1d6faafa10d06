"""The cost of an answer: defaults that a buyer can afford, and refusals that show the cost's origin.

Rows are counted, their parts are not, and nothing is bounded twice.
"""

from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from schema import schema
from server.graphql.cost_limits import has_buyer_limits
from server.graphql.query_cost import Limits
from tests.api.access.conftest import Opened
from tests.support.shop import Client, Json, Shop, key

ROOTS = {
    "payments": "payments {{ nodes {{ {} }} }}",
    "refunds": "refunds {{ nodes {{ {} }} }}",
    "order": 'order(id: "order_01h455vb4pex5vsknk084sn02q") {{ {} }}',
    "payment": 'payment(id: "payment_01h455vb4pex5vsknk084sn02q") {{ {} }}',
    "customer": 'customer(id: "customer_01h455vb4pex5vsknk084sn02q") {{ {} }}',
}
TYPES = {"payments": "Payment", "refunds": "Refund", "order": "Order", "payment": "Payment", "customer": "Customer"}


def _composite(name: str) -> GraphQLObjectType | GraphQLInterfaceType:
    kind = schema._schema.type_map[name]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    return kind


def _by_itself(name: str, depth: int = 2) -> Iterator[str]:
    """List all fields of a type that lead to no other row, its parts included."""
    for field, definition in _composite(name).fields.items():
        inner = get_named_type(definition.type)
        if any(map(is_required_argument, definition.args.values())):
            continue
        if is_leaf_type(inner):
            yield field
        elif depth and isinstance(inner, GraphQLObjectType) and not _leads_on(inner):
            yield f"{field} {{ {' '.join(_by_itself(inner.name, depth - 1))} }}"


def _leads_on(kind: GraphQLObjectType) -> bool:
    """Return True for a field that leads to another row, or a page of rows."""
    return "id" in kind.fields or kind.name.endswith("Connection")


def _with_lists(name: str) -> str:
    """Select a row, every row that it leads to, and every list of it in its default size, with all fields."""
    parts = list(_by_itself(name))
    for field, definition in _composite(name).fields.items():
        inner = get_named_type(definition.type)
        if not isinstance(inner, GraphQLObjectType | GraphQLInterfaceType) or field in ("edges",):
            continue
        if inner.name.endswith("Connection"):
            row = get_named_type(_composite(inner.name).fields["nodes"].type).name
            parts.append(f"{field} {{ totalCount pageInfo {{ endCursor }} nodes {{ {' '.join(_by_itself(row))} }} }}")
        elif "id" in inner.fields and isinstance(inner, GraphQLObjectType):
            parts.append(f"{field} {{ {' '.join(_by_itself(inner.name))} }}")
    return " ".join(parts)


@pytest.mark.parametrize("root", ROOTS)
async def test_every_default_page_below_a_default_page_is_within_what_a_buyer_may_ask(shop: Shop, root: str) -> None:
    response = await shop.buyer.post("{ " + ROOTS[root].format(_with_lists(TYPES[root])) + " }")

    assert "errors" not in response.json(), response.json()


async def test_payments_with_their_timelines_are_affordable_in_their_default_sizes(opened: Opened) -> None:
    query = "{ payments { edges { node { id amount { amount } timeline { edges { node { type } } } } } } }"
    async with opened() as shop:
        await shop.paid()
        answer = (await shop.buyer.post(query)).json()

    assert "errors" not in answer
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 1 + 20 * (1 + 10)


async def test_amounts_edges_and_pages_are_no_rows(opened: Opened) -> None:
    async with opened() as shop:
        await shop.paid()
        bare = await _cost(shop.buyer, "{ payments(first: 7) { nodes { id } } }")
        dressed = await _cost(
            shop.buyer,
            "{ payments(first: 7) { pageInfo { endCursor } edges { node { id amount { amount }"
            " paymentMethod { type } lastError { code } } } } }",
        )

    assert (bare["requestedQueryCost"], bare["actualQueryCost"]) == (8, 2)  # the page, and the rows in it
    assert (dressed["requestedQueryCost"], dressed["actualQueryCost"]) == (8, 2)


@pytest.mark.parametrize("variables", [{}, {"n": None}], ids=["left out", "null"])
async def test_a_size_that_is_not_given_costs_what_comes(opened: Opened, variables: Json) -> None:
    """A variable for `first` that is null or missing means the default size."""
    query = "query P($n: Int) { payments(first: $n) { nodes { id } } }"
    async with opened() as shop:
        for _ in range(21):
            await _prepared(shop)
        cost = await _cost(shop.buyer, query, **variables)

    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (21, 21)


async def test_a_refusal_for_its_cost_names_the_fields_and_says_the_cost(opened: Opened) -> None:
    query = """
      query Dear($id: ID!) { order(id: $id) { id } mine: payments(first: 30) { ...Page } }
      fragment Page on PaymentConnection { nodes { id events: timeline(first: 50) { nodes { type } } } }
    """
    async with opened() as shop:
        answer = (await shop.buyer.post(query, {"id": "x"})).json()

    cost = 1 + 30 * (1 + 50)
    [error] = answer["errors"]
    assert error["extensions"]["reason"] == "COST_LIMIT"
    assert error["message"] == (
        f"The document costs {cost + 1}, 500 is allowed: mine {cost}, of which mine.nodes.events.nodes {30 * 50};"
        " order 1. Ask for fewer fields or smaller pages."
    )
    assert answer["extensions"]["cost"] == {"requestedQueryCost": cost + 1, "actualQueryCost": 0}


async def test_an_answer_that_is_refused_for_its_rate_says_its_cost_too(opened: Opened) -> None:
    query = "{ payments(first: 100) { nodes { id order { id } } } }"
    async with opened(buyer_points=500, buyer_points_per_second=1) as shop:
        for _ in range(150):
            await _prepared(shop, by=shop.staff)
        while (response := await shop.buyer.post(query)).status_code == 200:
            pass

    cost = response.json()["extensions"]["cost"]
    assert response.status_code == 429
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (201, 0)
    assert cost["throttleStatus"]["currentlyAvailable"] < 201


async def test_a_gateway_that_batches_by_aliases_pays_for_each_and_is_not_bounded_twice(opened: Opened) -> None:
    async with opened() as shop:
        order_id = await shop.order()
        query = "{ " + " ".join(f'a{n}: order(id: "{order_id}") {{ id }}' for n in range(100)) + " }"
        answer = (await shop.buyer.post(query)).json()

    assert len(answer["data"]) == 100
    assert answer["extensions"]["cost"]["actualQueryCost"] == 100


async def test_a_look_at_stripe_costs_what_an_act_does_wherever_it_hides(opened: Opened) -> None:
    fresh = "query P($id: ID!, $ms: Int) { payment(id: $id, maxStalenessMs: $ms) { id } }"
    secret = "query P($id: ID!) { paymentConfirmation(paymentId: $id) { clientSecret } }"
    async with opened() as shop:
        payment_id = (await _prepared(shop))["id"]
        asked = await _cost(shop.buyer, fresh, id=payment_id, ms=0)
        unasked = await _cost(shop.buyer, fresh, id=payment_id)
        told = await _cost(shop.buyer, secret, id=payment_id)

    assert [cost["requestedQueryCost"] for cost in (asked, unasked, told)] == [10, 1, 10]


async def test_a_stranger_who_reloads_the_explorer_reads_the_schema_each_time(opened: Opened) -> None:
    """Twenty-five times at once, while no points refill."""
    async with opened(buyer_points_per_second=1) as shop:
        cost = await _cost(shop.anonymous, get_introspection_query(input_value_deprecation=True))

    assert cost["requestedQueryCost"] * 25 < cost["throttleStatus"]["maximumAvailable"]


async def _cost(client: Client, query: str, **variables: object) -> Json:
    answer = (await client.post(query, dict(variables))).json()
    assert "errors" not in answer, answer
    cost: Json = answer["extensions"]["cost"]
    return cost


async def _prepared(shop: Shop, *, by: Client | None = None) -> Json:
    """Create a payment that waits for its payer, by a caller whose payment attempts are not counted."""
    given = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    payment: Json = (await (by or shop.staff).do("createPayment", input=given, key=key()))["payment"]
    return payment


def test_buyers_and_strangers_have_the_narrow_limit() -> None:
    assert has_buyer_limits(None)
    assert Limits().buyer_cost == 500
