"""The embedded PostgreSQL serves every user of a machine, whoever started it first."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from database import embedded
from database.connection import MIGRATIONS

ROOT: Final = Path(MIGRATIONS).parent
NOBODY: Final = 65_534
START: Final = """
import sys
from pathlib import Path
from database.embedded import FAST_AND_FORGETFUL, EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), options=FAST_AND_FORGETFUL)
print(server.start())
server.destroy()
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def machine() -> Iterator[Path]:
    """Make a machine's temporary folder, where all users may write and only owners may delete."""
    with tempfile.TemporaryDirectory(prefix="machine-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o1777)
        yield folder


@pytest.fixture
def python() -> str:
    """Return a Python like this one that every user may run: root's own may lie in root's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        with contextlib.suppress(PermissionError):
            if found is not None and _as(NOBODY, [found, "-c", "import fasteners"], {}).returncode == 0:
                return found
    pytest.skip(f"no {version} that every user may run")


def _as(user: int, command: list[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    packages = sysconfig.get_paths()["purelib"]
    return subprocess.run(
        command,
        user=user,
        group=user,
        extra_groups=[],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT}:{packages}", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def _folder_of(user: int, machine: Path) -> Path:
    folder = machine / f"home-{user}"
    folder.mkdir()
    os.chown(folder, user, user)
    return folder


@needs_root
@pytest.mark.parametrize("inherited", [{}, {"XDG_RUNTIME_DIR": "/run/user/0"}], ids=["no-session", "after-su"])
def test_another_user_starts_it_after_root(python: str, machine: Path, inherited: dict[str, str]) -> None:
    environment = {"TMPDIR": str(machine), **inherited}
    lock = machine / ".lockfile"
    lock.touch(0o644)  # as the server's library leaves it for the next user

    ran = [_as(user, [python, "-c", START, str(_folder_of(user, machine))], environment) for user in (0, NOBODY)]

    assert [(run.returncode, run.stderr) for run in ran] == [(0, ""), (0, "")]
    assert "host=" in ran[1].stdout


@needs_root
def test_a_runtime_folder_of_somebody_else_is_passed_over(python: str, machine: Path) -> None:
    """The name is predictable, so any user could create it and lock this user out, or read along."""
    taken = machine / f"paygraph-runtime-{NOBODY}"
    taken.mkdir(mode=0o777)

    ran = _as(NOBODY, [python, "-c", START, str(_folder_of(NOBODY, machine))], {"TMPDIR": str(machine)})

    assert (ran.returncode, ran.stderr) == (0, "")
    assert list(taken.iterdir()) == []
    used = machine / f"paygraph-runtime-{NOBODY}-1"
    assert (used.stat().st_uid, stat.S_IMODE(used.stat().st_mode)) == (NOBODY, 0o700)


def test_the_runtime_folder_is_this_users_alone(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(machine))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)

    embedded._prepare_runtime_folder()
    embedded._prepare_runtime_folder()

    assert os.environ["XDG_RUNTIME_DIR"] == str(machine / f"paygraph-runtime-{os.geteuid()}")
    assert stat.S_IMODE(Path(os.environ["XDG_RUNTIME_DIR"]).stat().st_mode) == 0o700
    assert (Path(os.environ["XDG_RUNTIME_DIR"]) / "python_PostgresServer").is_dir()
