"""`.ci/environment` and `.ci/step`, the first steps of `make demo`: on a bare machine they name what is missing."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

CI: Final = Path(__file__).parents[2] / ".ci"
TOOLS: Final = ("dirname", "mktemp", "date", "sleep", "rm", "tail", "printf", "sh", "kill")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Make a project on a machine with a few tools and neither Python, pip nor uv."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    (tmp_path / "project").mkdir()
    shutil.copytree(CI, tmp_path / "project" / ".ci")
    return tmp_path


def _python_without(modules: tuple[str, ...], bare: Path) -> None:
    """Install a Python without these modules, as Debian's is until its packages are installed."""
    (bare / "missing").mkdir()
    text = f"import sys\nfor name in {modules}:\n    sys.modules[name] = None\n"
    (bare / "missing" / "sitecustomize.py").write_text(text)
    python = bare / "bin" / "python3"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={bare}/missing exec {sys.executable} "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)


def _environment(bare: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [bare / "project" / ".ci" / "environment"],
        env={"PATH": str(bare / "bin"), "TMPDIR": str(bare)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_that_can_make_no_environment_is_told_what_to_install(bare: Path) -> None:
    _python_without(("ensurepip", "pip"), bare)

    ended = _environment(bare)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "This Python can make no environment: install python3-venv (Debian, Ubuntu: apt-get install python3-venv),"
        " or pip, or uv.\n"
    )
    assert not (bare / "project" / ".venv").exists()


def test_a_machine_without_a_fitting_python_is_told_so(bare: Path) -> None:
    ended = _environment(bare)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "Python 3.11 or newer is needed, and `python3` is none: PYTHON=/path/to/python chooses another.\n"
    )


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("echo noise", 0, r"Doing it \.* \d+ s\n"),
        ("echo the reason; exit 7", 7, r"Doing it \.* failed:\nthe reason\n"),
        ("sleep 2.5", 0, r"Doing it \.+ \d+ s\n"),
    ],
    ids=["done", "failed", "slow"],
)
def test_a_step_says_that_it_goes_on_and_shows_output_only_if_it_fails(command: str, code: int, said: str) -> None:
    ended = subprocess.run([CI / "step", "Doing it", "sh", "-c", command], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (code, "")
    assert re.fullmatch(said, ended.stdout)
