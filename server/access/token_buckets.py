"""Token buckets: what is taken comes back with time. In this process, or in PostgreSQL for all replicas."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from database.statements import query_rows

REMEMBERED: Final = 20_000  # buckets of each kind in a process, about 6 MB
NEWCOMERS: Final = ""  # the key of those for whom there is no room
LOOKED_AT: Final = 8  # old buckets for each new one, when there is no room: a look costs less than a microsecond
TAKES_BETWEEN_SWEEPS: Final = 5_000

# One statement for all that a request takes: taken where there is enough, and told otherwise. In the order of their
# keys, so that two requests never wait for each other.
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
# A bucket that is full again says nothing that a new one would not.
SWEEP: Final = "DELETE FROM rate_bucket WHERE at + (capacity - level) / per_second * interval '1 second' < now()"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `capacity` at once, and `per_second` in the long run."""

    capacity: float
    per_second: float


class Take(NamedTuple):
    """What is to be taken from one bucket: never more than it can hold."""

    key: str
    amount: float
    rate: Rate


class BucketState(NamedTuple):
    """What is left in a bucket after a take, and whether there was enough for it; if not, nothing was taken."""

    left: float
    taken: bool


class Buckets(Protocol):
    """Where buckets are kept."""

    async def take(self, takes: Sequence[Take]) -> list[BucketState]:
        """Take from each bucket what there is enough of, one level for each."""
        ...

    async def give(self, takes: Sequence[Take]) -> None:
        """Put back what was taken and not used."""
        ...


class ProcessBuckets:
    """Buckets of this process. Two replicas let through twice as much.

    The first word of a key is its kind, and each kind has room of its own: whoever comes from many addresses takes no
    room of buyers who are known by name. Where there is none left, only a bucket that is full again is forgotten, for
    it says nothing that a new one would not. If there is no such one, newcomers share one bucket: a flood of them
    wipes out nobody's.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    async def take(self, takes: Sequence[Take]) -> list[BucketState]:
        now = time.monotonic()
        return [self._kind(take).take(take, now) for take in takes]

    async def give(self, takes: Sequence[Take]) -> None:
        for take in takes:
            self._kind(take).give(take)

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def _kind(self, take: Take) -> "_Kind":
        name = take.key.partition(" ")[0]
        if (kind := self._kinds.get(name)) is None:
            kind = self._kinds[name] = _Kind()
        return kind


class _Kind:
    """The buckets of one kind, those that were asked longest ago first: level, its moment, and the rate."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float, Rate]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, take: Take, now: float) -> BucketState:
        """Take what there is enough of."""
        key = self._key(take.key, now)
        known = self._buckets.pop(key, None)
        level = take.rate.capacity if known is None else _refilled(known[0], known[1], take.rate, now)
        taken = level >= take.amount
        level -= take.amount if taken else 0.0
        self._buckets[key] = (level, now, take.rate)
        return BucketState(level, taken)

    def give(self, take: Take) -> None:
        """Put back; what the bucket of all newcomers was given is not worth keeping apart."""
        if (known := self._buckets.get(take.key)) is not None:
            level, at, rate = known
            self._buckets[take.key] = (min(take.rate.capacity, level + take.amount), at, rate)

    def _key(self, key: str, now: float) -> str:
        """The key under which a bucket is kept: its own where it is known, or there is room."""
        if key in self._buckets or len(self._buckets) < REMEMBERED or self._makes_room(now):
            return key
        return NEWCOMERS

    def _makes_room(self, now: float) -> bool:
        """Forget the full ones of the few that were asked longest ago; the others are looked at again much later."""
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
    """Buckets of all replicas, by the database's clock. Keys are kept as hashes: they are names and addresses."""

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

    async def give(self, takes: Sequence[Take]) -> None:
        await query_rows(GIVE, [[_hashed(take.key) for take in takes], [take.amount for take in takes]])


def _hashed(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
