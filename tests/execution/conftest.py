"""The clean-up after tests of execution."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """Collect the coroutines that graphql-core leaves behind when an error ends an answer early.

    Otherwise they would be found by the test that runs when they happen to be collected.
    """
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        gc.collect()
