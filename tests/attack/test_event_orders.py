"""Random lives of a payment with random orders of its events, others each time. `ATTACK_EXAMPLES=300` for each part."""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.invariants import check
from tests.support.lifecycle import PLANS, Plan
from tests.support.shop import Shop

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

EXAMPLES = int(os.environ.get("ATTACK_EXAMPLES", "300"))
PARTS = 4  # so that they run side by side


@pytest.mark.parametrize("part", range(PARTS))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    print_blob=True,  # how to run the same one again
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=PLANS)
async def test_any_order_of_events_ends_as_stripes_books_are(shop: Shop, part: int, plan: Plan) -> None:
    await check(shop, plan)
