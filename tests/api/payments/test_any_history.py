"""Any documented object of Stripe's after any history of ours is recorded, shown, flagged, and never a crash."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.any_history import HISTORIES, History, check
from tests.support.shop import Shop

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

# Always the same ones; `make attack` draws others (tests/attack/test_any_history.py).
EXAMPLES = 40


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=HISTORIES)
async def test_whatever_stripe_says_after_whatever_we_did_is_recorded_as_it_is(shop: Shop, history: History) -> None:
    await check(shop, history)
