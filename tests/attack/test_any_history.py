"""Random histories and random objects of Stripe's, others each time. A third of `ATTACK_EXAMPLES=300` for each part."""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.any_history import HISTORIES, History, check
from tests.support.shop import Shop

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

EXAMPLES = int(os.environ.get("ATTACK_EXAMPLES", "300")) // 3  # each is a whole life and a reconciliation
PARTS = 2  # so that they run side by side


@pytest.mark.parametrize("part", range(PARTS))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    print_blob=True,  # how to run the same one again
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=HISTORIES)
async def test_whatever_stripe_says_after_whatever_we_did_is_recorded_as_it_is(
    shop: Shop, part: int, history: History
) -> None:
    await check(shop, history)
