"""The same forge and towns as the crash tests have; all of it takes long and runs by `make attack`.

What is marked `short` runs in `make test` too.
"""

from pathlib import Path

import pytest

from tests.crash.conftest import forge, town

__all__ = ["forge", "town"]

HERE = Path(__file__).parent
# A client that is torn away while it connects leaves its socket to the garbage collector; that is the client's library.
TORN_CLIENTS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder, so that `make test` leaves out all but the short."""
    for item in items:
        if HERE in item.path.parents:
            if item.get_closest_marker("short") is None:
                item.add_marker(pytest.mark.attack)
            item.add_marker(TORN_CLIENTS)
