"""Our SQL names its columns: a migration may add others while this version is running."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.test_architecture import MAY_IMPORT, PROJECT

EVERY_COLUMN = re.compile(r"\b(?:SELECT|RETURNING)\s+(?:DISTINCT\s+|ALL\s+)?(?:[^()]*,\s*)?(?:[\w\"{}]+\.)?\*", re.I)


def _stars(source: str) -> list[int]:
    """Return the lines of texts in which a statement selects all columns of a table."""
    return [line for line, text in _texts(ast.parse(source)) if EVERY_COLUMN.search(text)]


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _sources() -> Iterator[Path]:
    for room in MAY_IMPORT:
        yield from PROJECT.glob(f"{room}.py")
        yield from PROJECT.glob(f"{room}/**/*.py")


def test_no_statement_asks_for_all_columns() -> None:
    found = [f"{path.relative_to(PROJECT)}:{line}" for path in _sources() for line in _stars(path.read_text())]

    assert found == []


@pytest.mark.parametrize(
    "statement",
    [
        "'SELECT * FROM payment'",
        "'select distinct * from payment'",
        "'UPDATE webhook_event SET due = now() RETURNING webhook_event.*'",
        "'SELECT o.id, p.* FROM payment p JOIN orders o ON o.id = p.order_id'",
        "f'SELECT {alias}.* FROM payment {alias}'",
        "'DELETE FROM operation\\nRETURNING\\n  *'",
    ],
)
def test_a_statement_that_does_is_seen(statement: str) -> None:
    assert _stars(f"statement = {statement}") == [1]


@pytest.mark.parametrize("statement", ["'SELECT count(*) FROM payment'", "'SELECT amount * 2 FROM payment'"])
def test_what_only_looks_like_one_is_left_alone(statement: str) -> None:
    assert _stars(f"statement = {statement}") == []
