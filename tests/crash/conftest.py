"""A forge for each worker of the test run, a town for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.crash.processes.cluster import Forge, Town, open_town


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    opened = Forge()
    yield opened
    opened.close()


@pytest.fixture
async def town(forge: Forge, database_url: str) -> AsyncIterator[Town]:
    with TemporaryDirectory(prefix="pg-town-") as folder:  # short: a socket's path has at most 107 bytes
        async with open_town(forge, database_url, Path(folder)) as opened:
            yield opened
