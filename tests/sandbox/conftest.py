"""One account for each test, in memory."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.stripe_account import StripeAccount, open_account


@pytest.fixture
async def account() -> AsyncIterator[StripeAccount]:
    async with open_account() as opened:
        yield opened
