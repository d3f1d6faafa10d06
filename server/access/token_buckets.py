"""Token buckets: tokens that are taken refill over time. Kept in this process, or in PostgreSQL for all replicas."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from database.statements import query_rows

REMEMBERED: Final = 20_000  # buckets of each kind in a process, about 6 MB
NEWCOMERS: Final = ""  # the shared key of clients that no bucket of their own is left for
LOOKED_AT: Final = 8  # old buckets examined for each new one when there is no space: each takes less than 1 µs
TAKES_BETWEEN_SWEEPS: Final = 5_000

# One statement for all buckets of a request: tokens are taken where there are enough, and otherwise only reported. In
# the order of their keys, so that two requests never deadlock.
TAKE: Final = """
WITH asked AS (
  SELECT key, amount, capacity, per_second
  FROM unnest($1::text[], $2::float8[], $3::float8[], $4::float8[]) AS a(key, amount, capacity, per_second)
  ORDER BY key
)
INSERT INTO rate_bucket AS b (key, level, capacity, per_second, taken, at)
SELECT key, capacity - amount, capacity, per_second, true, clock_timestamp() FROM asked
ON CONFLICT (key) DO UPDATE SET
  (level, taken) = (
    SELECT CASE WHEN enough THEN now_there - asked_for ELSE now_there END, enough
    FROM (
      SELECT now_there, asked_for, now_there >= asked_for AS enough
      FROM (
        SELECT
          least(excluded.capacity, b.level + extract(epoch FROM excluded.at - b.at) * excluded.per_second) AS now_there,
          excluded.capacity - excluded.level AS asked_for
      ) AS refilled
    ) AS judged
  ),
  capacity = excluded.capacity, per_second = excluded.per_second, at = excluded.at
RETURNING key, level, taken
"""
GIVE: Final = """
UPDATE rate_bucket b SET level = least(capacity, level + given.amount)
FROM unnest($1::text[], $2::float8[]) AS given(key, amount) WHERE b.key = given.key
"""
# A bucket that is full again is equivalent to a new one.
SWEEP: Final = "DELETE FROM rate_bucket WHERE at + (capacity - level) / per_second * interval '1 second' < now()"


@dataclass(frozen=True, slots=True)
class Rate:
    """A refill rate: at most `capacity` at once, and `per_second` in the long run."""

    capacity: float
    per_second: float


class Take(NamedTuple):
    """A number of tokens to take from one bucket: never more than the bucket can hold."""

    key: str
    amount: float
    rate: Rate


class BucketState(NamedTuple):
    """The tokens left in a bucket after a take, and whether there were enough; if not, nothing was taken."""

    left: float
    taken: bool


class Buckets(Protocol):
    """The interface of a store of token buckets."""

    async def take(self, takes: Sequence[Take]) -> list[BucketState]:
        """Take from each bucket that has enough, and return the state of each."""
        ...

    async def put_back(self, takes: Sequence[Take]) -> None:
        """Put back tokens that were taken and not used."""
        ...


class ProcessBuckets:
    """Buckets in this process. Two replicas let through twice as much.

    The first word of a key is its kind, and each kind has space of its own: clients with many addresses take no space
    from buyers, who are known by name. When a kind is full, only a bucket that has refilled is forgotten, for it is
    equivalent to a new one. If none has refilled, new clients share one bucket: a flood of them resets nobody's bucket.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    async def take(self, takes: Sequence[Take]) -> list[BucketState]:
        now = time.monotonic()
        return [self._kind(take).take(take, now) for take in takes]

    async def put_back(self, takes: Sequence[Take]) -> None:
        for take in takes:
            self._kind(take).put_back(take)

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def _kind(self, take: Take) -> "_Kind":
        name = take.key.partition(" ")[0]
        if (kind := self._kinds.get(name)) is None:
            kind = self._kinds[name] = _Kind()
        return kind


class _Kind:
    """The buckets of one kind, least recently used first: level, moment of that level, and rate."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float, Rate]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, take: Take, now: float) -> BucketState:
        """Take the tokens if there are enough."""
        key = self._key(take.key, now)
        known = self._buckets.pop(key, None)
        level = take.rate.capacity if known is None else _refilled(known[0], known[1], take.rate, now)
        taken = level >= take.amount
        level -= take.amount if taken else 0.0
        self._buckets[key] = (level, now, take.rate)
        return BucketState(level, taken)

    def put_back(self, take: Take) -> None:
        """Put tokens back. The bucket that new clients share gets none: its takes are not tracked by client."""
        if (known := self._buckets.get(take.key)) is not None:
            level, at, rate = known
            self._buckets[take.key] = (min(take.rate.capacity, level + take.amount), at, rate)

    def _key(self, key: str, now: float) -> str:
        """Return the key a bucket is kept under: its own when it is known or there is space, else the shared one."""
        if key in self._buckets or len(self._buckets) < REMEMBERED or self._makes_room(now):
            return key
        return NEWCOMERS

    def _makes_room(self, now: float) -> bool:
        """Forget the full ones among the least recently used few; the others move to the end and are examined later."""
        has_room = False
        for _ in range(LOOKED_AT):
            key, (level, at, rate) = self._buckets.popitem(last=False)
            if key != NEWCOMERS and _refilled(level, at, rate, now) >= rate.capacity:
                has_room = True
            else:
                self._buckets[key] = (level, at, rate)
        return has_room


def _refilled(level: float, at: float, rate: Rate, now: float) -> float:
    return min(rate.capacity, level + (now - at) * rate.per_second)


class DatabaseBuckets:
    """Buckets shared by all replicas, on the database's clock.

    Keys are stored as hashes: they are names and addresses.
    """

    def __init__(self) -> None:
        self._takes = 0

    async def take(self, takes: Sequence[Take]) -> list[BucketState]:
        keys = [_hashed(take.key) for take in takes]
        amounts, rates = [take.amount for take in takes], [take.rate for take in takes]
        found = await query_rows(
            TAKE, [keys, amounts, [rate.capacity for rate in rates], [rate.per_second for rate in rates]]
        )
        levels = {row["key"]: BucketState(row["level"], row["taken"]) for row in found}
        self._takes += 1
        if self._takes % TAKES_BETWEEN_SWEEPS == 0:
            await query_rows(SWEEP)
        return [levels[key] for key in keys]

    async def put_back(self, takes: Sequence[Take]) -> None:
        await query_rows(GIVE, [[_hashed(take.key) for take in takes], [take.amount for take in takes]])


def _hashed(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
