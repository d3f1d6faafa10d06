"""Token buckets: what is taken comes back with time. In this process, or in PostgreSQL for all replicas."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from models.sql import rows

REMEMBERED: Final = 50_000  # buckets of a process, about 15 MB; the one that was asked longest ago is forgotten
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


class Level(NamedTuple):
    """What is left in a bucket after a take, and whether there was enough for it; if not, nothing was taken."""

    left: float
    taken: bool


class Buckets(Protocol):
    """Where buckets are kept."""

    async def take(self, takes: Sequence[Take]) -> list[Level]:
        """Take from each bucket what there is enough of, one level for each."""
        ...

    async def give(self, takes: Sequence[Take]) -> None:
        """Put back what was taken and not used."""
        ...


class ProcessBuckets:
    """Buckets of this process. Two replicas let through twice as much."""

    def __init__(self) -> None:
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, takes: Sequence[Take]) -> list[Level]:
        now = time.monotonic()
        return [self._take(take, now) for take in takes]

    async def give(self, takes: Sequence[Take]) -> None:
        for take in takes:
            if take.key in self._levels:
                level, at = self._levels[take.key]
                self._levels[take.key] = (min(take.rate.capacity, level + take.amount), at)

    def __len__(self) -> int:
        return len(self._levels)

    def _take(self, take: Take, now: float) -> Level:
        level, at = self._levels.pop(take.key, (take.rate.capacity, now))
        level = min(take.rate.capacity, level + (now - at) * take.rate.per_second)
        taken = level >= take.amount
        level -= take.amount if taken else 0.0
        self._levels[take.key] = (level, now)
        if len(self._levels) > REMEMBERED:
            self._levels.popitem(last=False)
        return Level(level, taken)


class DatabaseBuckets:
    """Buckets of all replicas, by the database's clock. Keys are kept as hashes: they are names and addresses."""

    def __init__(self) -> None:
        self._takes = 0

    async def take(self, takes: Sequence[Take]) -> list[Level]:
        keys = [_hashed(take.key) for take in takes]
        amounts, rates = [take.amount for take in takes], [take.rate for take in takes]
        found = await rows(
            TAKE, [keys, amounts, [rate.capacity for rate in rates], [rate.per_second for rate in rates]]
        )
        levels = {row["key"]: Level(row["level"], row["taken"]) for row in found}
        self._takes += 1
        if self._takes % TAKES_BETWEEN_SWEEPS == 0:
            await rows(SWEEP)
        return [levels[key] for key in keys]

    async def give(self, takes: Sequence[Take]) -> None:
        await rows(GIVE, [[_hashed(take.key) for take in takes], [take.amount for take in takes]])


def _hashed(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
