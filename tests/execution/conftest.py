"""What tests of execution leave behind."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """Coroutines that graphql-core leaves behind when an error ends an answer early are found here, and not by
    whichever test runs when they are collected."""
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
        gc.collect()
