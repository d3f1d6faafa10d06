"""The code that the pages about clients show, written into them from the files that tests run. `make examples`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[3]
PAGES: Final = (PROJECT / "docs" / "clients.md", *sorted((PROJECT / "docs" / "clients").glob("*.md")))
# A line that ends with a link to a file and a colon, and the block below it.
SHOWN: Final = re.compile(
    r"(?P<head>^[^\n]*\[`(?P<file>[^`]+)`\]\([^)]+\):\n\n```\w+\n)(?P<code>.*?)(?P<end>^```$)", re.MULTILINE | re.DOTALL
)
FENCE: Final = re.compile(r"^```(\w+)\n", re.MULTILINE)
COMMANDS: Final = frozenset({"sh", "json", "http"})  # said at a prompt or over the wire, and kept in no file


def shown(page: str) -> Iterator[tuple[str, str]]:
    """Yield each file that the page shows, and the code that it shows of it."""
    for found in SHOWN.finditer(page):
        yield found["file"], found["code"]


def with_files(page: str) -> str:
    """Return the page with every file as it is now."""
    return SHOWN.sub(lambda found: found["head"] + (PROJECT / found["file"]).read_text() + found["end"], page)


def unnamed(page: str) -> list[str]:
    """List the languages of the blocks of code that no file stands for."""
    rest = SHOWN.sub("", page)
    return [language for language in FENCE.findall(rest) if language not in COMMANDS]


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(with_files(path.read_text()))
