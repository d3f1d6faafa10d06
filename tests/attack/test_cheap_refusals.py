"""The test of `make test`, over many more bodies."""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.api.access.test_cheap_refusals import TRANSPORTS, assert_cheap, bodies
from tests.support.shop import Shop

EXAMPLES = int(os.environ.get("ATTACK_EXAMPLES", "300"))


@pytest.fixture
async def order_id(shop: Shop) -> str:
    return await shop.order()


@pytest.mark.parametrize("transport", sorted(TRANSPORTS))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=bodies)
async def test_nothing_that_a_stranger_sends_costs_more_than_ten_plain_requests(
    shop: Shop, order_id: str, transport: str, body: str
) -> None:
    await assert_cheap(shop, order_id, transport, body)
