"""The model's transitions are the code's: its tables are compared with the code's, without spin."""

import ast
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from domain.states import (
    PAYMENT_TRANSITIONS,
    REFUND_TRANSITIONS,
    OperationState,
    PaymentStatus,
    RefundStatus,
    Transition,
)
from services.money.operations.steps import Step, StepOutcome
from tests.attack import variants
from tests.protocol.runs import BEFORE, WITHOUT_A_RULE, WITHOUT_AN_ASSUMPTION
from tests.protocol.spin import AGES, MODEL, STATES, STATUSES

ROOT: Final = MODEL.parents[2]
TEXT: Final = MODEL.read_text()
DOCUMENT: Final = (ROOT / "docs" / "model.md").read_text()
LETTERS: Final = {"f": Transition.FORWARD, "r": Transition.REPEAT, "l": Transition.LATE, "c": Transition.CONFLICT}


def _between(title: str) -> str:
    found = re.search(rf"BEGIN {title}\b[^\n]*\n(.*?)\bEND\b", TEXT, re.DOTALL)
    assert found is not None, title
    return found[1]


def _table(title: str) -> dict[str, list[str]]:
    """Return the lines of a table of the model by their first word."""
    rows = (re.findall(r"\w+", line) for line in _between(title).splitlines())
    return {words[0]: words[1:] for words in rows if words}


CASES: Final = (
    ("RefundStatus", RefundStatus, "REFUND_TRANSITIONS", REFUND_TRANSITIONS),
    ("PaymentStatus", PaymentStatus, "PAYMENT_TRANSITIONS", PAYMENT_TRANSITIONS),
)


@pytest.mark.parametrize(("title", "statuses", "moves_title", "moves"), CASES, ids=["refund", "payment"])
def test_every_status_is_of_one_class_and_moves_as_its_class_does(
    title: str, statuses: type[StrEnum], moves_title: str, moves: Mapping[StrEnum, Mapping[StrEnum, Transition]]
) -> None:
    classes = _table(title)
    outside = classes.pop("outside", [])
    rows = re.findall(r"FROM_(\w+)\(new\)\s+COLUMN\(new, (.*?)\)", _between(moves_title))
    letters = {row: dict(zip(classes, columns.split(", "), strict=True)) for row, columns in rows}

    assert sorted([*outside, *(name for names in classes.values() for name in names)]) == sorted(statuses)
    assert list(letters) == list(classes)
    for old, new in product(classes, repeat=2):
        pairs = [(a, b) for a, b in product(classes[old], classes[new]) if old != new or a == b]
        found = {moves[statuses(a)][statuses(b)] for a, b in pairs}
        assert found == {LETTERS[letters[old][new]]}, f"{old} to {new}"


def test_the_model_knows_every_state_of_an_operation() -> None:
    numbers = re.findall(r"#define (\w+) (\d)", _between("OperationState"))

    assert {name for name, _ in numbers} == set(OperationState)
    assert {number: name for name, number in numbers} == STATES


def test_what_a_trail_shows_has_the_models_names() -> None:
    named = dict(re.findall(r"#define (NEW|OPEN|GOOD|BAD|UNSURE) (\d)", TEXT))

    assert {number: name for name, number in named.items()} == STATUSES
    assert set(AGES) == set(re.findall(r"#define (?:OLD|CLIFF|QUIET|FORGOTTEN) (\d)", TEXT))


def test_every_verdict_leaves_the_states_that_the_model_knows() -> None:
    known = {kind: set(states) for kind, states in _table("verdicts").items()}

    assert set(known) == set(StepOutcome)
    assert _states_after_each_verdict() == known


def test_every_step_is_in_the_model_or_said_to_be_outside() -> None:
    steps = _table("steps")

    assert sorted(steps["inside"] + steps["outside"]) == sorted(step.name for step in Step)


def test_everything_that_sets_a_state_is_known_to_the_model() -> None:
    writers = {name for name, states in _writers() if states}

    assert writers == set(re.findall(r"[a-z_]+\.[a-z_]+", _between("writers")))


def test_the_document_names_every_rule_and_every_wrong_variant_that_it_names_exists() -> None:
    runs = {run.name for run in (*WITHOUT_A_RULE, *BEFORE, *WITHOUT_AN_ASSUMPTION)}
    named = set(re.findall(r"`([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)`", DOCUMENT))

    assert runs - named == set()
    assert {name for name in runs if not re.search(rf"\b{name}\b", TEXT)} == set()
    assert {name for name in re.findall(r"variants\.(\w+)", DOCUMENT) if name not in variants.VARIANTS} == set()


def _states_set_in(node: ast.AST) -> set[str]:
    """Return the states that this piece of code assigns to a `state` attribute."""
    found: set[str] = set()
    for assigned in (inner for inner in ast.walk(node) if isinstance(inner, ast.Assign)):
        targets = [part for target in assigned.targets for part in _parts(target)]
        values = _parts(assigned.value)
        for target, value in zip(targets, values, strict=False):
            is_state = isinstance(target, ast.Attribute) and target.attr == "state"
            if is_state and isinstance(value, ast.Attribute) and ast.unparse(value.value) == "OperationState":
                found.add(value.attr)
    return found


def _parts(node: ast.expr) -> list[ast.expr]:
    return list(node.elts) if isinstance(node, ast.Tuple) else [node]


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _writers() -> Iterator[tuple[str, set[str]]]:
    for path in sorted((ROOT / "services").rglob("*.py")):
        for function in _functions(path):
            yield f"{path.stem}.{function.name}", _states_set_in(function)


def _states_after_each_verdict() -> dict[str, set[str]]:
    """Return, for each step outcome, the states that recording it may set, through its calls."""
    operations = ROOT / "services" / "money" / "operations"
    functions = {
        function.name: function for name in ("outcomes.py", "ends.py") for function in _functions(operations / name)
    }

    def reached(node: ast.AST, seen: frozenset[str] = frozenset()) -> set[str]:
        found = _states_set_in(node)
        for call in (inner for inner in ast.walk(node) if isinstance(inner, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in functions and name not in seen:
                found |= reached(functions[name], seen | {name})
        return found

    [match] = [node for node in ast.walk(functions["_apply"]) if isinstance(node, ast.Match)]
    states: dict[str, set[str]] = {}
    for case in match.cases:
        [kind] = re.findall(r"StepOutcome\.(\w+)", ast.unparse(case.pattern))
        for statement in case.body:
            states.setdefault(kind, set()).update(reached(statement))
    return states
