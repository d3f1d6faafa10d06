"""The schema as clients see it: committed as printed, described throughout, strict, and closed to strangers."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
)
from strawberry.types import ExecutionResult

from domain import errors
from domain.caller import Caller, Scope
from domain.money import Money
from domain.states import PaymentAction, PaymentStatus, ProviderEffect, RetryAdvice
from provider import Provider
from resolvers.context import Asking
from schema import money as money_on_the_wire
from schema import print_sdl, schema
from schema.errors import ERROR_TYPES, user_error
from schema.scalars import parse_moment, print_moment
from services.drive import Driver

ROOT = Path(__file__).parent.parent
SDL = print_sdl()
BUILT = build_schema(SDL)
MODULES = sorted(
    f"{path.parent.name}.{path.stem}"
    for room in ("resolvers", "schema")
    for path in (ROOT / room).glob("*.py")
    if path.stem != "__init__"
)


class NoProvider(Provider):
    """Stripe is out of reach: a call would be an AttributeError."""

    def __init__(self) -> None:
        pass


def asking(caller: Caller | None = None) -> Asking:
    """A request without a database and without Stripe: whoever needs them fails loudly."""
    return Asking.for_request(
        caller=caller,
        request_id="req_test",
        driver=Driver(NoProvider()),
        currencies=frozenset({"USD"}),
        sign_view_token=lambda _: None,
    )


def caller(*scopes: Scope, order_id: UUID | None = None) -> Caller:
    return Caller(subject="somebody", scopes=frozenset(scopes), order_id=order_id)


async def run(query: str, who: Caller | None = None, **variables: Any) -> ExecutionResult:
    result = await schema.execute(query, variable_values=variables, context_value=asking(who))
    assert isinstance(result, ExecutionResult)
    return result


def cause(result: ExecutionResult) -> Exception | None:
    """The exception behind the only error of a result."""
    assert result.errors is not None
    [error] = result.errors
    original: Exception | None = error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return original


# -- the contract in the repository ----------------------------------------------------------------------------------


def test_the_committed_schema_is_the_one_that_the_code_prints() -> None:
    committed = (ROOT / "schema" / "schema.graphql").read_text()

    assert committed == SDL, "run `make schema` and look at the difference"


def _elements() -> Iterator[tuple[str, str | None]]:
    """Every element of the schema with its description."""
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
    free = {"syncPayment", "replayWebhookEvents"}

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


# -- who may ask -----------------------------------------------------------------------------------------------------

QUERIES = {
    "node": 'node(id: "order_01h455vb4pex5vsknk084sn02q") { id }',
    "nodes": "nodes(ids: []) { id }",
    "viewer": "viewer { kind }",
    "order": 'order(externalId: "1") { id }',
    "payment": 'payment(id: "x") { id }',
    "payments": "payments { nodes { id } }",
    "refund": 'refund(id: "x") { id }',
    "refunds": "refunds { edges { cursor } }",
    "customer": 'customer(id: "x") { id }',
    "operation": 'operation(key: "k", kind: CREATE_PAYMENT) { id }',
    "webhookEvents": "webhookEvents { edges { cursor } }",
}
MONEY = '{amount: 100, currency: "USD"}'
MUTATIONS = {
    "registerOrder": f'(input: {{externalId: "1", total: {MONEY}}}, idempotencyKey: "k")',
    "createPayment": f'(input: {{orderId: "x", expectedAmount: {MONEY}}}, idempotencyKey: "k")',
    "confirmPayment": '(paymentId: "x", paymentMethodId: "pm_1", idempotencyKey: "k")',
    "capturePayment": '(input: {paymentId: "x"}, idempotencyKey: "k")',
    "cancelPayment": '(input: {paymentId: "x"}, idempotencyKey: "k")',
    "refundPayment": '(input: {paymentId: "x", reason: OTHER}, idempotencyKey: "k")',
    "syncPayment": '(paymentId: "x")',
    "replayWebhookEvents": "(ids: [])",
}


def test_the_tables_of_this_file_name_every_root_field() -> None:
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
    buyer = await run("{ viewer { kind id } }", caller(Scope.PAYMENTS_PAY))
    onlooker = await run("{ viewer { kind id } }", caller(order_id=uuid4()))

    assert buyer.data == {"viewer": {"kind": "CUSTOMER", "id": "somebody"}}
    assert onlooker.data == {"viewer": {"kind": "CUSTOMER", "id": None}}


# -- scalars ---------------------------------------------------------------------------------------------------------

STAFF = caller(Scope.PAYMENTS_READ)


@pytest.mark.parametrize("bad", [1.0, 1e3, 10.5, "100", True, None, 2**53, -(2**53), [1]])
async def test_minor_units_are_exact_integers(bad: object) -> None:
    result = await run(
        "query Q($a: MinorUnits!) { payments(filter: {amount: {gte: $a}}) { nodes { id } } }", STAFF, a=bad
    )

    assert result.errors is not None
    assert result.data is None


@pytest.mark.parametrize("bad", ["1.0", "1e3", '"100"', "true", "9007199254740992", "1" + "0" * 5000, "USD"])
async def test_minor_units_in_a_document_are_exact_integers(bad: str) -> None:
    result = await run(f"{{ payments(filter: {{amount: {{gte: {bad}}}}}) {{ nodes {{ id }} }} }}", STAFF)

    assert result.errors is not None
    assert result.data is None


@pytest.mark.parametrize(
    "bad",
    [
        "2026",
        "2026-01-31",
        "2026-01-31T09:30:00",
        "2026-01-31 09:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-01-31T25:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-01-31T09:30:00Z",
        "",
        "Z",
    ],
)
def test_a_moment_has_its_offset(bad: str) -> None:
    with pytest.raises(errors.Refused):
        parse_moment(bad)


def test_a_moment_comes_back_to_the_microsecond() -> None:
    moment = parse_moment("2026-01-31T10:30:00.123456+01:00")

    assert moment == datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)
    assert print_moment(moment) == "2026-01-31T09:30:00.123456Z"


@pytest.mark.parametrize("secret", ["hunter2 hunter2", "schlüssel-hunter2", "hunter2" * 50])
async def test_a_refused_key_is_not_repeated_by_us(secret: str) -> None:
    result = await run(
        "query Q($k: IdempotencyKey!) { operation(key: $k, kind: CREATE_PAYMENT) { id } }", STAFF, k=secret
    )

    refusal = cause(result)
    assert isinstance(refusal, errors.Refused)
    assert "hunter2" not in str(refusal)


@pytest.mark.parametrize("bad", ["{a: 1}", "{a: {b: null}}", '"x"', "[]", "{a: X}"])
async def test_metadata_maps_strings_to_strings(bad: str) -> None:
    result = await run(f"{{ payments(filter: {{metadata: {bad}}}) {{ nodes {{ id }} }} }}", STAFF)

    assert result.errors is not None
    assert result.data is None


# -- filters and pages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("first: 0", "first"),
        ("first: 101", "first"),
        ("last: 0", "last"),
        ("last: 101", "last"),
        ("first: 5, last: 5", "last"),
        ('after: "x"', "after"),
        ('before: "b2Zmc2V0OjU="', "before"),
        ('after: ""', "after"),
        (f'after: "{"A" * 10_000}"', "after"),
        ("filter: {not: {not: {not: {not: {}}}}}", "filter"),
        ("filter: {or: [" + "{}, " * 30 + "]}", "filter"),
        ('filter: {search: ""}', "filter"),
        ('filter: {search: "4242424242424242"}', "filter"),
        ('filter: {metadata: {a: "\\u0000"}}', "filter"),
    ],
)
async def test_a_page_that_cannot_be_is_refused_by_name(arguments: str, named: str) -> None:
    result = await run(f"{{ payments({arguments}) {{ nodes {{ id }} }} }}", STAFF)

    refusal = cause(result)
    assert isinstance(refusal, errors.Refused)
    assert refusal.path is not None
    assert refusal.path[0] == named


# -- money and errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(1099, "USD"), "en-US", "$10.99"),
        (Money(500, "JPY"), "en-US", "¥500"),
        (Money(5120, "KWD"), "en-US", "KWD\u00a05.120"),
        (Money(105000, "ISK"), "en-US", "ISK\u00a01,050"),
        (Money(105001, "ISK"), "en-US", "ISK\u00a01,050.01"),
        (Money(1099, "RSD"), "en-US", "RSD\u00a010.99"),
        (Money(1099, "EUR"), "de-DE", "10,99\u00a0€"),
        (Money(-1099, "USD"), "xx-YY", "-$10.99"),
        (Money(1, "USD"), "xx" * 100, "$0.01"),
    ],
)
def test_money_is_written_with_stripes_decimals_and_never_rounded(money: Money, locale: str, text: str) -> None:
    assert money_on_the_wire._formatted(money, locale) == text


ID = uuid4()
USD = Money(100, "USD")
REFUSALS: list[errors.DomainError] = [
    errors.NotFound(("id",)),
    errors.IdempotencyKeyReused(mismatched_paths=("a.b",), operation_id=ID),
    errors.OperationInProgress(operation_id=ID, retry_after_ms=1000),
    errors.AmountMismatch(expected=USD, actual=USD),
    errors.LimitExceeded(errors.ErrorCode.AMOUNT_EXCEEDS_REFUNDABLE, requested=USD, available=USD),
    errors.InvalidState(status=PaymentStatus.SUCCEEDED, allowed_actions=(PaymentAction.SYNC,), message="No."),
    errors.CardDeclined(
        decline_code="lost_card",
        advice_code=None,
        network_decline_code=None,
        customer_message="No.",
        retry=RetryAdvice.DO_NOT_RETRY,
    ),
    errors.ProviderProblem(errors.ErrorCode.OUTCOME_UNKNOWN, "Wait.", effect=ProviderEffect.UNKNOWN),
]


def test_every_kind_of_refusal_has_its_type() -> None:
    kinds = {type(user_error(refusal, request_id="req_1")) for refusal in REFUSALS}

    assert kinds == set(ERROR_TYPES)


def test_a_kind_without_a_type_of_its_own_is_generic() -> None:
    given = user_error(errors.ActivePaymentExists(payment_id=ID), request_id="req_1")

    assert type(given).__name__ == "GenericError"
    assert given.code is errors.ErrorCode.ACTIVE_PAYMENT_EXISTS
    assert given.request_id == "req_1"
