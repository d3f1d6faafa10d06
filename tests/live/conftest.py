"""A shop that is served, and hears of a change by the doorbell alone: its own looks come once in five minutes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live.following import served
from tests.support.shop import Shop, open_shop, settings_for


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(settings_for(database_url, tmp_path / "state", live_poll_seconds=300)) as opened:
        yield opened


@pytest.fixture
async def address(shop: Shop) -> AsyncIterator[str]:
    async with served(shop.app) as at:
        yield at
