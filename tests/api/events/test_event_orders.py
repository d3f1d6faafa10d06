"""Our rows end equal to Stripe's books in any order of events (scenarios 15 to 24, at random).

Permuted, doubled, left out, between two mutations, before the answer of the call that caused them, by the poller
instead.
"""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.invariants import check
from tests.support.lifecycle import PLANS, Plan
from tests.support.shop import Shop

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

# Always the same ones; `make attack` draws others (tests/attack/test_event_orders.py).
EXAMPLES = 50


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failing life is reported as it is; `make attack` makes it smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=PLANS)
async def test_any_order_of_events_ends_as_stripes_books_are(shop: Shop, plan: Plan) -> None:
    await check(shop, plan)
