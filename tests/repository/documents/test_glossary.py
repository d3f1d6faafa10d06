"""The glossary has the words that the code uses: each stands in the file at which it says to begin."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
GLOSSARY: Final = (ROOT / "docs" / "glossary.md").read_text()
ROWS: Final = re.findall(r"^\| ([^|]+) \| [^|]+ \| (?:`(\w+)` in )?`([\w/.]+)` \|$", GLOSSARY, re.MULTILINE)
# Words that an engineer of the field asks for first.
WANTED: Final = {
    *(
        "lease",
        "fencing token",
        "inbox",
        "idempotency key",
        "fingerprint",
        "reconciliation",
        "discrepancy",
        "hash chain",
    ),
    *(
        "head",
        "audit trail",
        "drain",
        "point",
        "bucket",
        "plan",
        "keyset cursor",
        "unit of work",
        "command",
        "notifier",
    ),
    *("money operation", "run result", "state writer", "projection", "relation"),
}


def occurs(word: str, text: str) -> bool:
    """Return True when a text has this word, as words, as a name or as a class, in the singular or the plural."""
    together = r"[\s_]*".join(word.lower().split())
    return re.search(rf"(?<![a-z]){together}s?(?![a-z])", text.lower()) is not None


@pytest.mark.parametrize(("word", "name", "path"), ROWS, ids=[word for word, *_ in ROWS])
def test_each_word_stands_where_the_glossary_says_to_begin(word: str, name: str, path: str) -> None:
    text = (ROOT / path).read_text()

    assert re.search(rf"\b{name}\b", text) if name else occurs(word, f"{path}\n{text}")


def test_every_row_is_read_and_no_word_is_explained_twice() -> None:
    words = [word for word, *_ in ROWS]

    assert len(ROWS) == len(re.findall(r"^\| (?!word |---)", GLOSSARY, re.MULTILINE))
    assert sorted(words) == sorted(set(words))
    assert WANTED - {*words} == set()


@pytest.mark.parametrize(
    ("word", "text", "found"),
    [
        ("run result", "class RunResult:", True),
        ("unit of work", "from database.unit_of_work import x", True),
        ("lease", "leases end", True),
        ("lease", "released", False),
        ("point", "endpoint", False),
    ],
)
def test_a_word_is_found_in_code_and_in_sentences(word: str, text: str, found: bool) -> None:
    assert occurs(word, text) is found
