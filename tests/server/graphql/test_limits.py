"""The limits of one document, and that exceeding them costs little."""

import time

import pytest
from graphql import OperationDefinitionNode, build_schema, get_introspection_query, parse

from server.graphql.document_shape import check_one_mutation
from server.graphql.query_cost import LimitBroken, Limits, Measure, Meter
from tests.server.shop import Shop, open_shop, refusal, token_for

SCHEMA = build_schema("""
    interface Named { name: String tags: [Tag!]! }
    type Tag { text: String }
    type Thing implements Named { name: String tags: [Tag!]! pages(first: Int = 5, last: Int): Page }
    type Page { nodes: [Thing!]! edges: [Edge!]! total: Int owner: Thing }
    type Edge { node: Thing! }
    type Query {
      thing: Thing
      things(first: Int = 20, last: Int): Page!
      few(first: Int!): [Thing!]!
      byIds(ids: [ID!]!): [Thing]!
      named: Named
      words: [String!]!
    }
    type Mutation { pay: Thing refund: Thing }
""")


def measure(query: str, **variables: object) -> Measure:
    document = parse(query)
    operation = next(entry for entry in document.definitions if isinstance(entry, OperationDefinitionNode))
    return Meter(SCHEMA, document, operation, Limits(), variables).measure()


def values(query: str, **variables: object) -> int:
    return measure(query, **variables).values.at(Limits().list_size)


def cost(query: str, **variables: object) -> int:
    return measure(query, **variables).cost.at(Limits().list_size)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ thing { name } }", 2),
        ("{ things(first: 50) { nodes { name } total } }", 1 + 1 + 50 * 2 + 1),
        ("{ things(first: 50) { edges { node { name } } } }", 1 + 1 + 50 * 3),
        ("{ things { nodes { name } } }", 1 + 1 + 20 * 2),
        ("{ things(last: 7, first: null) { nodes { name } } }", 1 + 1 + 7 * 2),
        ("{ things(first: 3, last: 7) { nodes { name } } }", 1 + 1 + 7 * 2),
        ("{ few(first: 4) { name } }", 1 + 4 * 2),
        ("{ byIds(ids: [1, 2, 3]) { name } }", 1 + 3 * 2),
        ("{ words }", 1 + 10),
        ("{ thing { tags { text } } }", 1 + 1 + 10 * 2),
        ("{ things(first: 50) { nodes { tags { text } } } }", 1 + 1 + 50 * (1 + 1 + 10 * 2)),
        ("{ things(first: 50) { owner { tags { text } } } }", 1 + 1 + 1 + 10 * 2),
        (
            "{ things(first: 9) { ...P } } fragment P on Page { nodes { ...T } } fragment T on Thing { name }",
            2 + 9 * 2,
        ),
        ("{ things(first: 9) { ... on Page { ... { nodes { name } } } } }", 2 + 9 * 2),
        (
            "{ named { ... on Thing { pages { nodes { name } } } tags { text } } }",
            1 + (2 + 5 * 2) + (1 + 10 * 2),
        ),
        ("{ things(first: -5) { nodes { name } } }", 1 + 1 + 2),
    ],
)
def test_the_values_of_the_answer_are_counted(query: str, expected: int) -> None:
    assert values(query) == expected


def test_sizes_come_from_variables_and_their_defaults_too() -> None:
    query = "query Q($n: Int = 30) { things(first: $n) { nodes { name } } }"
    ids = "query Q($ids: [ID!]!) { byIds(ids: $ids) { name } }"
    in_fragment = "query Q($n: Int = 30) { ...F } fragment F on Query { few(first: $n) { name } }"

    assert values(query, n=50) == 2 + 50 * 2
    assert values(query, n=50.0) == 2 + 50 * 2
    assert values(query) == 2 + 30 * 2
    assert values(query, n=10**30) > 10**30
    assert values(ids, ids=["1"] * 400) == 1 + 400 * 2
    assert values(in_fragment) == 1 + 30 * 2
    assert values("{ few(first: " + "9" * 5000 + ") { name } }") > 10**17


def test_a_size_that_is_null_or_left_out_is_the_fields_own() -> None:
    by_variable = "query Q($n: Int) { things(first: $n) { nodes { name } } }"
    of_null = "query Q($n: Int = null) { things(first: $n) { nodes { name } } }"

    assert values(by_variable) == values(by_variable, n=None) == values(of_null) == 2 + 20 * 2
    assert values(of_null, n=None) == values("{ things(first: null) { nodes { name } } }") == 2 + 20 * 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ thing { name tags { text } } }", 1 + 10),
        ("{ words }", 0),
        ("{ things(first: 50) { nodes { name } total } }", 1 + 50),
        ("{ things(first: 50) { edges { node { name } } } }", 1 + 50 * 2),
        ("{ things(first: 9) { ...P } } fragment P on Page { nodes { tags { text } } }", 1 + 9 * 11),
        ("{ few(first: 4) { name } }", 4),
        ("{ byIds(ids: [1, 2, 3]) { name } }", 3),
    ],
)
def test_cost_counts_the_objects_of_the_answer(query: str, expected: int) -> None:
    assert cost(query) == expected


def test_depth_and_fields_are_counted_through_fragments() -> None:
    measured = measure(
        "{ a: thing { ...F } ... { b: thing { ...F } } }"
        " fragment F on Thing { x: name pages { ...G } } fragment G on Page { total }"
    )

    assert (measured.depth, measured.fields) == (3, 8)


def bomb(levels: int) -> str:
    return (
        "{ item { ...F0 } }"
        + "".join(f"fragment F{n} on Item {{ ...F{n + 1} ... {{ ...F{n + 1} }} }}" for n in range(levels))
        + f"fragment F{levels} on Item {{ name parts {{ name }} }}"
    )


async def test_47_a_fragment_bomb_costs_milliseconds(shop: Shop) -> None:
    before = time.process_time()
    response = await shop.ask(bomb(22))

    assert refusal(response) == (200, "GRAPHQL_VALIDATION_FAILED", "FIELD_LIMIT")
    assert time.process_time() - before < 1


async def test_fragment_cycles_are_refused(shop: Shop) -> None:
    cycle = "{ item { ...A } } fragment A on Item { parent { ...B } } fragment B on Item { parent { ...A } }"
    itself = "{ item { ...A } } fragment A on Item { ...A }"

    through_fields = "{ item { ...F0 } }" + "".join(
        f" fragment F{n} on Item {{ parent {{ ...F{(n + 1) % 40} }} again: parent {{ ...F{(n + 2) % 40} }} }}"
        for n in range(40)
    )
    met_twice = "{ item { ...A ...B } } fragment A on Item { parent { ...B } } fragment B on Item { parent { ...A } }"

    before = time.process_time()
    for query in (cycle, itself, through_fields, met_twice):
        assert (await shop.ask(query)).json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert time.process_time() - before < 1


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("{ item {" + " parent {" * 20 + " name" + " }" * 20 + "} }", "DEPTH_LIMIT"),
        ("{ item {" + " ... {" * 160 + " name" + " }" * 160 + "} }", "DEPTH_LIMIT"),
        ("{" + " hello" * 501 + " }", "FIELD_LIMIT"),
        (
            "{ hello }" + "".join(f" fragment F{n} on Query {{ hello hello hello hello }}" for n in range(130)),
            "FIELD_LIMIT",
        ),
        ("{ items(first: 100) { nodes { parts { parts { parts { name } } } } } }", "COST_LIMIT"),
        ("{ items(first: 2000000000) { nodes { name } } }", "COST_LIMIT"),
    ],
)
async def test_a_document_beyond_a_limit_is_refused_before_it_runs(shop: Shop, query: str, reason: str) -> None:
    response = await shop.ask(query, accept="application/graphql-response+json")

    assert refusal(response) == (400, "GRAPHQL_VALIDATION_FAILED", reason)


@pytest.mark.parametrize(
    "query",
    [
        "{" + "{".join("a" * 300),
        "{ hello(name: " + "[" * 400 + "]" * 400 + ") }",
        "{ hello }" + " # comment\n" * 300,
        "{" + " a" * 2500 + "}",
        "{" + "a" * 90_000 + "}",
        "query (" + "".join(f"$v{n}: Int " for n in range(500)) + ") { hello }",
        "{ hello " + "@skip(if: true) " * 300 + "}",
        "query { hello } " * 400,
    ],
    ids=["nested", "lists", "comments", "tokens", "name", "variables", "directives", "operations"],
)
async def test_hostile_documents_are_refused_quickly(shop: Shop, query: str) -> None:
    before = time.process_time()
    response = await shop.ask(query)

    assert response.status_code == 200
    assert "data" not in response.json()
    assert time.process_time() - before < 3


async def test_the_dearest_allowed_comparison_of_fields_stays_cheap(shop: Shop) -> None:
    before = time.process_time()
    await shop.ask("{" + " item { name }" * 249 + " }")

    assert time.process_time() - before < 3


async def test_a_cached_document_is_measured_again_for_other_variables(shop: Shop) -> None:
    query = "query Q($n: Int) { items(first: $n) { nodes { parts { parts { name } } } } }"

    small = await shop.ask(query, variables={"n": 2})
    large = await shop.ask(query, variables={"n": 100})
    small_again = await shop.ask(query, variables={"n": 2})

    assert small.json() == small_again.json()
    assert len(small.json()["data"]["items"]["nodes"]) == 2
    assert refusal(large)[2] == "COST_LIMIT"


async def test_a_list_of_ids_is_paid_for_by_its_length(shop: Shop) -> None:
    query = "query Q($ids: [ID!]!) { nodes(ids: $ids) { parts { parts { name } } } }"

    assert (await shop.ask(query, variables={"ids": ["1"] * 3})).status_code == 200
    assert refusal(await shop.ask(query, variables={"ids": ["1"] * 300}))[2] == "COST_LIMIT"


@pytest.mark.parametrize(
    "query",
    [
        'mutation { a: pay(key: "1") b: pay(key: "2") }',
        'mutation { pay(key: "1") payBroken }',
        'mutation { pay(key: "1") ... { payBroken } }',
        'mutation { pay(key: "1") ...M } fragment M on Mutation { payBroken }',
        'mutation { pay(key: "1") ... @include(if: true) { payBroken } }',
        "mutation {" + "".join(f' p{n}: pay(key: "{n}")' for n in range(30)) + "}",
    ],
)
async def test_47_a_document_holds_one_mutation(shop: Shop, query: str) -> None:
    shop.world.gate.set()

    assert refusal(await shop.ask(query))[2] == "ONE_MUTATION"
    assert shop.world.paid == []


async def test_the_same_mutation_asked_for_twice_is_one_and_runs_once(shop: Shop) -> None:
    shop.world.gate.set()
    query = 'mutation { __typename pay(key: "1") ...M } fragment M on Mutation { pay(key: "1") }'

    response = await shop.ask(query)

    assert response.json() == {"data": {"__typename": "Mutation", "pay": "1"}}
    assert shop.world.paid == ["1"]


async def test_operations_that_do_not_run_are_not_counted(shop: Shop) -> None:
    shop.world.gate.set()
    query = 'mutation A { pay(key: "1") } mutation B { pay(key: "2") }'

    assert (await shop.ask(query, operationName="B")).json() == {"data": {"pay": "2"}}
    assert shop.world.paid == ["2"]


def test_one_mutation_is_safe_on_fragment_cycles() -> None:
    document = parse(
        "mutation { ...A } fragment A on Mutation { ...B pay { name } } fragment B on Mutation { ...A refund }"
    )
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)

    with pytest.raises(LimitBroken):
        check_one_mutation(operation, document)


async def test_tools_can_read_the_whole_schema_within_the_limits() -> None:
    shop = open_shop()
    query = get_introspection_query(input_value_deprecation=True, specified_by_url=True, directive_is_repeatable=True)

    async with shop.client:
        response = await shop.ask(query, token=token_for())

    assert "errors" not in response.json()
    assert response.json()["data"]["__schema"]["types"]


async def test_an_introspection_bomb_is_refused(shop: Shop) -> None:
    nested = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    many = "{" + "".join(f" s{n}: __schema {{ types {{ name }} }}" for n in range(51)) + " }"

    for query in (nested, many):
        response = await shop.ask(query, token=token_for())
        assert "data" not in response.json()
