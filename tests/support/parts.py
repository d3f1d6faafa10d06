"""Long tests in parts: the first part runs in `make test`, the others in `make attack`."""

from typing import Any

import pytest


def parts(count: int) -> list[Any]:
    """Return the numbers of the parts of a test whose cases are made up, each part from a seed of its own."""
    return [0, *(pytest.param(number, marks=pytest.mark.attack) for number in range(1, count))]
