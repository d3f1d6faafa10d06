"""The documents are true: what they name exists, and what must be named is."""

import ast
import re
from pathlib import Path

import pytest

from domain.states import DiscrepancyKind

ROOT = Path(__file__).parents[1]
ROOMS = ("provider", "models", "services", "webhooks", "resolvers", "server")
DOCS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
SCENARIOS = range(1, 61)


def _functions() -> set[str]:
    """Every test there is."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text())
        found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in found if name.startswith("test_")}


TESTS = _functions()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_test_that_a_document_names_exists(path: Path) -> None:
    """A name may be cut at its end by `…`; one that begins with it goes on from the name before."""
    named = re.findall(r"`(…_)?(test_\w+)(…)?`", path.read_text())

    missing = [
        name for _, name, cut in named if name not in TESTS and not (cut and any(t.startswith(name) for t in TESTS))
    ]

    assert missing == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    named = re.findall(r"`((?:tests|services|provider|models|server|webhooks|docs|sandbox)/[\w/.]+)`", path.read_text())

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_scenario_is_shown_or_said_to_be_missing() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", GUARANTEES, re.MULTILINE)
    named = {int(number) for row in rows for number in row.split(",")}

    assert named == set(SCENARIOS)


def test_every_alarm_is_in_the_runbook_and_nothing_else() -> None:
    raised = {
        name
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for name in re.findall(r"log\.(?:error|exception)\(\s*\"([\w.]+)\"", path.read_text())
    }
    raised |= set(re.findall(r"log\.(?:error|exception)\(\s*\"([\w.]+)\"", (ROOT / "worker.py").read_text()))
    said = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)`", RUNBOOK, re.MULTILINE))

    assert raised - said == set()
    assert said - raised == {"reconcile.finished"}  # an error only when there is open money


def test_every_kind_of_discrepancy_is_in_the_runbook() -> None:
    table = RUNBOOK.partition("## A discrepancy")[2].partition("## Commands")[0]
    rows = [row for row in table.splitlines() if row.startswith("|")]
    said = {word for row in rows for word in re.findall(r"[A-Z_]{6,}", row.split("|")[1])}

    assert said == {kind.value for kind in DiscrepancyKind}
