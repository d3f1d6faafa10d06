"""Declared fields: plans show them without a method, and graphql-core shows the same by the same declarations."""

from typing import Any

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse

from execution import Execution, declare
from execution.code_generator import CodeGenerator
from schema import QuietSchema


class Box:
    """The object behind a type; it counts its readers."""

    def __init__(self) -> None:
        self.read: list[str] = []

    @property
    def measured(self) -> int:
        self.read.append("measured")
        return 4

    @property
    def broken(self) -> int:
        self.read.append("broken")
        raise ValueError("broken")

    @property
    def word(self) -> str:
        return '\u00fc " \\ \u2028 {x} \n + __import__(1)'


@strawberry.type
class Pair:
    left: int
    right: int

    @strawberry.field
    def sum(self) -> int:
        return self.left + self.right


@strawberry.type
class Holder:
    box: strawberry.Private[Box]

    measured = declare.field(int, declare.Declaration(declare.Attribute("box.measured")))
    word = declare.field(str, declare.Declaration(declare.Attribute("box.word")))
    pair = declare.field(Pair, declare.Declaration(declare.Wrapped({"left": "box.measured", "right": "box.measured"})))
    half_broken = declare.field(
        Pair, declare.Declaration(declare.Wrapped({"left": "box.measured", "right": "box.broken"}))
    )

    @strawberry.field
    def echo(self, word: str = "'") -> str:
        return f"[{word}]"


@strawberry.type
class Query:
    @strawberry.field
    async def holder(self, info: strawberry.Info) -> Holder | None:
        return Holder(box=info.context)


SCHEMA = QuietSchema(query=Query)
WORD = r'(word: "\u00fc \" \\ \u2028 {x} \n + __import__(1)")'


async def answer(query: str, *, planned: bool) -> tuple[Any, list[str], list[str], int]:
    """Return an answer's data and messages, what was read of the box, and the number of fallbacks."""
    execution, box, document = Execution(SCHEMA, planned=planned), Box(), parse(query)
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    result = await execution.run(execution.prepare(document, operation), {}, box, {})
    assert execution.unplanned == 0
    return result.data, [error.message for error in result.errors or ()], box.read, execution.fallbacks


@pytest.mark.parametrize(
    "fields", ["measured", "word", "pair { left }", "pair { sum }", "pair { __typename right left sum }", f"echo{WORD}"]
)
async def test_a_declared_value_is_read_once_by_both(fields: str) -> None:
    query = f"{{ holder {{ {fields} }} }}"

    data, errors, read, fallbacks = await answer(query, planned=True)
    expected, _, read_by_core, _ = await answer(query, planned=False)

    assert data == expected
    assert (errors, fallbacks) == ([], 0)
    assert read == read_by_core


@pytest.mark.parametrize("fields", ["halfBroken { left }", "halfBroken { __typename }"])
async def test_a_part_that_breaks_breaks_its_object_even_if_nobody_asks_for_it(fields: str) -> None:
    data, errors, *_ = await answer(f"{{ holder {{ {fields} }} }}", planned=True)

    assert data == {"holder": None}
    assert errors == ["broken"]


async def test_a_plan_that_cannot_be_made_costs_time_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is our bug, and somebody asks for their money meanwhile."""
    monkeypatch.setattr(CodeGenerator, "at_path", lambda *_: "no Python")
    bugs: list[Exception] = []
    execution, document = Execution(SCHEMA, report=bugs.append), parse("{ holder { measured } }")
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    prepared = execution.prepare(document, operation)

    results = [await execution.run(prepared, {}, Box(), {}) for _ in range(2)]

    assert [result.data for result in results] == [{"holder": {"measured": 4}}] * 2
    assert [type(bug) for bug in bugs] == [SyntaxError]
    assert execution.unplanned == 1
