"""W6: subscribers over server-sent events, and changes that another process commits.

It runs in a process of its own: `python -m benchmarks.fan_out` reads one JSON line (see `FanOut`), says `ready` when
all streams are open, begins at the next line, and answers with an `Outcome`.

A change is an event in the trail of an order and a notification, by one statement: the 20 ms in which a payment's
notifications are gathered are not in it. Latencies are from before the statement to the moment at which a subscriber
has the answer.
"""

import asyncio
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import asyncpg

from benchmarks.load import Outcome
from benchmarks.workloads import STAFF, subscription
from database.connection import parse_url
from database.notifier import CHANNEL

LAST_ANSWERS_SECONDS: Final = 10.0
OPENED_AT_ONCE: Final = 50
SEQUENCE: Final = re.compile(rb'"sequence":(\d+)')
# Orders that were paid at the first attempt: their chain has no gap.
FOLLOWED: Final = """
SELECT o.id, c.external_id FROM orders o JOIN customer c ON c.id = o.customer_id
WHERE o.external_id LIKE 'order-%' AND (SELECT count(*) FROM payment p WHERE p.order_id = o.id) = 1
ORDER BY o.id LIMIT $1
"""
CHANGE: Final = """
WITH changed AS (
  UPDATE orders SET last_sequence = last_sequence + 1, version = version + 1 WHERE id = $1 RETURNING id, last_sequence
), told AS (
  INSERT INTO payment_event (id, payment_id, sequence, type, actor, from_status, to_status, amount_minor, currency,
    before, after, occurred_at, recorded_at, previous_hash, hash, order_id)
  SELECT bench_id(clock_timestamp(), random()::text), p.id, c.last_sequence, 'payment.synced', '{"kind": "SYSTEM"}',
    p.status, p.status, p.amount_minor, 'USD', '{}', '{}', now(), now(), repeat('0', 64),
    encode(sha256((c.id::text || c.last_sequence)::bytea), 'hex'), c.id
  FROM changed c JOIN payment p ON p.order_id = c.id RETURNING sequence
)
SELECT sequence, pg_notify($2, replace($1::uuid::text, '-', '')) FROM told
"""


@dataclass(frozen=True)
class FanOut:
    """The number of subscribers and of orders, evenly spread, and the number of changes per second.

    A single subscriber of an order is its buyer; many at once are dashboards of the staff.
    """

    port: int
    url: str
    seconds: float
    subscribers: int
    orders: int
    changes_per_second: float


class Subscriber:
    """One stream, and the moments at which its changes arrived."""

    def __init__(self, order_id: Any) -> None:
        self.order_id = order_id
        self.came: dict[int, float] = {}
        self.failure = ""
        self._moved = asyncio.Event()

    async def follow(self, port: int, request: bytes) -> None:
        """Read until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                self._fail(head + await reader.read(1_000))
            while line := await reader.readline():
                if line.startswith(b"data:"):
                    self._read(line)
            self._fail(b"the stream ended")
        finally:
            writer.close()

    async def until(self, sequence: int) -> None:
        """Wait until this change or a newer one has arrived, or the stream has failed."""
        while max(self.came, default=0) < sequence and not self.failure:
            self._moved.clear()
            await self._moved.wait()

    def _read(self, line: bytes) -> None:
        found = SEQUENCE.search(line)
        if found is None or b'"errors":[{' in line:
            self._fail(line)
        else:
            self.came[int(found[1])] = time.perf_counter()
            self._moved.set()

    def _fail(self, reason: bytes) -> None:
        self.failure = self.failure or reason.decode(errors="replace")
        self._moved.set()


async def measured(plan: FanOut) -> Outcome:
    """Open all streams, wait for the start line, commit the changes on time, and wait for the last answers."""
    connection = await asyncpg.connect(**parse_url(plan.url))
    orders = await connection.fetch(FOLLOWED, plan.orders)
    readers, subscribers = await _opened(_followers(orders, plan.subscribers), plan.port)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    started = time.perf_counter()
    written = await _changes(connection, [order_id for order_id, _ in orders], plan)
    newest = dict(list(written))  # the last sequence of each order
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_ANSWERS_SECONDS):
            await asyncio.gather(*(one.until(newest.get(one.order_id, 0)) for one in subscribers))
    seconds = time.perf_counter() - started
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await connection.close()
    return _outcome(subscribers, written, seconds)


def _followers(orders: Sequence[Any], count: int) -> list[tuple[Any, bytes]]:
    """Return an order and the request to follow it, for each subscriber."""
    if len(orders) == count:
        return [(order_id, subscription(order_id, buyer, "payments:pay")) for order_id, buyer in orders]
    chosen = [orders[number % len(orders)][0] for number in range(count)]
    return [(order_id, subscription(order_id, f"dashboard-{n}", STAFF)) for n, order_id in enumerate(chosen)]


async def _opened(
    chosen: Sequence[tuple[Any, bytes]], port: int
) -> tuple[list["asyncio.Task[None]"], list[Subscriber]]:
    """Open a stream for each of these orders and requests, some at a time, until each has its first answer."""
    readers, subscribers = [], [Subscriber(order_id) for order_id, _ in chosen]
    for place in range(0, len(chosen), OPENED_AT_ONCE):
        some = slice(place, place + OPENED_AT_ONCE)
        for subscriber, (_, request) in zip(subscribers[some], chosen[some], strict=True):
            readers.append(asyncio.create_task(subscriber.follow(port, request)))
        await asyncio.gather(*(one.until(1) for one in subscribers[some]))
    return readers, subscribers


async def _changes(
    connection: "asyncpg.Connection[Any]", orders: Sequence[Any], plan: FanOut
) -> dict[tuple[Any, int], float]:
    """Commit the changes; returns the start of each, by order and sequence."""
    written = {}
    started = time.perf_counter()
    for number in range(int(plan.seconds * plan.changes_per_second)):
        await asyncio.sleep(max(started + number / plan.changes_per_second - time.perf_counter(), 0))
        order_id, at = orders[number % len(orders)], time.perf_counter()
        sequence = await connection.fetchval(CHANGE, order_id, CHANNEL)
        written[order_id, sequence] = at
    return written


def _outcome(subscribers: Sequence[Subscriber], written: dict[tuple[Any, int], float], seconds: float) -> Outcome:
    moments = defaultdict(list)
    for (order_id, sequence), at in written.items():
        moments[order_id].append((sequence, at))
    arrivals = [(one.came.get(sequence), at) for one in subscribers for sequence, at in moments[one.order_id]]
    latencies = [came - at for came, at in arrivals if came is not None]
    failures = [one.failure for one in subscribers if one.failure]
    if missing := len(arrivals) - len(latencies):
        failures.append(f"{missing} of {len(arrivals)} changes did not come")
    return Outcome.of(latencies, failed=len(failures), first_failure="".join(failures[:1]), seconds=seconds)


def main() -> None:
    """Measure one fan-out, for the process that started this one."""
    import uvloop

    plan = FanOut(**json.loads(sys.stdin.readline()))
    print(json.dumps(asdict(uvloop.run(measured(plan)))), flush=True)


if __name__ == "__main__":
    main()
