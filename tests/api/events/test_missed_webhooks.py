"""Webhooks that do not arrive are reported to operators and by the readiness probe; the process stays ready."""

import pytest

from tests.support.inbox import inbox_of, nothing_is_delivered, pass_time, poll, stripe_events_age
from tests.support.shop import Json, Shop

DAY = 86_400.0
INTEGRITY = "{ integrity { missedWebhooks healthy } }"


async def missed(shop: Shop) -> int:
    answer = (await shop.staff.ask(INTEGRITY))["integrity"]
    assert answer["healthy"] is True
    count: int = answer["missedWebhooks"]
    return count


async def webhooks_probe(shop: Shop) -> Json:
    response = await shop.http.get("/readyz")
    assert response.status_code == 200
    detail: Json = response.json()["checks"]["webhooks"]["detail"]
    return detail


async def begin(shop: Shop) -> None:
    """Run the very first poll, a minute ago."""
    await poll(shop)
    await pass_time(shop, 60)


async def test_webhooks_that_do_not_come_are_told_once_although_the_poll_is_quick(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await begin(shop)
    await shop.paid()
    await nothing_is_delivered(shop)
    await poll(shop)
    young = await missed(shop), capsys.readouterr().out.count("webhooks.missed"), await webhooks_probe(shop)
    await pass_time(shop, 301)

    for _ in range(3):
        await poll(shop)

    count = len(await inbox_of(shop))
    [told] = [line for line in capsys.readouterr().out.splitlines() if "webhooks.missed" in line]
    probe = await webhooks_probe(shop)
    assert young[:2] == (0, 0)
    assert young[2]["state"] == "ok"
    assert f"count={count}" in told
    assert "payment_intent.succeeded" in told
    assert await missed(shop) == count > 0
    assert probe["state"].startswith("degraded: ")
    assert (probe["events"], probe["byWebhook"], probe["share"], probe["missed"]) == (count, 0, 0.0, count)


async def test_old_events_that_had_to_be_fetched_are_told_at_once(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await begin(shop)
    await pass_time(shop, 3_600)
    await shop.paid()
    await nothing_is_delivered(shop)
    stripe_events_age(shop, 301)

    await poll(shop)

    assert capsys.readouterr().out.count("webhooks.missed") == 1
    assert await missed(shop) == len(await inbox_of(shop)) > 0


async def test_a_webhook_that_comes_late_after_all_is_no_longer_missed(shop: Shop) -> None:
    await begin(shop)
    await shop.paid()
    await poll(shop)
    await pass_time(shop, 301)
    before = await missed(shop)

    await shop.deliver()

    assert before > 0
    assert await missed(shop) == 0
    probe = await webhooks_probe(shop)
    assert (probe["state"], probe["share"]) == ("ok", 1.0)


async def test_what_stripe_did_before_the_first_reading_is_not_missed(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.paid()
    await nothing_is_delivered(shop)
    stripe_events_age(shop, 10 * DAY)

    while await shop.runtime.worker.sweep():
        pass

    assert {event["source"] for event in await inbox_of(shop)} == {"SWEEP"}
    assert await missed(shop) == 0
    assert capsys.readouterr().out.count("webhooks.missed") == 0
