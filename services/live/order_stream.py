"""The followed orders: each change is read from the database once, for all followers of the order.

A follower reads the audit trail: an order's events are numbered without a gap, so each follower knows the next number.
A notification starts a query at once; a poll every few seconds makes up for a lost notification.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final
from uuid import UUID

from tortoise.expressions import Q

from database.row_reader import columns_of
from database.statements import fetch, read, select_joined
from models import Order, Payment, PaymentEvent
from services.live.poll_loop import PollLoop
from services.live.replay_buffer import ReplayBuffer

KEPT: Final = 64  # of an order's newest changes; most orders have fewer in their whole life
ORDERS_AT_ONCE: Final = 100  # in one statement
EVENTS_AT_ONCE: Final = 500
PAGE: Final = 50

CHANGED: Final = {"e": PaymentEvent, "o": Order, "p": Payment}
# PostgreSQL keeps its plan for one order, the usual case; for an array it plans each query anew.
AFTER: Final = """
FROM payment_event e JOIN orders o ON o.id = e.order_id LEFT JOIN payment p ON p.id = e.payment_id
WHERE e.order_id = $1 AND e.sequence > $2 ORDER BY e.sequence LIMIT $3
"""
AFTER_EACH: Final = """
FROM unnest($1::uuid[], $2::bigint[]) AS place(of_order, last_seen) CROSS JOIN LATERAL (
  SELECT {columns} FROM payment_event WHERE order_id = of_order AND sequence > last_seen ORDER BY sequence LIMIT $3
) AS e
JOIN orders o ON o.id = e.order_id LEFT JOIN payment p ON p.id = e.payment_id
ORDER BY e.order_id, e.sequence LIMIT $3
"""
BEHIND: Final = """
SELECT id FROM unnest($1::uuid[], $2::bigint[]) AS place(of_order, last_seen)
JOIN orders ON id = of_order AND last_sequence > last_seen
"""


@dataclass(frozen=True, slots=True, eq=False)
class OrderChange:
    """An event, with the order and the payment as they were read after it: they are at least as new."""

    event: PaymentEvent
    order: Order
    payment: Payment | None


@dataclass(slots=True)
class Watch:
    """The buffer of an order that is followed; entries are numbered by `sequence`."""

    buffer: ReplayBuffer[OrderChange]
    followers: int = 0


class OrderStream:
    """The orders that are followed in this process."""

    def __init__(self, *, poll_seconds: float) -> None:
        self.poll_loop = PollLoop(self._poll, seconds=poll_seconds)
        self._watches: dict[UUID, Watch] = {}

    async def follow(self, order: Order, *, after: int) -> AsyncGenerator[OrderChange, None]:
        """Yield every change of the order whose sequence is above `after`: in order, each once, without end.

        Changes that are no longer buffered are read from the database first. Raises ConsumerLagged for a follower that
        is slower than the changes, and StreamClosed.
        """
        position = after
        with self._watched(order) as buffer:
            while position < buffer.start:
                page = await _read_changes({order.id: position}, PAGE)
                assert page, "the trail ends before the order's head"
                for change in page:
                    yield change
                    position = change.event.sequence
            while True:
                change = await buffer.read_after(position)
                position = change.event.sequence
                yield change

    def on_notification(self, order_ids: Iterable[UUID]) -> None:
        """Read the followed orders among these at once."""
        if followed := [order_id for order_id in order_ids if order_id in self._watches]:
            self.poll_loop.notify(followed)

    def close(self) -> None:
        """End every stream."""
        for watch in self._watches.values():
            watch.buffer.close()

    @contextmanager
    def _watched(self, order: Order) -> Iterator[ReplayBuffer[OrderChange]]:
        watch = self._watches.get(order.id)
        if watch is None:
            watch = self._watches[order.id] = Watch(ReplayBuffer(order.last_sequence, kept=KEPT))
            self.poll_loop.notify([order.id])  # no notification was received for it since the row was read
        watch.followers += 1
        try:
            yield watch.buffer
        finally:
            watch.followers -= 1
            if not watch.followers:
                del self._watches[order.id]

    async def _poll(self, notified: Sequence[UUID], everything: bool) -> None:
        changed = [order_id for order_id in notified if order_id in self._watches]
        if everything and self._watches:
            for ids in in_parts(list(self._watches), ORDERS_AT_ONCE * 10):
                positions = self._positions(ids)
                changed += [row["id"] for row in await fetch(BEHIND, list(positions), list(positions.values()))]
        for ids in in_parts(changed, ORDERS_AT_ONCE):
            await self._read(ids)

    def _positions(self, order_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return the last sequence that was read of each order, without orders that nobody follows any more."""
        return {one: self._watches[one].buffer.head for one in order_ids if one in self._watches}

    async def _read(self, order_ids: Sequence[UUID]) -> None:
        """Read the new changes of these orders by one statement, however many follow them."""
        positions = self._positions(order_ids)
        if not positions:
            return
        changes = await _read_changes(positions, EVENTS_AT_ONCE)
        for order_id, found in groupby(changes, key=lambda change: change.event.order_id):
            self._append(order_id, list(found))
        if len(changes) == EVENTS_AT_ONCE:
            self.poll_loop.notify(order_ids)

    def _append(self, order_id: UUID, found: Sequence[OrderChange]) -> None:
        watch = self._watches.get(order_id)
        if watch is None:
            return
        fresh = [change for change in found if change.event.sequence > watch.buffer.head]
        some = fresh[: KEPT // 2]  # a follower must have time to take them
        if some and some[0].event.sequence == watch.buffer.head + 1:  # else the order was given up and is followed anew
            watch.buffer.append(some)
        if fresh and watch.buffer.head < fresh[-1].event.sequence:
            self.poll_loop.notify([order_id])


async def read_changes_of(events: Sequence[PaymentEvent]) -> list[OrderChange]:
    """Read the orders and payments of these events, as they are now."""
    payment_ids = list({event.payment_id for event in events if event.payment_id is not None})
    order_ids = list({event.order_id for event in events})
    payments = {row.id: row for row in await read(Payment, "WHERE id = ANY($1)", payment_ids)} if payment_ids else {}
    orders = {row.id: row for row in await read(Order, "WHERE id = ANY($1)", order_ids)} if order_ids else {}
    return [
        OrderChange(event, orders[event.order_id], payments[event.payment_id] if event.payment_id is not None else None)
        for event in events
    ]


async def read_newest_sequence(condition: Q) -> int:
    """Return the sequence of the newest of these events of one order; 0 when there is none."""
    newest = await PaymentEvent.filter(condition).order_by("-sequence").first()
    return newest.sequence if newest is not None else 0


def in_parts(ids: Sequence[UUID], size: int) -> Iterator[Sequence[UUID]]:
    """Split the ids into parts of this size."""
    return (ids[n : n + size] for n in range(0, len(ids), size))


async def _read_changes(positions: Mapping[UUID, int], most: int) -> list[OrderChange]:
    """Read the first changes of these orders after a sequence in each, order by order."""
    if len(positions) == 1:
        [(order_id, position)] = positions.items()
        found = await select_joined(CHANGED, AFTER, order_id, position, most)
    else:
        found = await select_joined(CHANGED, _after_each(), list(positions), list(positions.values()), most)
    return [OrderChange(*row) for row in found]


@lru_cache(maxsize=1)
def _after_each() -> str:
    return AFTER_EACH.format(columns=", ".join(columns_of(PaymentEvent)))
