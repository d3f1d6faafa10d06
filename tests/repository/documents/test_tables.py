"""Every table in the documents is well-formed: each row has as many cells as its head, and nothing splits it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
SKIPPED: Final = {"node_modules", ".venv", ".git"}
DOCUMENTS: Final = sorted(path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts))
BREAK: Final = re.compile(r"(?<!\\)\|")  # GitHub splits at a bar in a code span too, unless it is escaped
RULE: Final = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")


def complaints(text: str) -> list[str]:
    """List the faults of a document's tables, by line, as GitHub's Markdown reads them."""
    found: list[str] = []
    for block in _blocks(text):
        first, head = block[0]
        if len(block) < 2 or RULE.fullmatch(block[1][1]) is None:
            found.append(f"{first}: a row without a head")
            continue
        found += [
            f"{number}: {_cells(row)} cells under a head of {_cells(head)}"
            for number, row in block[1:]
            if _cells(row) != _cells(head)
        ]
    return found


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Yield blocks of adjacent lines that begin with a bar, outside of code."""
    block: list[tuple[int, str]] = []
    fenced = False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        fenced ^= line.lstrip().startswith("```")
        if line.startswith("|") and not fenced:
            block.append((number, line.rstrip()))
        elif block:
            yield block
            block = []


def _cells(row: str) -> int:
    return len(BREAK.split(row.removeprefix("|").removesuffix("|")))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_row_has_as_many_cells_as_its_head(path: Path) -> None:
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("| a | b |\n|---|---|\n| 1 | 2 | 3 |", ["3: 3 cells under a head of 2"]),
        ("| a | b |\n|---|---|\n| `x|y` | 2 |", ["3: 3 cells under a head of 2"]),
        ("| a | b |\n|---|---|\n| 1 |", ["3: 1 cells under a head of 2"]),
        ("| a | b |\n|---|\n| 1 | 2 |", ["2: 1 cells under a head of 2"]),
        ("| a | b |\n|---|---|\n\n| 1 | 2 |", ["4: a row without a head"]),
        ("| a | b |\n|---|---|\n| `x \\| y` | 2 |", []),
        ("```\n| drawn |\n```", []),
    ],
)
def test_a_broken_table_is_seen(text: str, complaint: list[str]) -> None:
    assert complaints(text) == complaint
