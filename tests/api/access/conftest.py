"""Shops with rate limits and other settings of a test's own."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import Shop, open_shop, settings_for

Opened = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture
def opened(database_url: str, tmp_path: Path) -> Opened:
    def open_with(**changes: Any) -> AbstractAsyncContextManager[Shop]:
        return open_shop(settings_for(database_url, tmp_path / "state", **{"rate_limits": "process", **changes}))

    return open_with
