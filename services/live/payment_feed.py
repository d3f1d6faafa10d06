"""The feed: the changes of all payments, for the staff.

An order has a chain, the feed has none: transactions of two orders commit in another order than their events were
recorded in. So the feed remembers of each order that changed lately how far its chain has been read, and goes by time
only for the others: back to `horizon`, before which nothing can appear any more.

Promised: no gap; no repetition within one subscription; an order's events in their sequence, and those of different
orders about as they were recorded. Whoever resumes may be given again what was recorded less than about two minutes
before the place where they were.
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
from services.live.order_stream import OrderChange, changes_of, in_parts
from services.live.poll_loop import PollLoop
from services.live.replay_buffer import ReplayBuffer

KEPT: Final = 1_000  # of the newest changes
PIECE: Final = 100  # what is added to them at once
ORDERS_AT_ONCE: Final = 100  # in one statement
PAGE: Final = 100
PATIENCE_SECONDS: Final = 2.0  # how long all wait for a reader that is about to fall behind, before it has
LOOK_AGAIN_SECONDS: Final = 0.01
CLOCKS_DIFFER_SECONDS: Final = 120  # as much as a process may be wrong and still be called ready

HORIZON: Final = """
SELECT least(now(), min(xact_start)) - make_interval(secs => $1) AS moment FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL
"""
HEADS: Final = """
SELECT DISTINCT ON (order_id) order_id, sequence, id FROM payment_event WHERE id >= $1
ORDER BY order_id, sequence DESC
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A change in the feed. Everything recorded before `resumes_at` has come before it."""

    change: OrderChange
    resumes_at: datetime


@dataclass(frozen=True, slots=True)
class FeedFilter:
    """Which payments a reader wants: the condition, and its name, the same for the same condition."""

    name: str
    condition: Q


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """How far an order's chain has been read."""

    sequence: int
    event_id: UUID


@dataclass(slots=True, eq=False)
class FeedReader:
    """Where a reader of the tail is; None while it still reads what came before."""

    place: int | None = None
    patience_seconds: float = PATIENCE_SECONDS


class FilterEvaluator:
    """Says which changes a condition wants: one statement for all that wait, and for all readers who ask the same."""

    def __init__(self, condition: Q) -> None:
        self._condition = condition
        self._verdicts: dict[int, bool] = {}
        self._lock = asyncio.Lock()

    async def wants(self, number: int, waiting: Sequence[Entry]) -> bool:
        """Whether it wants the first of these entries, which has this number; the others follow it."""
        async with self._lock:
            if number not in self._verdicts:
                wanted = await self.payments([entry.change.event for entry in waiting])
                oldest = number - KEPT
                self._verdicts = {n: said for n, said in self._verdicts.items() if n >= oldest} | {
                    number + n: entry.change.event.payment_id in wanted for n, entry in enumerate(waiting)
                }
            return self._verdicts[number]

    async def payments(self, events: Sequence[PaymentEvent]) -> frozenset[UUID | None]:
        """The payments of these events that are wanted, as they are now."""
        ids = {event.payment_id for event in events}
        return frozenset(row.id for row in await Payment.filter(Q(id__in=ids) & self._condition).only("id"))


class PaymentFeed:
    """The feed of one process. It reads while it has readers."""

    def __init__(self, *, poll_seconds: float) -> None:
        self.poll_loop = PollLoop(self._look, seconds=poll_seconds)
        self._tail: ReplayBuffer[Entry] = ReplayBuffer(0, kept=KEPT)
        self._readers: set[FeedReader] = set()
        self._judges: WeakValueDictionary[str, FilterEvaluator] = WeakValueDictionary()
        self._horizon: datetime | None = None  # None while nobody reads
        self._progress: dict[UUID, ChainPosition] = {}  # of each order with an event since the horizon
        self._looking = asyncio.Lock()

    @property
    def readers(self) -> int:
        """How many there are that have read what came before."""
        return sum(reader.place is not None for reader in self._readers)

    async def follow(self, *, since: datetime | None, wanted: FeedFilter | None) -> AsyncGenerator[Entry, None]:
        """Every change of a payment from now on, or from `since` on. Raises FellBehind, and Closed."""
        judge = self._judge(wanted)
        with self._reading() as reader:
            await self._begin()
            tail, place = self._tail, self._tail.head
            known: dict[UUID, ChainPosition] = {}
            while since is not None:
                assert self._horizon is not None, "it reads while it has readers"
                horizon, place = self._horizon, tail.head
                async for entry in _backlog(since, horizon, known, judge):
                    yield entry
                since = horizon if place < tail.start else None  # more came meanwhile than is kept: read that too
            reader.place = place
            while True:
                entry = await tail.after(reader.place)
                reader.place += 1
                if reader.place == tail.head:
                    reader.patience_seconds = PATIENCE_SECONDS
                event = entry.change.event
                if event.order_id in known and event.sequence <= known[event.order_id].sequence:
                    continue
                if judge is None or await judge.wants(reader.place, [entry, *tail.from_place(reader.place)]):
                    yield entry

    def on_notification(self, order_ids: Iterable[UUID]) -> None:
        """Look at these orders at once, if anybody reads."""
        if self._readers:
            self.poll_loop.notify(order_ids)

    def close(self) -> None:
        """End every stream."""
        self._tail.close()

    def _judge(self, wanted: FeedFilter | None) -> FilterEvaluator | None:
        return self._judges.setdefault(wanted.name, FilterEvaluator(wanted.condition)) if wanted is not None else None

    @contextmanager
    def _reading(self) -> Iterator[FeedReader]:
        reader = FeedReader()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            if not self._readers:
                self._horizon, self._progress = None, {}
                self._tail = ReplayBuffer(0, kept=KEPT)

    async def _begin(self) -> None:
        """What can be seen now is the past."""
        async with self._looking:
            if self._horizon is None:
                moment = await horizon()
                self._progress = await _heads(moment)
                self._horizon = moment

    async def _look(self, notified: Sequence[UUID], everything: bool) -> None:
        async with self._looking:
            if self._horizon is None:
                return
            changed, moment = dict.fromkeys(notified), self._horizon
            if everything:
                moment = max(moment, await horizon())
                for order_id, head in (await _heads(self._horizon)).items():
                    if order_id not in self._progress or head.sequence > self._progress[order_id].sequence:
                        changed[order_id] = None
            for ids in in_parts(list(changed), ORDERS_AT_ONCE):
                await self._read(ids, self._horizon or moment)
            if self._horizon is not None:  # the last reader may have gone meanwhile
                oldest = first_id_at(moment)
                self._horizon = moment
                self._progress = {key: read for key, read in self._progress.items() if read.event_id >= oldest}

    async def _read(self, order_ids: Sequence[UUID], since: datetime) -> None:
        places = [
            Q(order_id=order_id, sequence__gt=self._progress[order_id].sequence)
            if order_id in self._progress
            else Q(order_id=order_id, id__gte=first_id_at(since))
            for order_id in order_ids
        ]
        events = as_recorded(await PaymentEvent.filter(reduce(Q.__or__, places)))
        changes = await changes_of([event for event in events if event.payment_id is not None])
        for n in range(0, len(changes), PIECE):
            await self._make_room()
            self._tail.append([Entry(change, since) for change in changes[n : n + PIECE]])
        for event in events:
            self._progress[event.order_id] = ChainPosition(event.sequence, event.id)

    async def _make_room(self) -> None:
        """Wait a little for readers who would lose their place: a burst is not their fault."""
        tail = self._tail
        limit = tail.head + PIECE - KEPT
        while waiting := [
            reader
            for reader in self._readers
            if reader.place is not None and tail.start <= reader.place < limit and reader.patience_seconds > 0
        ]:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            for reader in waiting:
                reader.patience_seconds -= LOOK_AGAIN_SECONDS


async def horizon() -> datetime:
    """The moment before which no event can appear any more: all transactions that wrote before it have ended.

    An event's id is made while its transaction holds the order's lock, by a clock that may be behind the database's.
    """
    [row] = await query_rows(HORIZON, [CLOCKS_DIFFER_SECONDS])
    moment: datetime = row["moment"]
    return moment


def as_recorded(events: Sequence[PaymentEvent]) -> list[PaymentEvent]:
    """By the time of recording, but each order's events by their sequence: two processes' clocks may differ."""
    by_time = sorted(events, key=lambda event: event.id)
    chains = {order_id: iter(chain) for order_id, chain in _chains(by_time).items()}
    return [next(chains[event.order_id]) for event in by_time]


def _chains(events: Sequence[PaymentEvent]) -> Mapping[UUID, list[PaymentEvent]]:
    chains: dict[UUID, list[PaymentEvent]] = {}
    for event in sorted(events, key=lambda event: event.sequence):
        chains.setdefault(event.order_id, []).append(event)
    return chains


async def _heads(moment: datetime) -> dict[UUID, ChainPosition]:
    """The newest event of each order that has one since this moment."""
    found = await query_rows(HEADS, [first_id_at(moment)])
    return {row["order_id"]: ChainPosition(row["sequence"], row["id"]) for row in found}


async def _backlog(
    since: datetime, horizon: datetime, known: dict[UUID, ChainPosition], judge: FilterEvaluator | None
) -> AsyncGenerator[Entry, None]:
    """What has been recorded since then, page by page, without what is `known`; what may come again becomes known."""
    place, oldest = first_id_at(since), first_id_at(horizon)
    while page := await PaymentEvent.filter(id__gt=place).order_by("id").limit(PAGE):
        place = page[-1].id
        events = [
            event
            for event in as_recorded([*page, *await _recorded_late(page)])
            if event.order_id not in known or event.sequence > known[event.order_id].sequence
        ]
        for event in events:
            if event.id >= oldest or event.id > place:
                known[event.order_id] = ChainPosition(event.sequence, event.id)
        wanted = await judge.payments(events) if judge is not None else None
        for change, resumes_at in zip(await changes_of(events), _places(events, place, horizon), strict=True):
            if change.payment is not None and (wanted is None or change.payment.id in wanted):
                yield Entry(change, resumes_at)


def _places(events: Sequence[PaymentEvent], last: UUID, horizon: datetime) -> list[datetime]:
    """For each event, the moment before which all has come when it has come."""
    places = []
    for event in reversed(events):
        last = min(last, event.id)
        places.append(min(made_at(last), horizon))
    return places[::-1]


async def _recorded_late(page: Sequence[PaymentEvent]) -> list[PaymentEvent]:
    """Events that belong before those of the page, and stand behind it because a clock was ahead."""
    heads = {event.order_id: event.sequence for event in as_recorded(page)}
    earlier = [Q(order_id=order_id, sequence__lt=sequence) for order_id, sequence in heads.items()]
    return await PaymentEvent.filter(Q(id__gt=page[-1].id) & reduce(Q.__or__, earlier))
