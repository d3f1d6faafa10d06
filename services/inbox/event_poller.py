"""The event poller: reads Stripe's own list of events into the inbox, so that nothing depends on webhooks.

The poll reads new events every minute; the sweep reads all that Stripe keeps, every day. Each is one row with a lease,
shared by all replicas, and goes on from its last page in whichever process leases it next.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import structlog

from database.leases import TAKEN, LeaseLost
from database.statements import query_rows, read_database_clock
from database.transactions import run_in_transaction
from domain.ids import new_id
from domain.states import EventSource, EventTopic
from models import EventReading
from provider import Outcome, Provider, ProviderFailure, StripeEvent
from services.inbox import delivery_health, inbox
from services.inbox.topics import types_by_topic

log = structlog.get_logger(__name__)

OVERLAP = timedelta(minutes=10)  # Stripe's list is by second of creation; a late commit must not fall between two polls
FIRST_POLL = timedelta(hours=1)  # the first poll's look back; the first sweep brings the rest
KEPT = timedelta(days=29, hours=12)  # Stripe keeps events for 30 days; the cursor must exist for the next page
PAGE = 100  # Stripe's largest page

BEGIN = """
INSERT INTO event_reading (id, source, livemode, topic, read_through, due, attempt, created_at)
VALUES ($1, $2, $3, $4, now() - $5::interval, now(), 1, now())
ON CONFLICT DO NOTHING RETURNING id
"""
TAKE = f"""
UPDATE event_reading SET {TAKEN}, started_at = coalesce(started_at, now())
WHERE source = $2 AND livemode = $3 AND topic = $4 AND due <= now()
RETURNING id
"""  # noqa: S608 - built from our own words


@dataclass(frozen=True, slots=True)
class Schedule:
    """The interval of a reading, from start to start, and the pause between two of its pages."""

    source: EventSource
    interval: timedelta
    pause: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class EventPoller:
    """Reads pages of Stripe's list of events."""

    provider: Provider
    endpoint: inbox.Endpoint
    lease_seconds: float = 60.0
    page_size: int = PAGE

    async def read_page(self, schedule: Schedule) -> bool:
        """Receive the next page of each topic that is due; True when there are more pages to read.

        Raises ProviderFailure and DatabaseUnavailable; the page is then read by the process that takes the next lease.
        """
        has_more = [await self._read_page_of(topic, schedule) for topic in types_by_topic(self.endpoint.types)]
        return any(has_more)

    def _types(self, reading: EventReading) -> frozenset[str]:
        return types_by_topic(self.endpoint.types)[reading.topic]

    async def _read_page_of(self, topic: EventTopic, schedule: Schedule) -> bool:
        reading = await self._take(schedule.source, topic)
        if reading is None:
            return False
        page: list[StripeEvent] | None
        try:
            page = await self._fetch_page(reading)
        except ProviderFailure as failure:
            if reading.cursor is None or failure.outcome is not Outcome.REJECTED:
                raise
            log.warning("poller.begun_anew", source=reading.source.value, reason=str(failure))
            page = None
        try:
            return await self._receive(reading, page, schedule) if page is not None else await _begin_anew(reading)
        except LeaseLost:
            log.warning("poller.fenced", source=reading.source.value)
            return False

    async def _take(self, source: EventSource, topic: EventTopic) -> EventReading | None:
        """Lease the reading that is due; None when none is due or another process has leased it."""
        which = [source.value, self.endpoint.livemode, topic.value]
        taken = await query_rows(TAKE, [self.lease_seconds, *which])
        if not taken and await query_rows(BEGIN, [new_id(), *which, FIRST_POLL]):
            taken = await query_rows(TAKE, [self.lease_seconds, *which])
        return await EventReading.get(id=taken[0]["id"]) if taken else None

    async def _fetch_page(self, reading: EventReading) -> list[StripeEvent]:
        taken_at = reading.due - timedelta(seconds=self.lease_seconds)  # by the database's clock
        since = taken_at - KEPT
        if reading.source is EventSource.POLL:
            since = max(since, reading.read_through - OVERLAP)
        listed = self.provider.events(self._types(reading), created_since=since, after=reading.cursor)
        page: list[StripeEvent] = []
        async with aclosing(cast(AsyncGenerator[StripeEvent], listed)) as events:
            async for event in events:
                page.append(event)
                if len(page) == self.page_size:
                    break
        return page

    async def _receive(self, reading: EventReading, page: list[StripeEvent], schedule: Schedule) -> bool:
        """Store the new events of a page and the reading's position, in one transaction."""
        started_at, has_more = reading.started_at, len(page) == self.page_size
        assert started_at is not None
        fresh = await inbox.find_unknown(page)

        async def store_page() -> datetime:
            if fresh:
                await inbox.store(fresh, self.endpoint, reading.source)
            now = await read_database_clock()
            if has_more:
                await _save(reading, cursor=page[-1].id, due=now + schedule.pause)
            else:
                await _save(
                    reading,
                    cursor=None,
                    started_at=None,
                    read_through=started_at,
                    finished_at=now,
                    due=max(now, started_at + schedule.interval),
                )
            return now

        until = await run_in_transaction(store_page)
        if fresh:
            log.info("poller.found", source=reading.source.value, events=len(fresh))
        if not has_more:
            await delivery_health.report_missed(reading, self._types(reading), until=until)
        return has_more


async def _begin_anew(reading: EventReading) -> bool:
    """Go back to the newest page: Stripe no longer knows the cursor, so there is no position to go on from."""
    now = await read_database_clock()
    await _save(reading, cursor=None, started_at=now, due=now)
    return True


async def _save(reading: EventReading, **changes: object) -> None:
    """Write the reading's position. Raises `LeaseLost` if another process has leased it since."""
    if not await EventReading.filter(id=reading.id, attempt=reading.attempt).update(**changes):
        raise LeaseLost
