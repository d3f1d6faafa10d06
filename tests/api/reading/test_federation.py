"""The subgraph over HTTP, as a router asks it: what a reference may be, what it costs, and who may read the schema."""

from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from asyncpg.connection import Connection

from domain.ids import Kind, encode, new_id
from resolvers.nodes import MOST_ENTITIES
from schema import print_sdl
from schema.federation import print_subgraph_sdl
from server.app import create_app, with_middleware
from settings import Settings
from tests.api.reading.test_schema_document import PRODUCTION
from tests.execution.test_api import endpoint_of
from tests.live.following import following, served
from tests.support.shop import Json, Shop, open_shop, settings_for, token

# As a router's query planner writes it.
PAYMENTS: Final = (
    "query Cart__paygraph__1($representations:[_Any!]!){_entities(representations:$representations){"
    "...on Payment{status amount{amount currency}}...on Order{paymentStatus}}}"
)
KINDS: Final = """
query K($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on Order { id customer { id } payments(first: 1) { nodes { id } } }
    ... on Payment { id order { id } customer { id } }
    ... on Refund { id payment { id } }
    ... on Customer { id payments(first: 1) { nodes { id } } }
  }
}
"""
SERVICE: Final = "{ _service { sdl } }"
MALFORMED: Final[dict[str, tuple[Any, str]]] = {
    "a text": ("payment_01h455vb4pex5vsknk084sn02q", "an object with `__typename`"),
    "a list": ([{"__typename": "Payment"}], "an object with `__typename`"),
    "a number": (7, "an object with `__typename`"),
    "no type": ({"id": "payment_01h455vb4pex5vsknk084sn02q"}, "`__typename`"),
    "a type that is no text": ({"__typename": ["Payment"], "id": "x"}, "`__typename`"),
    "a type without a key": ({"__typename": "Money", "id": "x"}, "`__typename`"),
    "a type that is not there": ({"__typename": "secret-word", "id": "x"}, "`__typename`"),
    "no key": ({"__typename": "Payment"}, "`id`"),
    "another key": ({"__typename": "Payment", "externalId": "1"}, "`id`"),
    "an id that is no text": ({"__typename": "Payment", "id": 7}, "`id`"),
    "no key of an order": ({"__typename": "Order", "number": "1"}, "`externalId`"),
    "a number that is no text": ({"__typename": "Order", "externalId": None}, "`externalId`"),
    "a number with spaces": ({"__typename": "Customer", "externalId": " 1"}, "`externalId`"),
}

subgraph = pytest.mark.shop_settings(federation=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Watch the reads that the driver sends to PostgreSQL."""
    seen: list[str] = []
    fetch = Connection.fetch

    async def watched(self: Connection, query: str, *given: Any, **named: Any) -> Any:
        seen.append(query)
        return await fetch(self, query, *given, **named)

    monkeypatch.setattr(Connection, "fetch", watched)
    return seen


def _reference(kind: str, identity: str) -> Json:
    return {"__typename": kind, "id": identity}


@pytest.mark.parametrize("execution", ["planned", "graphql-core"])
async def test_a_routers_query_is_answered_in_the_order_of_its_references(
    database_url: str, tmp_path: Path, execution: str
) -> None:
    async with open_shop(settings_for(database_url, tmp_path, federation=True, execution=execution)) as shop:
        paid, waiting = await shop.paid(), await shop.prepared(700)
        missing = encode(Kind.PAYMENT, new_id())
        references = [
            _reference("Payment", waiting["id"]),
            _reference("Order", paid["order"]["id"]),
            _reference("Payment", missing),
            _reference("Payment", paid["order"]["id"]),  # an id of another type
            _reference("Payment", "no id at all"),
            _reference("Payment", paid["id"]) | {"status": "what another subgraph requires"},
            _reference("Payment", waiting["id"]),
        ]

        answer = (await shop.buyer.post(PAYMENTS, {"representations": references})).json()

        open_ = {"status": waiting["status"], "amount": {"amount": 700, "currency": "USD"}}
        done = {"status": "SUCCEEDED", "amount": {"amount": 10_000, "currency": "USD"}}
        assert answer == {"data": {"_entities": [open_, {"paymentStatus": "PAID"}, None, None, None, done, open_]}}
        ran = endpoint_of(shop).execution
        assert (ran.fallbacks, ran.unplanned) == (0, 0)


@subgraph
async def test_a_malformed_reference_is_an_error_in_its_place_and_takes_nothing_from_the_others(shop: Shop) -> None:
    paid = await shop.paid()
    good = _reference("Payment", paid["id"])
    references = [good, *(wrong for wrong, _ in MALFORMED.values()), good]

    answer = (await shop.buyer.post(PAYMENTS, {"representations": references})).json()

    shown = {"status": "SUCCEEDED", "amount": {"amount": 10_000, "currency": "USD"}}
    assert answer["data"]["_entities"] == [shown, *[None] * len(MALFORMED), shown]
    errors = {error["path"][1]: error for error in answer["errors"]}
    assert [error["path"] for error in errors.values()] == [["_entities", n + 1] for n in range(len(MALFORMED))]
    for error, (name, (_, says)) in zip(errors.values(), MALFORMED.items(), strict=True):
        assert says in error["message"], name
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["extensions"]["reason"] == "VALIDATION_FAILED"
        assert "secret-word" not in error["message"]


@subgraph
async def test_a_reference_may_be_written_into_the_document(shop: Shop) -> None:
    paid = await shop.paid()
    query = (
        'query Q($id: ID!) { _entities(representations: [{__typename: "Payment", id: $id}]) { ... on Node { id } } }'
    )

    assert await shop.buyer.ask(query, id=paid["id"]) == {"_entities": [{"id": paid["id"]}]}


@subgraph
async def test_only_so_many_references_are_taken_at_once(shop: Shop) -> None:
    missing = [_reference("Payment", encode(Kind.PAYMENT, new_id())) for _ in range(MOST_ENTITIES + 1)]
    query = "query Q($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }"

    most = (await shop.staff.post(query, {"representations": missing[1:]})).json()
    more = (await shop.staff.post(query, {"representations": missing})).json()

    assert most == {"data": {"_entities": [None] * MOST_ENTITIES}}
    assert more["data"] is None
    [error] = more["errors"]
    assert error["message"] == "`representations` may have at most 1000 entries."
    assert (error["extensions"]["code"], error["extensions"]["reason"]) == ("BAD_USER_INPUT", "VALIDATION_FAILED")


@pytest.mark.shop_settings(federation=True, rate_limits="process", buyer_cost_limit=30)
async def test_references_cost_as_many_rows_as_node_does(shop: Shop) -> None:
    ids = [encode(Kind.PAYMENT, new_id()) for _ in range(16)]
    fields = "... on Payment { status order { id } }"
    by_node = "{ " + " ".join(f'n{place}: node(id: "{one}") {{ {fields} }}' for place, one in enumerate(ids[:7])) + " }"
    query = f"query Q($representations: [_Any!]!) {{ _entities(representations: $representations) {{ {fields} }} }}"
    references = [_reference("Payment", one) for one in ids]

    nodes = (await shop.buyer.post(by_node)).json()
    entities = (await shop.buyer.post(query, {"representations": references[:7]})).json()
    most = (await shop.buyer.post(query, {"representations": references[:15]})).json()
    dear = (await shop.buyer.post(query, {"representations": references})).json()

    assert nodes["extensions"]["cost"]["requestedQueryCost"] == 14
    assert entities["extensions"]["cost"]["requestedQueryCost"] == 14
    assert most["data"] == {"_entities": [None] * 15}
    assert "data" not in dear
    assert dear["errors"][0]["extensions"]["reason"] == "COST_LIMIT"
    assert "costs 32, 30 is allowed: _entities 32" in dear["errors"][0]["message"]


@pytest.mark.parametrize("who", ["buyer", "staff"])
@subgraph
async def test_many_references_take_as_many_statements_as_one_of_each_type(
    shop: Shop, sent: list[str], who: str
) -> None:
    references: list[Json] = []
    for _ in range(6):
        paid = await shop.paid()
        refund = (await shop.refund(paid["id"], 100))["refund"]
        ids = {"Order": paid["order"]["id"], "Payment": paid["id"], "Refund": refund["id"]}
        references += [_reference(kind, identity) for kind, identity in ids.items()]
    customer = await shop.buyer.ask("{ viewer { customer { id } } }")
    references.insert(0, _reference("Customer", customer["viewer"]["customer"]["id"]))
    client = shop.buyer if who == "buyer" else shop.staff
    await client.ask(KINDS, representations=references)  # the buyer's customer is known from now on
    sent.clear()

    few = await client.ask(KINDS, representations=references[:4])
    statements = len(sent)
    sent.clear()
    many = await client.ask(KINDS, representations=references)

    assert [one["id"] for one in many["_entities"]] == [one["id"] for one in references]
    assert many["_entities"][:4] == few["_entities"]
    assert 0 < len(sent) == statements


@subgraph
async def test_a_stranger_gets_no_entities_and_null_is_all_of_the_answer(shop: Shop) -> None:
    paid = await shop.paid()

    response = await shop.anonymous.post(PAYMENTS, {"representations": [_reference("Payment", paid["id"])]})

    answer = response.json()
    assert (response.status_code, answer["data"]) == (200, None)  # `_entities` itself may not be null
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["_entities"], "UNAUTHENTICATED")


async def test_without_the_setting_there_is_no_subgraph(shop: Shop) -> None:
    paid = await shop.paid()
    references = [_reference("Payment", paid["id"])]

    entities = (await shop.staff.post(PAYMENTS, {"representations": references})).json()
    service = (await shop.staff.post(SERVICE)).json()

    for answer, name in ((entities, "_entities"), (service, "_service")):
        assert "data" not in answer
        assert f"Cannot query field '{name}' on type 'Query'." in [error["message"] for error in answer["errors"]]
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}
    assert (await shop.http.get("/schema.graphql")).text == print_sdl()


@subgraph
async def test_outside_production_the_tools_of_a_router_read_the_schema(shop: Shop) -> None:
    answer = (await shop.anonymous.post(SERVICE)).json()

    assert answer == {"data": {"_service": {"sdl": print_subgraph_sdl()}}}
    assert (await shop.http.get("/schema.graphql")).text == print_subgraph_sdl()


@pytest.mark.parametrize(("scope", "status"), [(None, 401), ("payments:read ops:read", 403), ("explorer", 200)])
async def test_in_production_the_schema_takes_the_scope(scope: str | None, status: int) -> None:
    settings = Settings(_env_file=None, **PRODUCTION, federation=True)  # type: ignore[call-arg]  # as in PRODUCTION's test
    app = with_middleware(create_app(settings, run_worker=False), settings)
    headers = {"Authorization": f"Bearer {token('composer', scope)}"} if scope is not None else {}
    by_fragment = "fragment F on Query { renamed: _service { sdl } } { ...F }"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop", headers=headers) as http:
        document = await http.get("/schema.graphql")
        services = [await http.post("/graphql", json={"query": query}) for query in (SERVICE, by_fragment)]

    assert (document.status_code, document.text == print_subgraph_sdl()) == (status, status == 200)
    for response in services:
        assert ("INTROSPECTION_DISABLED" in response.text) is (status != 200)
        assert "createPayment" not in response.text  # nothing runs without a database here


@subgraph
async def test_a_followed_payment_is_read_again_as_an_entity(shop: Shop) -> None:
    """A router passes subscriptions on, and asks for what an event leads to by references."""
    paid = await shop.paid()
    query = "subscription S($id: ID!) { on: paymentUpdated(paymentId: $id) { sequence payment { __typename id } } }"

    async with served(shop.app) as address, following(address, shop.buyer.token, query, id=paid["id"]) as subscriber:
        event = await subscriber.next()
        entities = await shop.buyer.ask(PAYMENTS, representations=[event["payment"]])

    assert event["payment"] == _reference("Payment", paid["id"])
    assert entities["_entities"][0]["status"] == "SUCCEEDED"
