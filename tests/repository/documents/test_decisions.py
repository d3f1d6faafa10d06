"""The decisions of docs/adr have one form: number, title, status, date, and the same sections in the same order."""

import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).parents[3] / "docs" / "adr"
PAGES: Final = sorted(FOLDER.glob("[0-9]*.md"))
SECTIONS: Final = ("Context", "Decision", "Rejected", "Consequences", "Shown by")
NEEDED: Final = {"Context", "Decision", "Consequences"}
ANOTHER: Final = r"\[ADR \d+\]\(\d{4}-[a-z0-9-]+\.md\)"
HEAD: Final = re.compile(
    rf"# (?P<number>\d+)\. (?P<title>\S.+\S)\n\n"
    rf"- \*\*Status\*\*: (?P<status>accepted|superseded by {ANOTHER})\n"
    r"- \*\*Date\*\*: (?P<date>\d{4}-\d{2}-\d{2})\n"
    rf"(?:- \*\*(?:Changes|Changed by|Adds to|Supersedes)\*\*: {ANOTHER}.*\n)*"
    r"\n## Context\n"
)


def faults(name: str, text: str) -> list[str]:
    """List the parts of the form that a page lacks."""
    head = HEAD.match(text)
    if head is None:
        return ["its head is not: number and title, status, date, Context"]
    found: list[str] = []
    if int(head["number"]) != int(name.partition("-")[0]):
        found.append("its number is not that of its file")
    try:
        date.fromisoformat(head["date"])
    except ValueError:
        found.append("its date is none")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    found += [f"it has no section {section}" for section in sorted(NEEDED - {*sections})]
    if sections != [section for section in SECTIONS if section in sections]:
        found.append(f"its sections are not, in this order: {', '.join(SECTIONS)}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem[:4])
def test_each_decision_has_the_form(page: Path) -> None:
    assert faults(page.name, page.read_text()) == []


def test_no_number_is_given_twice_and_their_dates_go_on() -> None:
    """A gap is a number of a decision that is being made."""
    numbers = [int(page.name[:4]) for page in PAGES]
    assert sorted({*numbers}) == numbers

    dates = [head["date"] for page in PAGES if (head := HEAD.match(page.read_text()))]
    assert all(first <= second for first, second in pairwise(dates))


def test_the_index_lists_each_with_its_title_date_and_status() -> None:
    rows = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (.+) \| (.+) \|$", (FOLDER / "README.md").read_text(), re.M)

    heads = [(page.name, HEAD.match(page.read_text())) for page in PAGES]
    assert rows == [(h["number"], h["title"], name, h["date"], h["status"]) for name, h in heads if h]


def test_whoever_changes_a_decision_is_named_by_it() -> None:
    """And the other way round."""
    said = {(page.name, relation, other) for page in PAGES for relation, other in _relations(page.read_text())}

    for page, relation, other in said:
        if relation in ("Changes", "Changed by"):
            assert (other, "Changed by" if relation == "Changes" else "Changes", page) in said


def _relations(text: str) -> list[tuple[str, str]]:
    head = HEAD.match(text)
    assert head is not None
    return re.findall(r"^- \*\*([A-Z][a-z ]+)\*\*: \[ADR \d+\]\(([^)]+)\)", head[0], re.MULTILINE)


FORM: Final = (
    "# 7. A title\n\n- **Status**: accepted\n- **Date**: 2026-11-24\n\n"
    "## Context\n\nA.\n\n## Decision\n\nB.\n\n## Consequences\n\nC.\n"
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (FORM, []),
        (FORM.replace("# 7", "# 8"), ["its number is not that of its file"]),
        (FORM.replace("11-24", "13-24"), ["its date is none"]),
        (FORM.replace("accepted", "proposed"), ["its head is not: number and title, status, date, Context"]),
        (FORM.replace("- **Date**: 2026-11-24\n", ""), ["its head is not: number and title, status, date, Context"]),
        (
            FORM.replace("## Consequences", "## Price"),
            ["it has no section Consequences", f"its sections are not, in this order: {', '.join(SECTIONS)}"],
        ),
    ],
)
def test_a_page_without_the_form_is_seen(text: str, fault: list[str]) -> None:
    assert faults("0007-a-title.md", text) == fault
