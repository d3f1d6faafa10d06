"""Outages of Stripe (scenarios 40 and 60): reads continue, mutations say what is known, and Stripe is left alone."""

import asyncio

import pytest

from database.statements import query_rows
from provider.connection.breaker import OPEN_AFTER
from services.retry_policy import BACK_OFF_SECONDS, back_off
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

MANY = 1_000


async def _outage(shop: Shop, kind: str = "drop_before") -> list[tuple[str, str]]:
    """Begin an outage and pay until the circuit opens; returns the orders with their keys."""
    orders = [(await shop.order(), key()) for _ in range(OPEN_AFTER)]
    shop.sandbox.fault(kind=kind, path="/v1/.*", times=MANY)
    for order_id, with_key in orders:
        await shop.pay(order_id, with_key=with_key)
    return orders


async def _due_now() -> None:
    await query_rows(
        "UPDATE operation SET due = now(), updated_at = now() - interval '1 hour' WHERE due IS NOT NULL", []
    )


def _requests(shop: Shop) -> int:
    return len(shop.sandbox.snapshot().requests)


@pytest.mark.parametrize("kind", ["drop_before", "error_500_before", "rate_limit_429"])
async def test_scenario_40_mutations_answer_honestly_and_at_once_and_nothing_is_sent(shop: Shop, kind: str) -> None:
    order_id = await shop.order()
    await _outage(shop, kind)
    sent = _requests(shop)

    payload = await shop.pay(order_id)

    [error] = payload["errors"]
    assert error["code"] == "PROVIDER_UNAVAILABLE"
    assert error["effect"] == "NONE"
    assert error["retryable"] is True
    assert error["retryAfterMs"] >= 1000
    assert payload["payment"]["status"] == "INITIATED"
    assert _requests(shop) == sent


async def test_scenario_60_reads_keep_working_during_an_outage(shop: Shop) -> None:
    paid = await shop.paid()
    [(order_id, _), *_] = await _outage(shop)

    data = await shop.buyer.ask("query O($id: ID!) { order(id: $id) { paymentStatus } }", id=order_id)

    assert data["order"]["paymentStatus"] == "PENDING"
    assert (await shop.payment(paid["id"]))["status"] == "SUCCEEDED"


async def test_an_outage_is_seen_from_outside_and_is_no_reason_to_be_not_ready(shop: Shop) -> None:
    before = await shop.http.get("/readyz")
    await _outage(shop)

    during = await shop.http.get("/readyz")

    assert before.json()["checks"]["stripe"]["detail"]["restSeconds"] == 0
    assert during.status_code == 200
    assert during.json()["checks"]["stripe"]["detail"]["restSeconds"] > 0


async def test_the_janitor_leaves_stripe_alone_while_the_circuit_is_open(shop: Shop) -> None:
    await _outage(shop)
    await _due_now()
    sent, attempts = _requests(shop), await _attempts()

    await shop.runtime.worker.drain()

    assert _requests(shop) == sent
    assert await _attempts() == attempts


async def test_events_are_not_tried_while_the_circuit_is_open(shop: Shop) -> None:
    """An outage of hours must not make them DEAD."""
    await shop.prepared()
    await shop.browser_confirms("pm_card_visa_chargeDeclined")
    await _outage(shop)
    await shop.sandbox.deliver_due()

    await shop.runtime.worker.drain()

    tried = await query_rows("SELECT max(tries) AS most, count(*) AS n FROM webhook_event WHERE due IS NOT NULL", [])
    assert tried[0]["n"] > 0
    assert tried[0]["most"] == 0


async def test_scenario_60_everything_is_decided_once_stripe_is_back(shop: Shop) -> None:
    orders = await _outage(shop)
    told = await shop.pay(await shop.order())
    shop.sandbox.clear_faults()

    await asyncio.sleep(told["errors"][0]["retryAfterMs"] / 1000)  # as a client does that reads retryAfterMs
    await _due_now()
    await shop.runtime.worker.drain()

    answers = [await shop.pay(order_id, with_key=with_key) for order_id, with_key in orders]
    assert [answer["payment"]["status"] for answer in answers] == ["SUCCEEDED"] * len(orders)
    assert len([i for i in shop.sandbox.snapshot().payment_intents if i["amount_received"]]) == len(orders) + 1


async def test_a_wait_that_stripe_asks_for_is_passed_on(shop: Shop) -> None:
    """A circuit that has just opened rests for a second; the callers are told so, and the work is due after it."""
    await _outage(shop)

    payload = await shop.pay(await shop.order())

    [row] = await query_rows("SELECT extract(epoch FROM max(due) - now())::float8 AS wait FROM operation", [])
    assert 0 < row["wait"] <= payload["errors"][0]["retryAfterMs"] / 1000 + 1


def test_within_the_first_hour_nobody_waits_longer_than_two_minutes() -> None:
    """The longest back-off, and the half minute after which the circuit is tried, are less than the two minutes."""
    waits = [back_off(attempt, open_seconds=3_599).total_seconds() for attempt in range(1, 200)]

    assert max(waits) <= 90
    assert max(BACK_OFF_SECONDS) + 30 <= 120
    assert back_off(1, open_seconds=3_601).total_seconds() >= 300
    assert back_off(1, open_seconds=6 * 3_600).total_seconds() >= 1_800


async def _attempts() -> list[Json]:
    return [dict(row) for row in await query_rows("SELECT id, attempt FROM operation ORDER BY id", [])]
