"""The pages about clients show code that tests run, and say of each error code what the code does."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest
from graphql import GraphQLInputObjectType, build_schema, is_required_input_field, parse, validate
from paygraph_client.events import SILENCE_SECONDS

from domain.errors import ErrorCode
from server.graphql.subscriptions import StreamLimits
from services.money.operations.claims import KEY_LIFE
from tests.repository.documents.shown_code import PAGES, PROJECT, shown, unnamed, with_files

CLIENTS: Final = (PROJECT / "docs" / "clients.md").read_text()
ROW: Final = re.compile(r"^\| `(?P<code>[A-Z_]+)` \| (?P<key>[^|]+) \| ", re.MULTILINE)
KEYS: Final = frozenset({"the same", "used up", "still free"})
SCHEMA: Final = build_schema((PROJECT / "schema" / "schema.graphql").read_text())
OPERATIONS: Final = (
    PROJECT / "clients" / "mobile" / "operations.graphql",
    PROJECT / "clients" / "compat" / "spa" / "operations.graphql",
)
MOBILE: Final = sorted((PROJECT / "clients").glob("kotlin/*.kt")) + sorted((PROJECT / "clients").glob("swift/*.swift"))


def keys() -> dict[str, str]:
    """Return what the page says of the key after each error code."""
    return {row["code"]: row["key"].strip() for row in ROW.finditer(CLIENTS)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_code_is_shown_as_it_stands_in_the_file_that_is_tested(path: Path) -> None:
    page = path.read_text()

    assert page == with_files(page), "`make examples` writes it"
    assert unnamed(page) == []


def test_a_block_that_no_file_stands_for_is_seen() -> None:
    page = "Do this:\n\n```python\npay()\n```\n\n[`Makefile`](../Makefile):\n\n```sh\nmake\n```\n"

    assert unnamed(page) == ["python"]
    assert [file for file, _ in shown(page)] == ["Makefile"]
    assert with_files(page) != page


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    assert f"good for\n{KEY_LIFE.days} days" in CLIENTS
    assert f"something every {StreamLimits().heartbeat_seconds:.0f} seconds" in CLIENTS
    assert f"silent for {SILENCE_SECONDS:.0f} is dead" in CLIENTS


def test_the_page_says_of_every_error_code_what_becomes_of_the_key() -> None:
    assert keys().keys() == {code.value for code in ErrorCode}
    assert set(keys().values()) == KEYS


def test_the_codes_for_the_same_key_are_those_that_the_code_marks_as_retryable() -> None:
    codes = {code.value for code in ErrorCode}
    marked = {"RATE_LIMITED", "OPERATION_IN_PROGRESS"}  # refused before a command; a class of its own
    for room in ("services", "resolvers", "domain"):
        for path in (PROJECT / room).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text())):
                if isinstance(call, ast.Call) and _is_retryable(call):
                    marked |= {node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute)} & codes

    assert {code for code, key in keys().items() if key == "the same"} == marked


def _is_retryable(call: ast.Call) -> bool:
    return any(
        one.arg == "retryable" and isinstance(one.value, ast.Constant) and one.value.value is True
        for one in call.keywords
    )


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.parent.name)
def test_the_operations_that_pages_show_are_valid(path: Path) -> None:
    unused = "is never used"  # fragments that another file may use
    problems = [str(error) for error in validate(SCHEMA, parse(path.read_text()))]

    assert [problem for problem in problems if unused not in problem] == []


@pytest.mark.parametrize("path", MOBILE, ids=lambda path: path.name)
def test_the_code_for_phones_uses_operations_and_inputs_that_exist(path: Path) -> None:
    text = path.read_text()
    document = parse(OPERATIONS[0].read_text())
    named = {definition.name.value for definition in document.definitions if definition.name}  # type: ignore[attr-defined]

    assert {name for name in re.findall(r"\b(\w+)(?:Mutation|Query)\(", text) if name != "GraphQL"} <= named
    assert set(re.findall(r"\b([A-Z]\w+Fields)\b", text)) <= named
    for name, given in re.findall(r"\b(\w+PaymentInput)\((.*?)\n? *\)\n", text, re.DOTALL):
        kind = SCHEMA.type_map[name]
        assert isinstance(kind, GraphQLInputObjectType)
        fields = set(re.findall(r"\b(\w+)(?::| =) ", given)) - {"amount", "currency"}
        required = {field for field, one in kind.fields.items() if is_required_input_field(one)}
        assert fields <= kind.fields.keys()
        assert required <= fields
