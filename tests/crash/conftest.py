"""A process factory for each worker of the test run, a cluster for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.crash.processes.cluster import Cluster, open_cluster
from tests.support.line_process import LineProcess


@pytest.fixture(scope="session")
def process_factory() -> Iterator[LineProcess]:
    opened = LineProcess("tests.crash.processes.process_factory")
    yield opened
    opened.close()


@pytest.fixture
async def cluster(process_factory: LineProcess, database_url: str) -> AsyncIterator[Cluster]:
    with TemporaryDirectory(prefix="pg-cluster-") as folder:  # short: a socket's path has at most 107 bytes
        async with open_cluster(process_factory, database_url, Path(folder)) as opened:
            yield opened
