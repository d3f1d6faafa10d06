"""Nothing depends on webhooks: Stripe's own list of events is polled and swept by one of all workers."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from database.statements import query_rows
from domain.states import EventSource, EventTopic
from models import EventReading, WebhookEvent
from provider.connection.transport import LocalTransport
from services.inbox.event_poller import KEPT, EventPoller, Schedule
from services.inbox.topics import types_by_topic
from tests.support.inbox import (
    all_is_due,
    another_worker,
    inbox_of,
    looks,
    nothing_is_delivered,
    pass_time,
    poll,
    stripe_events_age,
)
from tests.support.shop import Shop
from webhooks.handlers import HANDLED, PAYMENT_EVENTS
from worker import Worker, WorkerJobs

EVENTS = "/v1/events"
DAY = 86_400.0
POLL = Schedule(EventSource.POLL, timedelta(minutes=1))
SWEEP = Schedule(EventSource.SWEEP, timedelta(days=1))


class Watched(httpx.AsyncBaseTransport):
    """The same Stripe, which also records the reads of its list of events of payments."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.asked: list[httpx.QueryParams] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == EVENTS and "payment_intent.created" in request.url.params.values():
            self.asked.append(request.url.params)
        return await self._inner.handle_async_request(request)


@pytest.fixture
def watched(shop: Shop) -> Watched:
    transport = Watched(shop.sandbox.transport())
    carrier = shop.runtime.runner.provider._http
    assert isinstance(carrier, LocalTransport)
    carrier._client._transport = transport
    return transport


def reader(shop: Shop, page_size: int = 100) -> EventPoller:
    """A reader of events of payments alone, so that each page is one request."""
    endpoint = replace(shop.runtime.endpoint, types=PAYMENT_EVENTS)
    return EventPoller(shop.runtime.runner.provider, endpoint, page_size=page_size)


async def of_payments(source: EventSource = EventSource.POLL) -> EventReading:
    return await EventReading.get(source=source, topic=EventTopic.PAYMENTS)


def test_each_topic_is_within_what_stripe_lists_at_once() -> None:
    topics = types_by_topic(HANDLED)

    assert set(topics) == set(EventTopic)
    assert topics[EventTopic.PAYMENTS] == PAYMENT_EVENTS
    assert all(0 < len(types) <= 20 for types in topics.values())


# -- the poll --------------------------------------------------------------------------------------------------------


async def test_without_a_single_webhook_a_payment_is_known(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.browser_confirms("pm_card_visa")
    await nothing_is_delivered(shop)

    await poll(shop)
    await shop.runtime.worker.drain()

    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"
    stored = await inbox_of(shop)
    assert {event["source"] for event in stored} == {"POLL"}
    assert {event["deliveredAt"] for event in stored} == {None}
    assert all(0 <= event["deliveryLagMs"] < 60_000 for event in stored)


async def test_an_event_keeps_the_way_it_first_came(shop: Shop) -> None:
    await shop.paid()
    await shop.deliver()
    delivered = {event["stripeEventId"] for event in await inbox_of(shop)}
    await shop.paid()

    await poll(shop)
    await shop.deliver()

    stored = await inbox_of(shop)
    handled = [event for event in stored if event["type"] != "charge.succeeded"]
    assert {event["stripeEventId"] for event in handled if event["source"] == "WEBHOOK"} <= delivered
    assert {event["source"] for event in handled} == {"WEBHOOK", "POLL"}
    assert all(event["deliveredAt"] is not None for event in stored)  # the webhook of a polled event is noted on it


async def test_what_is_known_costs_a_poll_three_statements_however_much_it_is(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="tortoise.db_client")
    statements, stored = [], []
    for payments in (1, 12):
        for _ in range(payments):
            await shop.paid()
        await shop.deliver()
        await poll(shop)
        await all_is_due()
        caplog.clear()
        await shop.runtime.worker.poll()
        statements.append([r.getMessage() for r in caplog.records if r.name == "tortoise.db_client"])
        stored.append(await WebhookEvent.all().count())

    few, many = statements
    assert stored[1] > 10 * stored[0]
    assert len(few) == len(many) <= 7, many
    assert [text for text in many if "INSERT" in text] == []
    assert len([text for text in many if '"webhook_event"' in text]) == 1


async def test_new_events_of_a_page_are_stored_at_once(shop: Shop) -> None:
    for _ in range(12):
        await shop.paid()
    await poll(shop)
    await query_rows("DELETE FROM webhook_event")
    await all_is_due()

    await shop.runtime.worker.poll()

    # PostgreSQL notes on each row which command of which transaction has added it.
    [added] = await query_rows(
        "SELECT count(DISTINCT xmin::text || ':' || cmin::text) AS statements FROM webhook_event"
    )
    assert added["statements"] == 1
    assert await WebhookEvent.all().count() > 20


async def test_a_worker_that_was_down_for_three_days_polls_three_days(shop: Shop, watched: Watched) -> None:
    await poll(shop)
    await shop.paid()
    await nothing_is_delivered(shop)
    stripe_events_age(shop, 2.9 * DAY)
    await query_rows("UPDATE event_reading SET read_through = now() - interval '3 days'")

    await poll(shop)
    await poll(shop)

    ago = [datetime.now(UTC).timestamp() - int(asked["created[gte]"]) for asked in watched.asked[1:]]
    assert {event["source"] for event in await inbox_of(shop)} == {"POLL"}
    assert ago == [pytest.approx(3 * DAY + 600, abs=30), pytest.approx(600, abs=30)]


async def test_a_poll_asks_for_no_more_than_stripe_keeps(shop: Shop, watched: Watched) -> None:
    await poll(shop)
    await query_rows("UPDATE event_reading SET read_through = now() - interval '90 days'")

    await poll(shop)

    [first, later] = [datetime.now(UTC).timestamp() - int(asked["created[gte]"]) for asked in watched.asked]
    assert first == pytest.approx(3_600 + 600, abs=30)
    assert later == pytest.approx(KEPT.total_seconds(), abs=30)


def _listed(shop: Shop) -> list[str]:
    """List Stripe's events of the types about payments, newest first."""
    events = reversed(shop.sandbox.snapshot().events)
    return [event["id"] for event in events if event["type"] in PAYMENT_EVENTS]


async def test_of_all_workers_one_polls_each_minute(shop: Shop) -> None:
    await shop.paid()
    workers = [another_worker(shop) for _ in range(6)]

    await asyncio.gather(*(worker.poll() for worker in workers))
    await asyncio.gather(*(worker.poll() for worker in workers))
    readings = await EventReading.all()

    assert {reading.topic for reading in readings} == set(EventTopic)
    assert looks(shop, EVENTS) == len(readings) == 2
    assert {reading.started_at for reading in readings} == {None}
    assert all(reading.due - datetime.now(UTC) > timedelta(seconds=50) for reading in readings)


async def test_a_reading_goes_on_from_its_last_page_whoever_reads_the_next(shop: Shop, watched: Watched) -> None:
    for _ in range(3):
        await shop.paid()
    await nothing_is_delivered(shop)
    listed = _listed(shop)

    pages = 1
    while await reader(shop, page_size=4).read_page(POLL):
        pages += 1
        assert pages < 10

    read = [asked.get("starting_after") for asked in watched.asked]
    assert read == [None, *listed[3::4]]
    assert sorted(event["stripeEventId"] for event in await inbox_of(shop)) == sorted(listed)
    assert (await of_payments()).cursor is None


async def test_a_page_that_failed_is_read_again_after_the_lease(shop: Shop) -> None:
    await shop.paid()
    await nothing_is_delivered(shop)
    shop.sandbox.fault(kind="drop_before", method="GET", path=EVENTS)

    with pytest.raises(Exception, match="Stripe: UNKNOWN"):
        await shop.runtime.worker.poll()
    at_once = await shop.runtime.worker.poll(), await inbox_of(shop)
    await poll(shop)

    assert at_once == (False, [])
    assert await inbox_of(shop) != []


async def test_a_reader_that_was_overtaken_writes_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        await shop.paid()
    await nothing_is_delivered(shop)
    number = shop.sandbox.fault(kind="hold_after", method="GET", path=EVENTS)
    slow = asyncio.create_task(reader(shop, page_size=2).read_page(POLL))
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in shop.sandbox.faults()):
            await asyncio.sleep(0.005)
    await all_is_due()

    await reader(shop, page_size=4).read_page(POLL)
    between = await of_payments()
    shop.sandbox.clear_faults(number)

    assert await slow is False
    assert (await of_payments()).cursor == between.cursor is not None
    assert capsys.readouterr().out.count("poller.fenced") == 1


async def test_a_cursor_that_stripe_has_forgotten_begins_the_reading_anew(shop: Shop) -> None:
    for _ in range(2):
        await shop.paid()
    await nothing_is_delivered(shop)
    await reader(shop, page_size=2).read_page(POLL)
    await query_rows("UPDATE event_reading SET cursor = 'evt_forgotten' WHERE topic = 'payments'")

    await poll(shop)

    handled = [event for event in shop.sandbox.snapshot().events if event["type"] in shop.runtime.endpoint.types]
    assert len(await inbox_of(shop)) == len(handled) > 2


# -- the sweep -------------------------------------------------------------------------------------------------------


async def test_a_sweep_finds_what_no_poll_looks_back_on(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.browser_confirms("pm_card_visa")
    await nothing_is_delivered(shop)
    stripe_events_age(shop, 20 * DAY)
    await poll(shop)
    by_poll = await inbox_of(shop)

    while await shop.runtime.worker.sweep():
        pass
    await shop.runtime.worker.drain()

    assert by_poll == []
    assert {event["source"] for event in await inbox_of(shop)} == {"SWEEP"}
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"


async def test_a_restart_goes_on_with_the_sweep_and_begins_none(shop: Shop, watched: Watched) -> None:
    for _ in range(2):
        await shop.paid()
    listed = _listed(shop)

    await reader(shop, page_size=3).read_page(SWEEP)
    while await reader(shop, page_size=3).read_page(SWEEP):
        pass
    for _ in range(3):
        await another_worker(shop).sweep()
    done = len(watched.asked)
    await pass_time(shop, DAY)
    await another_worker(shop).sweep()

    assert [asked.get("starting_after") for asked in watched.asked[:done]] == [None, *listed[2::3]]
    assert len(watched.asked) == done + 1


async def test_between_two_pages_of_a_sweep_others_have_their_turn(shop: Shop) -> None:
    await shop.paid()
    patient = Schedule(EventSource.SWEEP, timedelta(days=1), pause=timedelta(seconds=1))

    pages = [await reader(shop, page_size=2).read_page(patient) for _ in range(3)]
    await poll(shop)

    assert pages == [True, False, False]
    assert looks(shop, EVENTS) == 1 + len(EventTopic)  # the sweep's page, and the poll's of each topic


async def _ended(source: EventSource) -> None:
    async with asyncio.timeout(10):
        while not await EventReading.filter(source=source, finished_at__isnull=False).exists():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("source", "layers"),
    [(EventSource.POLL, WorkerJobs(sweeper=False)), (EventSource.SWEEP, WorkerJobs(poller=False))],
)
async def test_each_way_of_reading_works_without_the_other(shop: Shop, source: EventSource, layers: WorkerJobs) -> None:
    await shop.paid()
    await nothing_is_delivered(shop)
    worker = Worker(runner=shop.runtime.runner, endpoint=shop.runtime.endpoint, jobs=layers)
    running = asyncio.create_task(worker.run())

    await _ended(source)
    worker.stop()
    await running

    assert {reading.source for reading in await EventReading.all()} == {source}
    assert {event["source"] for event in await inbox_of(shop)} == {source.value}


async def test_a_stop_does_not_wait_for_a_slow_page(shop: Shop) -> None:
    shop.sandbox.fault(kind="hold_after", method="GET", path=EVENTS, times=2)
    worker = another_worker(shop)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        while sum(rule["fired"] for rule in shop.sandbox.faults()) < 2:
            await asyncio.sleep(0.005)

    worker.stop()
    async with asyncio.timeout(5):
        await running

    assert await EventReading.filter(finished_at__isnull=True).count() == 2
