"""The table of docs/declines.md, written from the codes and the English texts.

`python -m tests.repository.documents.decline_table` writes it.
"""

import re
from pathlib import Path
from typing import Final

from domain.declines import Decline, text_for_buyer
from domain.declines.codes import TABLE

PAGE: Final = Path(__file__).parents[3] / "docs" / "declines.md"
WRITTEN: Final = re.compile(r"(?<=<!-- written from the code -->\n).*?(?=<!-- the end of the table -->)", re.DOTALL)


def table() -> str:
    """Return the rows, one for all codes that mean the same."""
    rows = [f"| {_codes(row)} | {_text(row)} | `{row.next.retry.value}` |" for row in TABLE]
    return "\n".join(("| Stripe's code | the buyer reads | `retry` |", "|---|---|---|", *rows)) + "\n"


def with_table(page: str) -> str:
    """Return the page with the table of today in its place."""
    assert WRITTEN.search(page) is not None, "the page has no place for the table"
    return WRITTEN.sub(lambda _: table(), page)


def _codes(row: Decline) -> str:
    return ", ".join(f"`{code}`" for code in TABLE[row])


def _text(row: Decline) -> str:
    return f"{text_for_buyer(row)} (Hidden.)" if row.hidden else text_for_buyer(row)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
    print("Written into docs/declines.md.")
