"""The folder for the commands' data, and one process that forks commands."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import CommandFactory


@pytest.fixture
def home() -> Iterator[Path]:
    """Make a folder that every user can enter, as a project's is; pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="cli-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def command_factory() -> Iterator[CommandFactory]:
    opened = CommandFactory()
    yield opened
    opened.close()
