"""Plans against graphql-core over the API itself: made-up queries through the front door, answered twice."""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest

from execution import Execution
from schema import schema
from server.graphql.http import GraphQLEndpoint
from tests.execution.documents import Document, Writer
from tests.support.parts import parts
from tests.support.shop import MUTATIONS, Client, Json, Shop, key

PARTS = 4
EACH = 150  # queries in a part
REQUEST_ID = re.compile(rb"req_[0-9a-f]{32}")
LEFT_OUT = {"integrity"}  # looks at the clock
ORDER_STATUS = """
query OrderStatus($id: ID!) {
  order(id: $id) {
    id externalId paymentStatus total { amount currency } amountPaid { amount currency } amountDue { amount currency }
    payments {
      nodes {
        id status createdAt amount { amount currency } amountCaptured { amount currency }
        amountRefunded { amount currency } refunds { id status amount { amount currency } }
      }
    }
  }
}
"""
PAGE = """
query Page($after: String) {
  payments(first: 50, after: $after) {
    edges {
      cursor
      node {
        id status createdAt amount { amount currency } order { id externalId paymentStatus }
        refunds { id status amount { amount currency } }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""


def endpoint_of(shop: Shop) -> GraphQLEndpoint:
    """Return the endpoint at /graphql."""
    app: Any = shop.app
    while not hasattr(app, "_graphql"):
        app = app.app
    endpoint: GraphQLEndpoint = app._graphql
    return endpoint


@contextmanager
def by_graphql_core(shop: Shop) -> Iterator[None]:
    """Without plans."""
    endpoint = endpoint_of(shop)
    kept = endpoint.execution
    endpoint.execution = Execution(schema, planned=False)
    yield
    endpoint.execution = kept


async def stock_of(shop: Shop) -> dict[str, list[str]]:
    """Rows of every kind, and what their ids are."""
    paid = await shop.paid()
    refund = await shop.refund(paid["id"], 100)
    await shop.refund(paid["id"], 200)
    held = await shop.pay(await shop.order(), captureMethod="MANUAL", metadata={"note": "held"})
    declined = await shop.pay(await shop.order(), method="pm_card_chargeDeclined")
    waiting = await shop.pay(
        await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example"
    )
    await shop.deliver()
    payments = [paid["id"], *(one["payment"]["id"] for one in (held, declined, waiting))]
    listed = await shop.staff.ask("{ payments { edges { cursor } } webhookEvents { edges { node { id } } } }")
    orders = [await shop.order(), *[(await shop.payment(one))["order"]["id"] for one in payments]]
    return {
        "ids": [*payments, *orders, refund["refund"]["id"], refund["operation"]["id"]]
        + [edge["node"]["id"] for edge in listed["webhookEvents"]["edges"]],
        "orders": orders,
        "payments": payments,
        "refunds": [refund["refund"]["id"]],
        "cursors": [edge["cursor"] for edge in listed["payments"]["edges"]],
    }


def leaf_of(stock: dict[str, list[str]]) -> Any:
    kinds = {"order": "orders", "payment": "payments", "refund": "refunds"}

    def leaf(drawn: random.Random, scalar: str, place: str) -> Any:
        if scalar == "ID":
            wanted = next((kind for word, kind in kinds.items() if place.startswith(word)), "ids")
            return drawn.choice([*stock[wanted] * 3, *stock["ids"], "nothing"])
        if place == "maxStalenessMs":  # never so little that Stripe is asked: each answer would say another moment
            return drawn.choice([3_600_000, 86_400_000])
        if place in ("after", "before"):
            return drawn.choice([*stock["cursors"], "nothing"])
        values: dict[str, list[Any]] = {
            "Int": [1, 2, 3, 20, 100, 0, 101],
            "String": ["en-US", "de-CH", "order", "held", "x"],
            "Boolean": [True, False],
            "MinorUnits": [1, 100, 10_000],
            "CurrencyCode": ["USD", "EUR"],
            "DateTime": ["2020-01-01T00:00:00Z", "2100-01-01T00:00:00+01:00"],
            "IdempotencyKey": ["a-key", "another-key"],
            "Metadata": [{"note": "held"}],
        }
        return drawn.choice(values[scalar])

    return leaf


# graphql-core itself leaves coroutines behind when an error ends an answer early.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("part", parts(PARTS))
async def test_queries_are_answered_as_graphql_core_answers_them(shop: Shop, part: int) -> None:
    root = schema._schema.query_type
    assert root is not None
    stock = await stock_of(shop)
    writer = Writer(schema._schema, part, leaf_of(stock))
    hot = [name for name in root.fields if name in ("order", "payment", "payments")]
    names = [name for name in root.fields if name not in LEFT_OUT] + hot * 5
    answered = 0

    for number in range(EACH):
        document = writer.document("query", names, fields=1)  # of two that fail, either may be told first
        client = (shop.staff, shop.staff, shop.buyer, shop.stranger, shop.anonymous)[number % 5]
        for variables in document.variables:
            answered += await _is_answered_alike(shop, client, document, variables)

    assert answered > EACH  # of twice as many; the others cost too much or are no operations
    assert endpoint_of(shop).execution.fallbacks < answered
    assert endpoint_of(shop).execution.unplanned == 0


async def _is_answered_alike(shop: Shop, client: Client, document: Document, variables: Json) -> bool:
    """Ask twice and compare; whether there was data in the answer."""
    ours = await client.post(document.text, variables)
    with by_graphql_core(shop):
        theirs = await client.post(document.text, variables)

    assert ours.status_code == theirs.status_code, (document.text, variables)
    data, errors = _canonical(ours)
    data_of_core, errors_of_core = _canonical(theirs)
    assert data == data_of_core, (document.text, variables)
    # Where two errors take the same place from the answer, each tells of those that came before it ended.
    assert errors == errors_of_core or _roots(errors) == _roots(errors_of_core), (document.text, variables)
    return ours.json().get("data") is not None


def _roots(errors: list[bytes]) -> set[object]:
    """The fields of the root that errors are about, and None for one about the whole request."""
    return {(orjson.loads(error).get("path") or [None])[0] for error in errors}


def _canonical(response: httpx.Response) -> tuple[bytes, list[bytes]]:
    """The data and the errors, without the id of the request."""
    answer = orjson.loads(REQUEST_ID.sub(b"req", response.content))
    return orjson.dumps(answer.get("data")), sorted(orjson.dumps(error) for error in answer.get("errors", ()))


async def test_the_hottest_queries_go_as_planned(shop: Shop) -> None:
    stock = await stock_of(shop)
    endpoint = endpoint_of(shop)
    execution, cache = endpoint.execution, endpoint._documents.cache

    for order_id in stock["orders"]:
        await shop.buyer.ask(ORDER_STATUS, id=order_id)
    await shop.staff.ask(PAGE)
    await shop.staff.ask(PAGE, after=stock["cursors"][0])

    assert execution.fallbacks == 0
    operations = [operation for prepared in cache._kept.values() for operation in prepared.operations]
    plans = [plan for operation in operations for plan in operation.plans.values() if plan is not None]
    [page] = [plan for plan in plans if "'hasNextPage'" in plan.source]
    assert "now(" not in page.source  # nothing that might wait
    assert re.findall(r"\bv = |\(v, info, later\)", page.source) == ["(v, info, later)"]  # no type but the page is made


async def test_a_payment_is_made_once_and_repeated_alike_by_both(shop: Shop) -> None:
    order_id, with_key = await shop.order(), key()
    execution = endpoint_of(shop).execution

    first = await shop.pay(order_id, with_key=with_key)
    again = await shop.pay(order_id, with_key=with_key)
    with by_graphql_core(shop):
        by_core = await shop.pay(order_id, with_key=with_key)

    assert again == by_core
    assert again == {**first, "replayed": True}
    assert len(shop.sandbox.snapshot().payment_intents) == 1
    assert execution.fallbacks == 0


async def test_a_mutation_whose_plan_bails_out_is_not_done_again(shop: Shop) -> None:
    """Nor is it repeated under its key: the answer tells of the act itself."""
    payload = await shop.pay(
        await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example"
    )
    parameters, arguments, _ = MUTATIONS["createPayment"]
    fields = "replayed payment { id status supersedes { id order { id } } }"
    order_id = await shop.order()

    response = await shop.buyer.post(
        f"mutation M{parameters} {{ createPayment{arguments} {{ {fields} payment {{ timeline(first: 0) "
        "{ pageInfo { hasNextPage } } } } }",
        {
            "input": {
                "orderId": order_id,
                "expectedAmount": {"amount": 10_000, "currency": "USD"},
                "paymentMethodId": "pm_card_visa",
                "confirm": True,
            },
            "key": key(),
        },
    )

    answer = response.json()
    assert payload["payment"]["status"] == "REQUIRES_ACTION"
    assert [error["extensions"]["reason"] for error in answer["errors"]] == ["VALIDATION_FAILED"]
    assert answer["data"]["createPayment"] == {"replayed": False, "payment": None}
    assert endpoint_of(shop).execution.fallbacks == 1
    assert len(shop.sandbox.snapshot().payment_intents) == 2


@pytest.mark.parametrize("planned", [True, False])
async def test_an_error_does_not_take_from_its_neighbour_what_both_wait_for(shop: Shop, planned: bool) -> None:
    """graphql-core cancels the fields beside one that failed; the order's row is wanted by another field too."""
    payment_id = (await shop.paid())["id"]
    order = "order { id }"
    query = f"""
      query Q($id: ID!) {{
        broken: node(id: $id) {{ ... on Payment {{ {order} timeline(first: 0) {{ pageInfo {{ hasNextPage }} }} }} }}
        whole: node(id: $id) {{ ... on Payment {{ {order} }} }}
      }}
    """

    if planned:
        answer = (await shop.staff.post(query, {"id": payment_id})).json()
    else:
        with by_graphql_core(shop):
            answer = (await shop.staff.post(query, {"id": payment_id})).json()

    assert answer["data"]["broken"] is None
    assert answer["data"]["whole"]["order"]["id"].startswith("order_")
    assert [error["path"] for error in answer["errors"]] == [["broken", "timeline"]]
