"""The documents are true: every name in them exists, and everything that must be documented is."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, build_schema, get_variable_values, parse, validate

from cli.command_line import COMMANDS
from domain.states import DiscrepancyKind

ROOT = Path(__file__).parents[3]
ROOMS = ("provider", "database", "models", "services", "webhooks", "resolvers", "server")
FRONT = tuple(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))
DOCS = (*FRONT, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "benchmarks" / "README.md")
README = (ROOT / "README.md").read_text()
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
SCENARIOS = range(1, 61)


def _functions() -> set[str]:
    """Return the names of all tests."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text())
        found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in found if name.startswith("test_")}


TESTS = _functions()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_test_that_a_document_names_exists(path: Path) -> None:
    """A name may be cut at its end by `…`; one that begins with it continues the name before."""
    named = re.findall(r"`(…_)?(test_\w+)(…)?`", path.read_text())

    missing = [
        name for _, name, cut in named if name not in TESTS and not (cut and any(t.startswith(name) for t in TESTS))
    ]

    assert missing == []


FILES = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.split()
FOLDERS = {file.partition("/")[0] for file in FILES if "/" in file}
NAMES = {Path(file).name for file in FILES}
MADE = {"web/dist", "web/dist/trusted-documents.json"}  # by a command, and in no commit
BARE = re.compile(r"[\w.-]+\.(?:py|md|ts|tsx|js|mjs|graphql|pml|json|toml|yml|yaml)")


def missing_files(text: str, folder: Path) -> list[str]:
    """List the names of our files in a document, from the root or its own folder, that do not exist; links likewise.

    A name without a folder counts as there when some file bears it.
    """
    found: list[str] = []
    for word in (word for code in re.findall(r"`([^`\n]+)`", text) for word in re.split(r"[\s,;()]+", code)):
        path = word.partition("::")[0].partition(":")[0].rstrip("/.").removeprefix("./")
        if "/" in path and path.partition("/")[0] in FOLDERS:
            known = path in MADE or (ROOT / path).exists() or (folder / path).exists() or bool({"*", "…"} & {*path})
            found += [] if known else [path]
        elif BARE.fullmatch(path) and path not in NAMES:
            found.append(path)
    links = re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", text)
    return found + [link for link in links if not (folder / link).exists()]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    assert missing_files(path.read_text(), path.parent) == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("`services/drive.py` runs it", ["services/drive.py"]),
        ("`database/statements.py:write_if_still`", []),
        ("`tests/api/gone.py::test_it`", ["tests/api/gone.py"]),
        ("asked (`callers.py`)", ["callers.py"]),
        ("asked (`authentication.py`)", []),
        ("[the tour](docs/tour.md#begin)", ["docs/tour.md"]),
        ("[the tour](docs/architecture.md#begin) and [stripe](https://stripe.com/a.md)", []),
        ("`make attack` and `text/event-stream`, `sandbox/`, `benchmarks/results/*`", []),
    ],
)
def test_a_file_that_is_not_there_is_seen(text: str, missing: list[str]) -> None:
    assert missing_files(text, ROOT) == missing


def test_every_operation_of_the_readme_is_one_of_the_schema() -> None:
    """With its variables, where they stand below it; `…` stands for the reader's own values from the demo."""
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text())
    shown = re.findall(r"```graphql\n(.*?)```(?:\n```json\n(.*?)```)?", README, re.DOTALL)

    for text, variables in shown:
        document = parse(text)
        operation = document.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        assert validate(schema, document) == []
        coerced = get_variable_values(schema, operation.variable_definitions or (), json.loads(variables))
        assert not isinstance(coerced, list), coerced

    fields = {re.findall(r"\{\s*(\w+)", text)[0] for text, _ in shown}
    assert fields >= {"registerOrder", "createPayment"}


def test_the_licence_is_the_one_that_the_project_names() -> None:
    assert 'license = "MIT"' in (ROOT / "pyproject.toml").read_text()
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")


def test_every_command_is_in_the_readme_and_nothing_else() -> None:
    rows = re.findall(r"^\| (`python -m cli .*?) \|", README.replace("\\|", ""), re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`(?:python -m cli )?([a-z-]+)", row)}

    assert named == set(COMMANDS)


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


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    listed = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", index)}
    pages = {*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"}

    assert {page.resolve() for page in pages} - listed == {ROOT / "docs" / "README.md"}
    assert ROOT / "docs" / "adr" / "README.md" in listed
