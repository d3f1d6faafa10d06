"""A served shop that learns of changes by notification alone: it polls only every five minutes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crash.conftest import cluster, process_factory
from tests.live.following import served
from tests.support.shop import Shop, open_shop, settings_for

__all__ = ["cluster", "process_factory"]


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(settings_for(database_url, tmp_path / "state", live_poll_seconds=300)) as opened:
        yield opened


@pytest.fixture
async def address(shop: Shop) -> AsyncIterator[str]:
    async with served(shop.app) as at:
        yield at
