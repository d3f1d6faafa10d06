"""The schema as clients see it: committed as printed, described throughout, strict, and closed to strangers."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
    parse,
    subscribe,
)

from domain import errors
from domain.caller import Caller, Scope
from domain.ids import encode
from schema import print_sdl, schema
from schema.directives import Auth
from tests.support.schema_context import caller, cause, context, run

DEFINITION = "strawberry-definition"  # where Strawberry keeps its side of a field
ROOT = Path(__file__).parents[2]
SDL = print_sdl()
BUILT = build_schema(SDL)
MODULES = sorted(
    f"{path.parent.name}.{path.stem}"
    for room in ("resolvers", "schema")
    for path in (ROOT / room).glob("*.py")
    if path.stem != "__init__"
)


# -- the contract in the repository ----------------------------------------------------------------------------------


def test_the_committed_schema_is_the_one_that_the_code_prints() -> None:
    committed = (ROOT / "schema" / "schema.graphql").read_text()

    assert committed == SDL, "run `make schema` and look at the difference"


def _elements() -> Iterator[tuple[str, str | None]]:
    """Yield every element of the schema with its description."""
    for name, kind in BUILT.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", given.description) for value, given in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{part}", given.description) for part, given in kind.fields.items())
        if isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
            for part, field in kind.fields.items():
                yield f"{name}.{part}", field.description
                yield from ((f"{name}.{part}({arg})", given.description) for arg, given in field.args.items())
    for directive in BUILT.directives:
        if not is_specified_directive(directive):
            yield f"@{directive.name}", directive.description
            yield from ((f"@{directive.name}({arg})", given.description) for arg, given in directive.args.items())


def test_every_element_is_described() -> None:
    elements = dict(_elements())

    bare = [name for name, description in elements.items() if not description]

    assert len(elements) > 300
    assert bare == []


def test_mutations_that_move_money_demand_a_key_and_every_mutation_may_be_null() -> None:
    assert BUILT.mutation_type is not None
    free = {"createCustomerSession", "syncPayment", "replayWebhookEvents", "resolveDiscrepancy", "resolveOperation"}

    for name, field in BUILT.mutation_type.fields.items():
        assert not isinstance(field.type, GraphQLNonNull), name
        if name in free:
            assert "idempotencyKey" not in field.args
        else:
            assert str(field.args["idempotencyKey"].type) == "IdempotencyKey!", name


def test_fields_of_one_name_in_errors_can_be_asked_for_together() -> None:
    types: dict[str, set[str]] = {}
    for kind in BUILT.type_map.values():
        if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Error"):
            for name, field in kind.fields.items():
                types.setdefault(name, set()).add(str(field.type))

    assert {name: found for name, found in types.items() if len(found) > 1} == {}


IMPORT_EACH_FIRST = """
import importlib, sys
for module in sys.argv[1:]:
    for known in [name for name in sys.modules if name.partition(".")[0] in ("schema", "resolvers")]:
        del sys.modules[known]
    importlib.import_module(module)
    importlib.import_module("schema").print_sdl()
"""


def test_modules_can_be_imported_in_any_order() -> None:
    command = [sys.executable, "-W", "error", "-c", IMPORT_EACH_FIRST, *MODULES]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


# -- permissions -------------------------------------------------------------------------------------------------------

QUERIES = {
    "node": 'node(id: "order_01h455vb4pex5vsknk084sn02q") { id }',
    "nodes": "nodes(ids: []) { id }",
    "viewer": "viewer { scopes }",
    "order": 'order(externalId: "1") { id }',
    "payment": 'payment(id: "x") { id }',
    "payments": "payments { nodes { id } }",
    "paymentConfirmation": 'paymentConfirmation(paymentId: "x") { clientSecret }',
    "setupConfirmation": 'setupConfirmation(setupIntentId: "x") { clientSecret }',
    "refund": 'refund(id: "x") { id }',
    "refunds": "refunds { edges { cursor } }",
    "customer": 'customer(id: "x") { id }',
    "operation": 'operation(key: "k", kind: CREATE_PAYMENT) { id }',
    "webhookEvents": "webhookEvents { edges { cursor } }",
    "reconciliationRuns": "reconciliationRuns { id }",
    "openOperations": "openOperations { edges { cursor } }",
    "discrepancies": "discrepancies { edges { cursor } }",
    "integrity": "integrity { healthy }",
}
MONEY = '{amount: 100, currency: "USD"}'
MUTATIONS = {
    "registerOrder": f'(input: {{externalId: "1", total: {MONEY}}}, idempotencyKey: "k")',
    "createPayment": f'(input: {{orderId: "x", expectedAmount: {MONEY}}}, idempotencyKey: "k")',
    "confirmPayment": '(input: {paymentId: "x", paymentMethodId: "pm_1"}, idempotencyKey: "k")',
    "createOffSessionPayment": f'(input: {{orderId: "x", expectedAmount: {MONEY}}}, idempotencyKey: "k")',
    "capturePayment": '(input: {paymentId: "x"}, idempotencyKey: "k")',
    "cancelPayment": '(input: {paymentId: "x"}, idempotencyKey: "k")',
    "refundPayment": '(input: {paymentId: "x", reason: OTHER}, idempotencyKey: "k")',
    "createSetupIntent": '(input: {}, idempotencyKey: "k")',
    "setDefaultPaymentMethod": '(id: "x", idempotencyKey: "k")',
    "detachPaymentMethod": '(id: "x", idempotencyKey: "k")',
    "createCustomerSession": "(components: [PAYMENT_ELEMENT])",
    "syncPayment": '(paymentId: "x")',
    "replayWebhookEvents": "(ids: [])",
    "resolveDiscrepancy": '(id: "x", resolution: "looked at")',
    "resolveOperation": '(id: "x", outcome: LOOK_AGAIN, evidence: "looked at")',
}


SUBSCRIPTIONS = {
    "paymentUpdated": 'paymentUpdated(paymentId: "x") { sequence }',
    "orderPaymentUpdated": 'orderPaymentUpdated(orderId: "x") { sequence }',
    "paymentsFeed": "paymentsFeed { sequence }",
}


def test_the_tables_of_this_file_name_every_root_field() -> None:
    assert BUILT.subscription_type is not None
    assert set(SUBSCRIPTIONS) == set(BUILT.subscription_type.fields)
    assert BUILT.query_type is not None
    assert BUILT.mutation_type is not None
    assert set(QUERIES) == set(BUILT.query_type.fields)
    assert set(MUTATIONS) == set(BUILT.mutation_type.fields)


@pytest.mark.parametrize("name", QUERIES)
async def test_nobody_may_ask_anything(name: str) -> None:
    result = await run("{ " + QUERIES[name] + " }")

    refusal = cause(result)
    assert isinstance(refusal, errors.Forbidden)
    assert "bearer token" in refusal.message


@pytest.mark.parametrize("name", sorted(set(QUERIES) - {"nodes", "viewer", "operation", "node"}))
async def test_a_token_without_scopes_reads_nothing(name: str) -> None:
    result = await run("{ " + QUERIES[name] + " }", caller(Scope.EXPLORER))

    assert isinstance(cause(result), errors.Forbidden)


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
@pytest.mark.parametrize("who", [None, caller(Scope.EXPLORER)], ids=["nobody", "no scopes"])
async def test_nobody_may_follow_anything(name: str, who: Caller | None) -> None:
    """Refused before the stream begins, so that a transport can answer with a status."""
    document = parse("subscription { " + SUBSCRIPTIONS[name] + " }")

    result = await subscribe(schema._schema, document, context_value=context(who))  # type: ignore[misc]  # is a coroutine

    assert isinstance(result, ExecutionResult)
    [error] = result.errors or []
    assert isinstance(error.original_error, errors.Forbidden)


@pytest.mark.parametrize("name", MUTATIONS)
async def test_nobody_may_do_anything(name: str) -> None:
    result = await run(f"mutation {{ {name}{MUTATIONS[name]} {{ errors {{ code }} }} }}")

    assert isinstance(cause(result), errors.Forbidden)
    assert result.data == {name: None}


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("order_id", [None, uuid4()], ids=["no scopes", "view token"])
async def test_a_missing_scope_is_data(name: str, order_id: UUID | None) -> None:
    query = f"mutation {{ {name}{MUTATIONS[name]} {{ errors {{ __typename code path retryable requestId }} }} }}"

    result = await run(query, caller(order_id=order_id))

    assert result.errors is None
    assert result.data is not None
    assert result.data[name]["errors"] == [
        {
            "__typename": "GenericError",
            "code": "FORBIDDEN",
            "path": None,
            "retryable": False,
            "requestId": "req_test",
        }
    ]


@pytest.mark.parametrize("text", ["x", "", "payment_", "order_01h455vb4pex5vsknk084sn02q", "payment_" + "z" * 26, "🔑"])
async def test_a_malformed_or_foreign_id_is_not_there(text: str) -> None:
    staff = caller(Scope.PAYMENTS_READ, Scope.PAYMENTS_WRITE)

    read = await run("query R($id: ID!) { payment(id: $id) { id } }", staff, id=text)
    synced = await run("mutation S($id: ID!) { syncPayment(paymentId: $id) { errors { code path } } }", staff, id=text)

    assert (read.errors, read.data) == (None, {"payment": None})
    assert synced.data == {"syncPayment": {"errors": [{"code": "NOT_FOUND", "path": ["paymentId"]}]}}


async def test_the_viewer_is_named_as_the_audit_trail_names_them() -> None:
    query = "{ viewer { actor { kind subject } scopes } }"

    buyer = await run(query, caller(Scope.PAYMENTS_PAY, Scope.EXPLORER))
    onlooker = await run(query, caller(order_id=uuid4()))

    named, nameless = {"kind": "CUSTOMER", "subject": "somebody"}, {"kind": "CUSTOMER", "subject": None}
    assert buyer.data == {"viewer": {"actor": named, "scopes": ["explorer", "payments:pay"]}}
    assert onlooker.data == {"viewer": {"actor": nameless, "scopes": []}}


def test_no_error_of_one_root_field_takes_the_answers_of_the_others() -> None:
    """A field with restricted visibility is nullable, and a subscription has one field, refused before it begins."""
    assert BUILT.query_type is not None
    assert BUILT.subscription_type is not None
    roots = {f"Query.{name}": field for name, field in BUILT.query_type.fields.items()}
    guarded = {
        f"{kind.name}.{name}": field
        for kind in schema._schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind.name != BUILT.subscription_type.name
        for name, field in kind.fields.items()
        if any(isinstance(one, Auth) for one in getattr(field.extensions.get(DEFINITION), "directives", ()))
    }

    assert len(guarded) > 10
    assert [name for name, field in (roots | guarded).items() if isinstance(field.type, GraphQLNonNull)] == []


def test_every_id_is_of_one_thing() -> None:
    """Client caches keep one record for each type and id: each object with an id has its row's, with its own prefix."""
    with_ids = {
        kind.name: kind
        for kind in schema._schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and "id" in kind.fields
    }
    kinds = {name: kind.extensions[DEFINITION].origin.kind_of_id for name, kind in with_ids.items()}

    assert len(kinds) >= 9
    assert {name for name, kind in with_ids.items() if str(kind.fields["id"].type) != "ID!"} == set()
    assert {name for name, kind in with_ids.items() if "Node" not in {one.name for one in kind.interfaces}} == set()
    assert len(set(kinds.values())) == len(kinds)
    row = UUID(int=7)
    assert len({encode(kind, row) for kind in kinds.values()}) == len(kinds), "one row id, as many ids as types"


def test_every_page_of_a_list_has_its_rows_and_their_number() -> None:
    pages = {
        name: kind
        for name, kind in BUILT.type_map.items()
        if name.endswith("Connection") and isinstance(kind, GraphQLObjectType)
    }

    assert len(pages) >= 6
    for name, page in pages.items():
        assert set(page.fields) >= {"edges", "nodes", "pageInfo", "totalCount"}, name
        assert str(page.fields["totalCount"].type) == "Int", name
