"""The habits of the repository: what runs before a commit is what CI runs, and the usual files say what they should."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
MAKEFILE: Final = (ROOT / "Makefile").read_text()
CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text()
HEADINGS: Final = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
ALLOWANCES: Final = "Schema changes that may break clients"


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile, with the name of the environment's Python in them."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found is not None
    return [line.strip().removeprefix("@").replace("$(RUN)", ".venv/bin/python") for line in found[1].splitlines()]


def test_what_runs_before_a_commit_is_make_lint_types() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()

    entries = re.findall(r"^\s+entry: (.+)$", text, re.MULTILINE)

    assert entries == [*recipe("lint"), *recipe("types")]
    assert text.count("pass_filenames: false") == text.count("language: system") == len(entries)
    assert "repo: local" in text
    assert "repo: http" not in text


def test_ci_runs_them_too() -> None:
    assert re.search(r"^make .*\blint types test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def test_ci_prints_the_twenty_slowest_tests() -> None:
    [command] = recipe("test")

    assert "--durations=20" in command


def test_the_changelog_has_the_usual_headings() -> None:
    """`Schema changes that may break clients` comes before them, for a test reads it."""
    unreleased = re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1]

    assert unreleased.startswith("Unreleased\n")
    assert re.findall(r"^### (.+)$", unreleased, re.MULTILINE) == [ALLOWANCES, *HEADINGS]
    assert not re.search(r"^### .+\n+(?=###|\Z)", unreleased, re.MULTILINE), "an empty section says `Nothing.`"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text()))))
def test_every_target_that_contributing_names_exists(target: str) -> None:
    assert recipe(target) or target == "ci"
