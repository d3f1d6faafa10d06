"""The recipe of docs/hacking.md for a new field of a payment works, and takes four files."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[3]
LEFT_OUT: Final = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "dist", "benchmarks", "results")
MOST_FILES: Final = 4


def _block(language: str) -> str:
    """Return the block of this language in the recipe."""
    text = (PROJECT / "docs" / "hacking.md").read_text().split("## Add a field to a payment")[1].split("\n## ")[0]
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_a_field_of_a_payment_is_a_diff_of_four_files(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PROJECT, copy, ignore=LEFT_OUT)
    (tmp_path / "recipe.diff").write_text(_block("diff"))
    (copy / "tests" / "api" / "payments" / "test_description.py").write_text(_block("python"))

    unchanged = _try(copy, sys.executable, "-m", "database.new_migration", "nothing")
    _run(copy, "git", "apply", "--verbose", "../recipe.diff")
    written = _run(copy, sys.executable, "-m", "database.new_migration", "payment_description")
    _run(copy, sys.executable, "-m", "cli", "schema", "--write")
    tested = _run(
        copy, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/api/payments/test_description.py"
    )

    assert _block("diff").count("\n+++ ") <= MOST_FILES
    assert (unchanged.returncode, unchanged.stdout) == (1, "")
    assert "Nothing to write" in unchanged.stderr
    assert (copy / written.strip()).is_file()
    assert "1 passed" in tested
    assert "description: String" in (copy / "schema" / "schema.graphql").read_text()


def test_a_migration_without_a_name_is_refused_in_a_sentence() -> None:
    refused = _try(PROJECT, sys.executable, "-m", "database.new_migration")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("Give the migration a name")


def _run(folder: Path, *command: str) -> str:
    done = _try(folder, *command)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def _try(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GIT_"))}
    return subprocess.run(
        command, cwd=folder, env=environment | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )
