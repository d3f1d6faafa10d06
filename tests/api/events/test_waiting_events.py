"""No event waits unseen: an event that waits for Stripe raises an alarm and is shown."""

import httpx
import pytest

from provider import Budget
from provider.connection import request_budget
from provider.connection.request_budget import Priority
from services.inbox import inbox
from tests.support.inbox import all_is_due, apply_all, one_event_is_due, pass_time, seen
from tests.support.shop import Shop

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

INTEGRITY = "{ integrity { healthy deadWebhooks oldestUnprocessedWebhookMs } }"
HOUR = 3_600


async def test_a_refund_from_elsewhere_is_applied_at_once_though_a_reservation_of_ours_leaves_no_room(
    shop: Shop,
) -> None:
    payment = await shop.paid()
    shop.sandbox.fault(kind="timeout_before", method="POST", path="/v1/refunds")
    ours = await shop.refund(payment["id"], 6_000)
    shop.sandbox.clear_faults()
    await shop.dashboard_refund(10_000)

    await shop.deliver()

    after = await shop.payment(payment["id"])
    assert ours["refund"]["status"] == "UNKNOWN"
    assert (after["amountRefunded"], after["amountRefundPending"]) == ({"amount": 10_000}, {"amount": 6_000})
    assert await seen(shop, "FAILED") == []
    assert await seen(shop, "RECEIVED") == []


async def test_an_event_that_waits_for_stripe_for_an_hour_is_shown_as_not_healthy(shop: Shop) -> None:
    await one_event_is_due(shop)
    shop.between.instead = lambda _: httpx.Response(401, json={"error": {"type": "invalid_request_error"}})
    await apply_all(shop)
    young = (await shop.staff.ask(INTEGRITY))["integrity"]
    await pass_time(shop, HOUR + 60)

    old = (await shop.staff.ask(INTEGRITY))["integrity"]

    assert (young["healthy"], old["healthy"]) == (True, False)
    assert old["deadWebhooks"] == 0
    assert old["oldestUnprocessedWebhookMs"] > HOUR * 1_000


async def test_a_throttle_of_our_own_is_no_try_of_an_event(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await one_event_is_due(shop)
    monkeypatch.setattr(request_budget, "LONGEST_WAIT_SECONDS", 0.01)
    provider = shop.runtime.runner.provider
    unlimited, provider._budget = provider._budget, Budget(per_second=0.001)
    await provider._budget.take(Priority.PAY, "any")  # the next turn is a quarter of an hour away
    for _ in range(inbox.MAX_ATTEMPTS + 3):
        await all_is_due()
        await apply_all(shop)
    [waiting] = await seen(shop, "FAILED")
    given_up = await seen(shop, "DEAD")

    provider._budget = unlimited
    await all_is_due()
    await apply_all(shop)

    assert "throttled_here" in waiting["lastError"]
    assert given_up == []
    assert await seen(shop, "FAILED") == []
