"""No change of the schema breaks a client by accident: a breaking one is allowed in CHANGELOG.md, by name."""

import re
from pathlib import Path

import pytest
from graphql import BreakingChange, DangerousChange, build_schema, find_breaking_changes, find_dangerous_changes

from schema import print_sdl

ROOT = Path(__file__).parents[2]
RELEASED = (ROOT / "schema" / "released.graphql").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
SECTION = re.compile(
    r"^## Unreleased\n(?:(?!## ).*\n)*?### Schema changes that may break clients\n((?:(?!##).*\n?)*)", re.MULTILINE
)
ALLOWANCE = re.compile(r"- `([A-Z_]+)`: (.+?) — \S.*")


def complaints(released: str, current: str, changelog: str) -> list[str]:
    """List the breaking changes without an allowance, and the allowances without a change."""
    happened = _changes(released, current)
    allowed, unread = _allowances(changelog)
    return [
        *(f"not allowed; to allow it, write: - `{kind}`: {said} — <why>" for kind, said in sorted(happened - allowed)),
        *(f"allowed, but it did not happen: `{kind}`: {said}" for kind, said in sorted(allowed - happened)),
        *(f"no allowance can be read in: {line}" for line in unread),
    ]


def _changes(released: str, current: str) -> set[tuple[str, str]]:
    old, new = build_schema(released), build_schema(current)
    found: list[BreakingChange | DangerousChange] = [
        *find_breaking_changes(old, new),
        *find_dangerous_changes(old, new),
    ]
    return {(change.type.name, change.description) for change in found}


def _allowances(changelog: str) -> tuple[set[tuple[str, str]], list[str]]:
    """Return the allowances of the next release, and the invalid lines."""
    section = SECTION.search(changelog)
    assert section is not None, "CHANGELOG.md has no place for allowances"
    lines = [line for line in section[1].splitlines() if line.strip() not in ("", "None.")]
    read = {line: ALLOWANCE.fullmatch(line) for line in lines}
    return {(found[1], found[2]) for found in read.values() if found}, [line for line in lines if read[line] is None]


def test_nothing_breaks_a_client_of_the_last_release_unless_it_is_allowed() -> None:
    assert complaints(RELEASED, print_sdl(), CHANGELOG) == []


# -- the test's own rules
# -----------------------------------------------------------------------------------------------

OLD = """
type Query { payments(first: Int = 25, tag: String): [Payment!]! }
type Payment { id: ID! livemode: Boolean! status: Status! }
enum Status { PAID OPEN }
input Range { gte: Int }
"""
CHANGES = {
    "field removed": (" livemode: Boolean!", "", "FIELD_REMOVED", "Field Payment.livemode was removed."),
    "field nullable": (
        "livemode: Boolean!",
        "livemode: Boolean",
        "FIELD_CHANGED_KIND",
        "Field Payment.livemode changed type from Boolean! to Boolean.",
    ),
    "argument removed": (", tag: String", "", "ARG_REMOVED", "Argument Query.payments(tag:) was removed."),
    "value removed": (" OPEN", "", "VALUE_REMOVED_FROM_ENUM", "Enum value Status.OPEN was removed."),
    "value added": ("OPEN", "OPEN GONE", "VALUE_ADDED_TO_ENUM", "Enum value Status.GONE was added."),
    "default changed": ("25", "50", "ARG_DEFAULT_VALUE_CHANGE", None),
    "input demanded": ("gte: Int", "gte: Int lte: Int!", "REQUIRED_INPUT_FIELD_ADDED", None),
}


def _log(*lines: str) -> str:
    entries = "\n".join(lines) or "None."
    return (
        f"## Unreleased\n\n### Schema changes that may break clients\n\n{entries}\n\n### Fixed\n\n- a bug\n\n"
        "## 0.1.0\n\n### Schema changes that may break clients\n\n- `FIELD_REMOVED`: Field Old.x was removed. — Old.\n"
    )


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_may_break_clients_is_caught_and_an_allowed_one_passes(name: str) -> None:
    before, after, kind, said = CHANGES[name]
    new = OLD.replace(before, after)

    [complaint] = complaints(OLD, new, _log())
    line = complaint.removeprefix("not allowed; to allow it, write: ")

    assert line.startswith(f"- `{kind}`: {said or ''}")
    assert complaints(OLD, new, _log(line)) == []


def test_one_allowance_allows_one_change() -> None:
    new = OLD.replace(" livemode: Boolean!", "").replace(" OPEN", "")

    left = complaints(OLD, new, _log("- `FIELD_REMOVED`: Field Payment.livemode was removed. — Unused."))

    assert left == [
        "not allowed; to allow it, write: - `VALUE_REMOVED_FROM_ENUM`: Enum value Status.OPEN was removed. — <why>"
    ]


def test_what_only_adds_needs_no_allowance() -> None:
    new = OLD.replace("livemode: Boolean!", "livemode: Boolean! note: String") + "type More { id: ID! }"

    assert complaints(OLD, new, _log()) == []


def test_an_allowance_that_allows_nothing_is_reported() -> None:
    stale = "- `FIELD_REMOVED`: Field Payment.livemode was removed. — Unused."

    assert complaints(OLD, OLD, _log(stale)) == [
        "allowed, but it did not happen: `FIELD_REMOVED`: Field Payment.livemode was removed."
    ]


@pytest.mark.parametrize(
    "line",
    [
        "- Payment.livemode was removed",
        "- `FIELD_REMOVED`: Field Payment.livemode was removed.",  # no reason
        "`FIELD_REMOVED`: Field Payment.livemode was removed. — Unused.",
    ],
)
def test_an_allowance_that_cannot_be_read_is_reported(line: str) -> None:
    assert complaints(OLD, OLD, _log(line)) == [f"no allowance can be read in: {line}"]


def test_a_changelog_without_a_place_for_allowances_is_reported() -> None:
    with pytest.raises(AssertionError, match="no place for allowances"):
        complaints(OLD, OLD, "# Changelog\n\n## Unreleased\n\n- a bug\n")
