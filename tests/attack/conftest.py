"""The clusters of the crash tests; all attack tests take long and run by `make attack`.

Tests marked `short` run in `make test` too.
"""

from pathlib import Path

import pytest

from tests.crash.conftest import cluster, process_factory

__all__ = ["cluster", "process_factory"]

HERE = Path(__file__).parent
# A client that is cancelled while it connects leaves its socket to the garbage collector; that is the client's library.
TORN_CLIENTS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, so that `make test` leaves out all but the short ones."""
    for item in items:
        if HERE in item.path.parents:
            if item.get_closest_marker("short") is None:
                item.add_marker(pytest.mark.attack)
            item.add_marker(TORN_CLIENTS)
