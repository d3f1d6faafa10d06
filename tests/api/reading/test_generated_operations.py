"""Operations that Schemathesis generates from the schema: every valid one gets a GraphQL answer.

Ids in generated operations are replaced by ids of real rows when the operation is sent, so that it reaches them.
"""

import re
from itertools import cycle
from typing import Any

import graphql
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from domain.money import MAX_MINOR
from schema import print_sdl
from server.http.errors import MASKED_MESSAGE, Code
from tests.support.shop import Json, Shop

EACH = 26  # operations per root field: with 25 root fields more than 600 in all
KNOWN = ("ORDER", "PAID", "OPEN", "HELD", "REFUND")
NAMES = re.compile(r'"@(\w+)"')
LEAKS = re.compile(r"Traceback|asyncpg|tortoise|postgres|strawberry|SELECT |\.py\b|sk_test|_secret_|0x[0-9a-f]{6}")

IDS = st.sampled_from([f"@{name}" for name in KNOWN]) | st.text(max_size=40)
MOMENTS = st.sampled_from(["2026-01-31T09:30:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+00:00", "2026", ""])
CURRENCIES = st.sampled_from(["USD", "usd", "JPY", "XXX", "EURO", ""])
AMOUNTS = st.sampled_from([10_000, 100, 1, 0, -1, MAX_MINOR, MAX_MINOR + 1, 10**30]) | st.integers()
SIZES = st.integers(1, 20) | st.sampled_from([0, -1, 100, 101, -(2**31), 2**31 - 1])
TEXTS = st.text(max_size=20)

schemathesis.graphql.scalar("ID", IDS.map(nodes.String))
schemathesis.graphql.scalar("Int", SIZES.map(nodes.Int))
schemathesis.graphql.scalar("IdempotencyKey", (st.from_regex(r"[!-~]{1,40}", fullmatch=True) | TEXTS).map(nodes.String))
schemathesis.graphql.scalar("CurrencyCode", (CURRENCIES | TEXTS).map(nodes.String))
schemathesis.graphql.scalar("DateTime", (MOMENTS | TEXTS).map(nodes.String))
schemathesis.graphql.scalar("MinorUnits", AMOUNTS.map(nodes.Int))
schemathesis.graphql.scalar("JSON", TEXTS.map(nodes.String))
schemathesis.graphql.scalar(
    "Metadata",
    st.dictionaries(st.from_regex(r"[a-z_]{1,45}", fullmatch=True), TEXTS, max_size=3).map(
        lambda drawn: graphql.ObjectValueNode(
            fields=tuple(
                graphql.ObjectFieldNode(name=graphql.NameNode(value=name), value=nodes.String(text))
                for name, text in drawn.items()
            )
        )
    ),
)
SCHEMA = schemathesis.graphql.from_file(print_sdl())
OPERATIONS = {
    f"{root}.{field}": operation for root in ("Query", "Mutation") for field, operation in SCHEMA[root].items()
}


def test_more_than_six_hundred_operations_are_generated_over_every_root_field() -> None:
    built = graphql.build_schema(print_sdl())
    assert built.query_type is not None
    assert built.mutation_type is not None

    assert len(OPERATIONS) == len(built.query_type.fields) + len(built.mutation_type.fields)
    assert len(OPERATIONS) * EACH > 600


async def _rows(shop: Shop) -> dict[str, str]:
    """Create rows for the operations: the id that stands for each name."""
    held = await shop.pay(await shop.order(), captureMethod="MANUAL")
    paid = await shop.paid()
    refunded = await shop.refund((await shop.paid())["id"], 100)
    return {
        "ORDER": await shop.order(),
        "PAID": paid["id"],
        "OPEN": (await shop.prepared())["id"],
        "HELD": held["payment"]["id"],
        "REFUND": refunded["refund"]["id"],
    }


def _documents(name: str) -> list[str]:
    """Generate the operations of a root field: the same in every run, each once."""
    written: list[str] = []

    @settings(
        max_examples=EACH,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(OPERATIONS[name].as_strategy())
    def write(case: Any) -> None:
        written.append(case.body)

    write()
    return written


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_generated_operation_gets_a_graphql_answer(shop: Shop, name: str) -> None:
    rows = await _rows(shop)
    callers = cycle([shop.staff, shop.buyer, shop.staff, shop.anonymous])

    for written, client in zip(_documents(name), callers, strict=False):
        document = NAMES.sub(lambda found: f'"{rows.get(found[1], found[1])}"', written)

        response = await client.post(document)

        assert response.status_code in (200, 400), (response.status_code, response.text, document)
        _check(document, response.json(), response.headers["x-request-id"])


def _check(document: str, answer: Json, request_id: str) -> None:
    """Check that the answer is a GraphQL response with typed errors and no internals."""
    assert set(answer) - {"extensions"} in ({"data"}, {"errors"}, {"data", "errors"}), answer
    assert set(answer.get("extensions", {})) <= {"cost"}, answer
    for error in answer.get("errors", ()):
        assert set(error) <= {"message", "locations", "path", "extensions"}, error
        assert set(error["extensions"]) <= {"code", "requestId", "reason", "retryable"}, error
        assert error["extensions"]["requestId"] == request_id
        assert error["extensions"]["code"] in set(Code) - {Code.INTERNAL_SERVER_ERROR}, error
        assert error["message"] != MASKED_MESSAGE
        assert not LEAKS.search(error["message"]), error
    if answer.get("data") is not None:
        [operation] = graphql.parse(document).definitions
        assert isinstance(operation, graphql.OperationDefinitionNode)
        asked = {
            (field.alias or field.name).value
            for field in operation.selection_set.selections
            if isinstance(field, graphql.FieldNode)
        }
        assert set(answer["data"]) == asked
