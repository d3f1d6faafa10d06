"""Methods of one expression are written into plans: what they do has to be done all the same, and as often."""

import importlib.util
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError, OperationDefinitionNode, parse

from execution import Execution
from execution.inliner import Inliner, expression_of
from schema import QuietSchema

WORD = r'(word: "\u00fc \" \\ \u2028 {x} \n + __import__(1)")'


class Box:
    """What the types wrap; it counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def measured(self) -> int:
        self.asked.append("measured")
        return 4

    def broken(self) -> int:
        self.asked.append("broken")
        raise ValueError("broken")


def twice(value: int) -> int:
    return value + value


def first(one: int, other: int) -> int:
    return one


def either(one: int, other: int) -> int:
    return one or other


class Size(IntEnum):
    LARGE = 3


@strawberry.type
class Pair:
    left: int
    right: int

    @classmethod
    def of(cls, left: int, right: int) -> "Pair":
        return cls(left=left, right=right)

    def sum(self) -> int:
        return self.left + self.right


@strawberry.type
class Holder:
    box: strawberry.Private[Box]

    @strawberry.field
    def doubled(self) -> int:
        return twice(self.box.measured())

    @strawberry.field
    def pair(self) -> Pair:
        return Pair.of(self.box.measured(), self.box.measured())

    @strawberry.field
    def half_broken(self) -> Pair:
        return Pair.of(self.box.measured(), self.box.broken())

    @strawberry.field
    def left_of_broken(self) -> int:
        return Pair.of(self.box.measured(), self.box.broken()).left

    @strawberry.field
    def sum(self) -> int:
        return Pair.of(self.box.measured(), 1).sum()

    @strawberry.field
    def unused(self) -> int:
        return first(self.box.measured(), self.box.broken())

    @strawberry.field
    def sometimes(self) -> int:
        return either(self.box.measured(), self.box.broken())

    @strawberry.field
    def size(self) -> int:
        return Size.LARGE + 1

    @strawberry.field
    def said(self, word: str = "'") -> str:
        return word + "!"

    @strawberry.field
    def framed(self, word: str = "'") -> str:
        return f"[{word}]"

    @strawberry.field
    def pairs(self) -> list[Pair]:
        return [Pair.of(number, self.box.measured()) for number in (1, 2)]


@strawberry.type
class Query:
    @strawberry.field
    async def holder(self, info: strawberry.Info) -> Holder | None:
        return Holder(box=info.context)


SCHEMA = QuietSchema(query=Query)


async def answered(query: str, *, planned: bool) -> tuple[Any, list[GraphQLError], list[str], int]:
    """The answer's data and errors, how the box was asked, and how often a plan went astray."""
    execution, box, document = Execution(SCHEMA, planned=planned), Box(), parse(query)
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    result = await execution.run(execution.prepare(document, operation), {}, box, {})
    assert execution.unplanned == 0
    return result.data, result.errors or [], box.asked, execution.fallbacks


@pytest.mark.parametrize(
    "asked",
    [
        "doubled",
        "pair { left }",
        "pair { __typename }",
        "sum",
        "pairs { left }",
        "size",
        f"said{WORD}",
        f"framed{WORD}",
    ],
)
async def test_all_that_a_method_asks_for_is_asked_for_once(asked: str) -> None:
    query = f"{{ holder {{ {asked} }} }}"

    data, errors, by_plan, fallbacks = await answered(query, planned=True)
    expected, _, by_graphql_core, _ = await answered(query, planned=False)

    assert data == expected
    assert (errors, fallbacks) == ([], 0)
    assert by_plan == by_graphql_core


@pytest.mark.parametrize(
    "asked", ["halfBroken { left }", "halfBroken { __typename }", "leftOfBroken", "unused", "sometimes"]
)
async def test_what_breaks_and_is_not_looked_at_breaks_all_the_same(asked: str) -> None:
    query = f"{{ holder {{ {asked} }} }}"

    data, errors, *_ = await answered(query, planned=True)

    assert data == {"holder": None}
    assert [error.message for error in errors] == ["broken"]


async def test_a_plan_that_cannot_be_made_costs_time_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is our bug, and somebody asks for their money meanwhile."""
    monkeypatch.setattr(Inliner, "text", lambda self, value: "no Python")
    bugs: list[Exception] = []
    execution, document = Execution(SCHEMA, report=bugs.append), parse("{ holder { doubled } }")
    [operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    prepared = execution.prepare(document, operation)

    results = [await execution.run(prepared, {}, Box(), {}) for _ in range(2)]

    assert [result.data for result in results] == [{"holder": {"doubled": 8}}] * 2
    assert [type(bug) for bug in bugs] == [SyntaxError]
    assert execution.unplanned == 1


def test_a_file_that_was_replaced_is_not_believed(tmp_path: Path) -> None:
    """Packages are replaced under running processes: what was imported counts."""
    file = tmp_path / "replaced.py"
    file.write_text("def kept(a, b):\n    return a - b\n\n\ndef changed(a, b):\n    return a - b\n")
    spec = importlib.util.spec_from_file_location("replaced", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    file.write_text("def kept(a, b):\n    return a - b\n\n\ndef changed(a, b):\n    return b - a\n")

    assert expression_of(module.kept) is not None
    assert expression_of(module.changed) is None


def test_what_is_no_single_expression_is_called() -> None:
    def over(outer: int) -> Any:
        def closure() -> int:
            return outer

        return closure

    async def later() -> int:
        return 1

    assert expression_of(over(1)) is None
    assert expression_of(later) is None  # type: ignore[arg-type]  # a function all the same
    assert expression_of(Box.measured) is None  # type: ignore[arg-type]  # as above
    assert expression_of(lambda: 1) is None  # type: ignore[arg-type]  # as above
