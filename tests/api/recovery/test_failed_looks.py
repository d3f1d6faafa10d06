"""A failed read from Stripe is no attempt: an event waits as long as the outage lasts, and is applied afterwards."""

import httpx
import pytest

from database.statements import query_rows
from services.inbox import inbox
from tests.support.inbox import INTENTS, all_is_due, another_worker, apply_all, one_event_is_due, pass_time, seen
from tests.support.shop import Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

HOUR = 3_600
# Stripe's own answer to a key that was rolled: docs.stripe.com/api/errors.
KEY_REFUSED = {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided: sk_test_****"}}
MANY = 1_000
WAIT = "SELECT extract(epoch FROM due - now())::float8 AS seconds FROM webhook_event WHERE due IS NOT NULL"


def refuse_the_key(shop: Shop) -> None:
    shop.between.instead = lambda _: httpx.Response(401, json=KEY_REFUSED)


async def the_next_poll(shop: Shop) -> None:
    """Let a minute pass, and run the poll. Nothing else becomes due."""
    await query_rows("UPDATE event_reading SET due = now()")
    worker = another_worker(shop)
    while await worker.poll():
        pass


async def operations_are_due() -> None:
    await query_rows("UPDATE operation SET due = now() WHERE due IS NOT NULL")


async def operations_age(seconds: float) -> None:
    """Let this time pass for the operations."""
    moments = ("created_at", "updated_at", "first_sent_at", "due", "expires_at")
    shifts = ", ".join(f"{name} = {name} - $1 * interval '1 second'" for name in moments)
    await query_rows(f"UPDATE operation SET {shifts}", [seconds])


async def test_a_key_that_is_refused_for_a_weekend_leaves_nothing_undecided(shop: Shop) -> None:
    await the_next_poll(shop)
    payment = await one_event_is_due(shop)
    await shop.browser_confirms("pm_card_visa")
    await shop.sandbox.deliver_due()
    accepted, with_key = await shop.order(), key()
    refuse_the_key(shop)
    first = await shop.pay(accepted, with_key=with_key)
    for _ in range(60):
        await pass_time(shop, HOUR)
        await operations_age(HOUR)
        await apply_all(shop)
        await shop.runtime.worker.drain()
    waiting = await seen(shop, "FAILED")
    given_up = await seen(shop, "DEAD")

    shop.between.instead = None
    await the_next_poll(shop)
    await apply_all(shop)
    await operations_are_due()
    await shop.runtime.worker.drain()
    answer = await shop.pay(accepted, with_key=with_key)

    assert [error["code"] for error in first["errors"]] == ["PROVIDER_UNAVAILABLE"]
    assert len(waiting) >= 2
    assert given_up == []
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"
    assert await seen(shop, "FAILED", "DEAD", "RECEIVED") == []
    assert (answer["replayed"], answer["errors"], answer["payment"]["status"]) == (True, [], "SUCCEEDED")


@pytest.mark.parametrize("kind", ["drop_before", "timeout_before", "error_500_before", "rate_limit_429", "401"])
async def test_within_the_first_hour_an_event_waits_ninety_seconds_at_most(shop: Shop, kind: str) -> None:
    await one_event_is_due(shop)
    if kind == "401":
        refuse_the_key(shop)
    else:
        shop.sandbox.fault(kind=kind, method="GET", path=f"{INTENTS}.*", times=MANY)
    waits = []
    for _ in range(inbox.MAX_ATTEMPTS + 3):
        await all_is_due()
        # Another process each time: the circuit of one without five answers stays open.
        [events] = [await inbox.take(lease_seconds=1)]
        await another_worker(shop)._apply(events)
        waits.append((await query_rows(WAIT))[0]["seconds"])

    [event] = await seen(shop, "FAILED")
    [row] = await query_rows("SELECT tries FROM webhook_event WHERE due IS NOT NULL")
    assert event["attempts"] == inbox.MAX_ATTEMPTS + 3
    assert row["tries"] == 0
    assert max(waits) <= 90
    assert min(waits[5:]) > 0


async def test_after_a_long_outage_the_next_poll_takes_the_waiting_events_up(shop: Shop) -> None:
    await the_next_poll(shop)
    payment = await one_event_is_due(shop)
    await shop.browser_confirms("pm_card_visa")
    await shop.sandbox.deliver_due()
    refuse_the_key(shop)
    for _ in range(8):
        await pass_time(shop, HOUR)
        await apply_all(shop)
    [longest] = await query_rows("SELECT max(due) - now() > interval '20 minutes' AS is_long FROM webhook_event")

    shop.between.instead = None
    await the_next_poll(shop)
    await apply_all(shop)

    assert longest["is_long"] is True
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"


async def test_a_poll_leaves_an_event_alone_that_stripe_answered_and_we_could_not_apply(shop: Shop) -> None:
    await one_event_is_due(shop)
    number = shop.sandbox.fault(kind="broken_json", method="GET", path=f"{INTENTS}.*", times=MANY)
    for _ in range(4):
        await all_is_due()
        await apply_all(shop)
    shop.sandbox.clear_faults(number)
    before = await query_rows("SELECT due, tries FROM webhook_event WHERE tries > 0")

    await the_next_poll(shop)

    assert before[0]["tries"] == 4
    assert await query_rows("SELECT due, tries FROM webhook_event WHERE tries > 0") == before


async def test_an_event_that_has_waited_for_an_hour_is_an_alarm(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await one_event_is_due(shop)
    refuse_the_key(shop)
    await pass_time(shop, HOUR - 60)
    await apply_all(shop)
    capsys.readouterr()
    await shop.runtime.worker.watch_waits()
    patient = capsys.readouterr().out
    await pass_time(shop, 120)

    await shop.runtime.worker.watch_waits()

    [event] = await seen(shop, "FAILED")
    assert "webhook.waits_long" not in patient
    loud = capsys.readouterr().out
    assert loud.count("webhook.waits_long") == 1
    assert event["stripeEventId"] in loud
