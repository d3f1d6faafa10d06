"""A place for the commands' data."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that everybody can walk to, as a project's is; pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="cli-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
