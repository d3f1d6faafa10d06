"""The shop, served to followers over WebSocket."""

from collections.abc import AsyncIterator

import pytest

from tests.live.following import served
from tests.support.shop import Shop


@pytest.fixture
async def address(shop: Shop) -> AsyncIterator[str]:
    async with served(shop.app) as at:
        yield at
