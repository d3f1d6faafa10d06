"""The way of createPayment in docs/architecture.md: each function is where it says, and calls the next."""

import ast
import re
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

PROJECT: Final = Path(__file__).parents[3]
ROW: Final = re.compile(r"^\| (?P<step>[^|]*)\| `(?P<name>\w+)` \| `(?P<file>[\w/]+\.py)` \|", re.MULTILINE)
MOST_FILES: Final = 7  # from the schema to the provider and back
STEPS: Final = ["the field", "authorise", "**claim, accept**", "**execute**", "**record**"]
# Called from a function that stands above it in the table, and not from the one before it.
CALLED_BY: Final = {
    "carry_out": "services/money/payments.py::create_payment",
    "record_if_unchanged": "services/money/operations/runner.py::_run_step",
}


class Stop(NamedTuple):
    """One row of the table."""

    step: str
    name: str
    file: str

    @property
    def place(self) -> str:
        return f"{self.file}::{self.name}"


def _walk() -> list[Stop]:
    text = (PROJECT / "docs" / "architecture.md").read_text()
    return [Stop(found["step"].strip(), found["name"], found["file"]) for found in ROW.finditer(text)]


def _calls(place: str) -> list[str]:
    """Return the names that a function calls, or hands on, in the order of its lines."""
    file, name = place.split("::")
    tree = ast.parse((PROJECT / file).read_text())
    [function] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    used = [node for node in ast.walk(function) if isinstance(node, ast.Attribute | ast.Name)]
    used.sort(key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0))
    return [node.attr if isinstance(node, ast.Attribute) else node.id for node in used]


def test_each_function_calls_the_next() -> None:
    walk = _walk()

    for before, stop in pairwise(walk):
        caller = CALLED_BY.get(stop.name, before.place)
        assert caller in {one.place for one in walk}
        assert stop.name in _calls(caller), f"{caller} does not call {stop.name}"


def test_the_walk_has_all_steps_and_few_files() -> None:
    walk = _walk()

    assert [stop.step for stop in walk if stop.step] == STEPS
    assert len({stop.file for stop in walk}) <= MOST_FILES


def test_the_service_shows_the_steps_in_their_order() -> None:
    calls = _calls("services/money/payments.py::create_payment")

    order = [calls.index(name) for name in ("replay", "accept_if_unchanged", "accept_under_locks", "carry_out")]
    assert order == sorted(order)
