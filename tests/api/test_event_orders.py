"""Whatever becomes of a payment's events, our rows end as Stripe's books are (scenarios 15 to 24, at random).

Permuted, doubled, left out, between two acts, before the answer of the call that caused them, by the poller instead.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.judge import differences, wrongs
from tests.life import PLANS, Ending, Life, Plan
from tests.shop import Shop, open_shop, settings_for

EXAMPLES = 60


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop whose requests do not wait, so that a lost answer is unknown and stays so."""
    async with open_shop(settings_for(database_url, tmp_path / "state", request_budget_seconds=0)) as opened:
        yield opened


async def check(shop: Shop, plan: Plan) -> None:
    """Live by the plan in a shop of its own, and find nothing wrong."""
    life = Life(shop)

    await life.live(plan)

    if life.open_call is None or _events_must_tell(plan):
        assert await differences(life) == []
    await life.settle()
    assert await wrongs(life) == []


def _events_must_tell(plan: Plan) -> bool:
    """Whether a payment with a lost answer is known all the same, before the janitor comes.

    Not by a sync alone, which cannot find a payment that Stripe never told of. Nor when an event overtook the answer
    that was lost: for all we know the request is still on its way, so the payment is unknown until it is looked for.
    """
    overtaken = any(step.lost and step.early for step in plan.steps)
    return plan.ending is not Ending.SYNC and not overtaken


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=PLANS)
async def test_any_order_of_events_ends_as_stripes_books_are(shop: Shop, plan: Plan) -> None:
    await check(shop, plan)
