"""The feed: the changes of all payments, for the staff.

An order has a sequence, the feed has none: transactions of two orders may commit in another order than their events
were recorded in. So the feed remembers for each order that changed lately how far its chain has been read. For the
other orders it goes by time: back to the low watermark, before which no event can appear any more.

Guaranteed: no gap; no repetition within one subscription; each order's events in their sequence, and events of
different orders roughly in the order of recording. A client that resumes may receive again the changes recorded less
than about two minutes before its position.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from tortoise.expressions import Q

from database.statements import query_rows
from domain.ids import first_id_at, made_at
from models import Payment, PaymentEvent
from services.live.order_stream import OrderChange, in_parts, read_changes_of
from services.live.poll_loop import PollLoop
from services.live.replay_buffer import ReplayBuffer

KEPT: Final = 1_000  # of the newest changes
PIECE: Final = 100  # entries that are appended at once
ORDERS_AT_ONCE: Final = 100  # in one statement
PAGE: Final = 100
PATIENCE_SECONDS: Final = 2.0  # the longest wait of the feed for a reader that is about to lag
CHECK_AGAIN_SECONDS: Final = 0.01
CLOCKS_DIFFER_SECONDS: Final = 120  # the largest clock error with which a process still reports ready

LOW_WATERMARK: Final = """
SELECT least(now(), min(xact_start)) - make_interval(secs => $1) AS moment FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL
"""
HEADS: Final = """
SELECT DISTINCT ON (order_id) order_id, sequence, id FROM payment_event WHERE id >= $1
ORDER BY order_id, sequence DESC
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A change in the feed. Every change recorded before `resumes_at` precedes it in the feed."""

    change: OrderChange
    resumes_at: datetime


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """A reader's condition on payments, and a name that is equal for equal conditions."""

    name: str
    condition: Q


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """The last event of an order's chain that has been read."""

    sequence: int
    event_id: UUID


@dataclass(slots=True, eq=False)
class FeedReader:
    """A reader's offset in the replay buffer; None while it still reads the backlog."""

    offset: int | None = None
    patience_seconds: float = PATIENCE_SECONDS


class FilterEvaluator:
    """Evaluates one condition: one query for all waiting entries, shared by all readers with the same condition."""

    def __init__(self, condition: Q) -> None:
        self._condition = condition
        self._results: dict[int, bool] = {}
        self._lock = asyncio.Lock()

    async def evaluate(self, number: int, waiting: Sequence[Entry]) -> bool:
        """Return True if the condition holds for the first of these entries, whose offset is `number`."""
        async with self._lock:
            if number not in self._results:
                matching = await self.find_payments([entry.change.event for entry in waiting])
                oldest = number - KEPT
                self._results = {n: result for n, result in self._results.items() if n >= oldest} | {
                    number + n: entry.change.event.payment_id in matching for n, entry in enumerate(waiting)
                }
            return self._results[number]

    async def find_payments(self, events: Sequence[PaymentEvent]) -> frozenset[UUID | None]:
        """Return the payments of these events that meet the condition now."""
        ids = {event.payment_id for event in events}
        return frozenset(row.id for row in await Payment.filter(Q(id__in=ids) & self._condition).only("id"))


class PaymentFeed:
    """The feed of one process. It polls while it has readers."""

    def __init__(self, *, poll_seconds: float) -> None:
        self.poll_loop = PollLoop(self._poll, seconds=poll_seconds)
        self._buffer: ReplayBuffer[Entry] = ReplayBuffer(0, kept=KEPT)
        self._readers: set[FeedReader] = set()
        self._evaluators: WeakValueDictionary[str, FilterEvaluator] = WeakValueDictionary()
        self._low_watermark: datetime | None = None  # None while nobody reads
        self._progress: dict[UUID, ChainPosition] = {}  # of each order with an event since the low watermark
        self._polling = asyncio.Lock()

    @property
    def readers(self) -> int:
        """The number of readers that have finished the backlog."""
        return sum(reader.offset is not None for reader in self._readers)

    async def follow(self, *, since: datetime | None, feed_filter: FeedFilter | None) -> AsyncGenerator[Entry, None]:
        """Yield every change of a payment from now on, or from `since` on. Raises ConsumerLagged, and StreamClosed."""
        evaluator = self._evaluator(feed_filter)
        with self._reading() as reader:
            await self._begin()
            buffer, position = self._buffer, self._buffer.head
            known: dict[UUID, ChainPosition] = {}
            while since is not None:
                assert self._low_watermark is not None, "it reads while it has readers"
                watermark, position = self._low_watermark, buffer.head
                async for entry in _read_backlog(since, watermark, known, evaluator):
                    yield entry
                since = watermark if position < buffer.start else None  # more came than the buffer keeps: read them too
            reader.offset = position
            while True:
                entry = await buffer.read_after(reader.offset)
                reader.offset += 1
                if reader.offset == buffer.head:
                    reader.patience_seconds = PATIENCE_SECONDS
                event = entry.change.event
                if event.order_id in known and event.sequence <= known[event.order_id].sequence:
                    continue
                waiting = [entry, *buffer.from_offset(reader.offset)]
                if evaluator is None or await evaluator.evaluate(reader.offset, waiting):
                    yield entry

    def on_notification(self, order_ids: Iterable[UUID]) -> None:
        """Read these orders at once, if anybody reads."""
        if self._readers:
            self.poll_loop.notify(order_ids)

    def close(self) -> None:
        """End every stream."""
        self._buffer.close()

    def _evaluator(self, feed_filter: FeedFilter | None) -> FilterEvaluator | None:
        if feed_filter is None:
            return None
        return self._evaluators.setdefault(feed_filter.name, FilterEvaluator(feed_filter.condition))

    @contextmanager
    def _reading(self) -> Iterator[FeedReader]:
        reader = FeedReader()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            if not self._readers:
                self._low_watermark, self._progress = None, {}
                self._buffer = ReplayBuffer(0, kept=KEPT)

    async def _begin(self) -> None:
        """Start the feed: every event that can be seen now belongs to the backlog."""
        async with self._polling:
            if self._low_watermark is None:
                moment = await read_low_watermark()
                self._progress = await _read_heads(moment)
                self._low_watermark = moment

    async def _poll(self, notified: Sequence[UUID], everything: bool) -> None:
        async with self._polling:
            if self._low_watermark is None:
                return
            changed, moment = dict.fromkeys(notified), self._low_watermark
            if everything:
                moment = max(moment, await read_low_watermark())
                for order_id, head in (await _read_heads(self._low_watermark)).items():
                    if order_id not in self._progress or head.sequence > self._progress[order_id].sequence:
                        changed[order_id] = None
            for ids in in_parts(list(changed), ORDERS_AT_ONCE):
                await self._read(ids, self._low_watermark or moment)
            if self._low_watermark is not None:  # the last reader may have left meanwhile
                oldest = first_id_at(moment)
                self._low_watermark = moment
                self._progress = {key: read for key, read in self._progress.items() if read.event_id >= oldest}

    async def _read(self, order_ids: Sequence[UUID], since: datetime) -> None:
        places = [
            Q(order_id=order_id, sequence__gt=self._progress[order_id].sequence)
            if order_id in self._progress
            else Q(order_id=order_id, id__gte=first_id_at(since))
            for order_id in order_ids
        ]
        events = as_recorded(await PaymentEvent.filter(reduce(Q.__or__, places)))
        changes = await read_changes_of([event for event in events if event.payment_id is not None])
        for n in range(0, len(changes), PIECE):
            await self._make_room()
            self._buffer.append([Entry(change, since) for change in changes[n : n + PIECE]])
        for event in events:
            self._progress[event.order_id] = ChainPosition(event.sequence, event.id)

    async def _make_room(self) -> None:
        """Wait a little for readers who would be dropped: a burst is not their fault."""
        buffer = self._buffer
        limit = buffer.head + PIECE - KEPT
        while waiting := [
            reader
            for reader in self._readers
            if reader.offset is not None and buffer.start <= reader.offset < limit and reader.patience_seconds > 0
        ]:
            await asyncio.sleep(CHECK_AGAIN_SECONDS)
            for reader in waiting:
                reader.patience_seconds -= CHECK_AGAIN_SECONDS


async def read_low_watermark() -> datetime:
    """Return the low watermark: every transaction that wrote an event before it has ended.

    An event's id is made while its transaction holds the order's lock, by a clock that may be behind the database's.
    """
    [row] = await query_rows(LOW_WATERMARK, [CLOCKS_DIFFER_SECONDS])
    moment: datetime = row["moment"]
    return moment


def as_recorded(events: Sequence[PaymentEvent]) -> list[PaymentEvent]:
    """Sort by the time of recording, but each order's events by their sequence: processes' clocks differ."""
    by_time = sorted(events, key=lambda event: event.id)
    chains = {order_id: iter(chain) for order_id, chain in _chains(by_time).items()}
    return [next(chains[event.order_id]) for event in by_time]


def _chains(events: Sequence[PaymentEvent]) -> Mapping[UUID, list[PaymentEvent]]:
    chains: dict[UUID, list[PaymentEvent]] = {}
    for event in sorted(events, key=lambda event: event.sequence):
        chains.setdefault(event.order_id, []).append(event)
    return chains


async def _read_heads(moment: datetime) -> dict[UUID, ChainPosition]:
    """Return the newest event of each order that has one since this moment."""
    found = await query_rows(HEADS, [first_id_at(moment)])
    return {row["order_id"]: ChainPosition(row["sequence"], row["id"]) for row in found}


async def _read_backlog(
    since: datetime, watermark: datetime, known: dict[UUID, ChainPosition], evaluator: FilterEvaluator | None
) -> AsyncGenerator[Entry, None]:
    """Yield the changes since then page by page, without `known` ones; add those that may be read again."""
    last, oldest = first_id_at(since), first_id_at(watermark)
    while page := await PaymentEvent.filter(id__gt=last).order_by("id").limit(PAGE):
        last = page[-1].id
        events = [
            event
            for event in as_recorded([*page, *await _read_late(page)])
            if event.order_id not in known or event.sequence > known[event.order_id].sequence
        ]
        for event in events:
            if event.id >= oldest or event.id > last:
                known[event.order_id] = ChainPosition(event.sequence, event.id)
        matching = await evaluator.find_payments(events) if evaluator is not None else None
        moments = _resume_moments(events, last, watermark)
        for change, resumes_at in zip(await read_changes_of(events), moments, strict=True):
            if change.payment is not None and (matching is None or change.payment.id in matching):
                yield Entry(change, resumes_at)


def _resume_moments(events: Sequence[PaymentEvent], last: UUID, watermark: datetime) -> list[datetime]:
    """Return the `resumes_at` of each event: every change recorded before it has been read with the event."""
    places = []
    for event in reversed(events):
        last = min(last, event.id)
        places.append(min(made_at(last), watermark))
    return places[::-1]


async def _read_late(page: Sequence[PaymentEvent]) -> list[PaymentEvent]:
    """Read events that belong before those of the page, but follow it because a clock was ahead."""
    heads = {event.order_id: event.sequence for event in as_recorded(page)}
    earlier = [Q(order_id=order_id, sequence__lt=sequence) for order_id, sequence in heads.items()]
    return await PaymentEvent.filter(Q(id__gt=page[-1].id) & reduce(Q.__or__, earlier))
