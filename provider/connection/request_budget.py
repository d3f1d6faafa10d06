"""The request budget: the number of requests to Stripe in a second, and their priorities."""

import asyncio
import heapq
import math
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import Final

from provider.failures import Outcome, ProviderFailure

BURST_SECONDS: Final = 1.0  # a bucket holds the tokens of one second
LONGEST_WAIT_SECONDS: Final = 5.0  # a client may be waiting for the answer
LONGEST_POLL_WAIT_SECONDS: Final = 60.0  # nobody waits for a poll
THROTTLED_HERE: Final = "throttled_here"


class Priority(IntEnum):
    """The order of turns: payments, refunds, the workers' lookups and polls, and last the readers, who delay nobody."""

    PAY = 0
    REFUND = 1
    LOOK_UP = 2
    POLL = 3
    READ = 4


class Bucket:
    """A token bucket: `per_second` tokens a second, at most a second's worth of them at once."""

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST_SECONDS)
        self._tokens = self._most
        self._filled_at = now

    def wait_seconds(self, now: float) -> float:
        """Return the seconds until there is a token; 0 when there is one."""
        self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        return max(0.0, (1.0 - self._tokens) / self._per_second)

    def take(self) -> None:
        self._tokens -= 1.0


@dataclass(order=True, slots=True)
class _Waiting:
    priority: Priority
    number: int
    endpoint: str = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Budget:
    """One account's requests: a limit for all, a limit for each endpoint; the urgent ones first.

    Stripe's own limits are for the whole account, so several processes share them by their settings. `math.inf` is no
    limit.
    """

    def __init__(self, *, per_second: float = math.inf, per_endpoint: float = math.inf) -> None:
        self._per_endpoint = per_endpoint
        self._account = Bucket(per_second, 0.0) if per_second < math.inf else None
        self._endpoints: dict[str, Bucket] = {}
        self._waiting: list[_Waiting] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, priority: Priority, endpoint: str) -> None:
        """Wait for a turn. Raises ProviderFailure(THROTTLED) when it does not come in time: nothing was sent then."""
        if not self._waiting and self._wait_seconds(endpoint) <= 0.0:
            self._spend(endpoint)
            return
        waiting = _Waiting(priority, next(self._numbers), endpoint, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, waiting)
        self._give_turns()
        longest = LONGEST_POLL_WAIT_SECONDS if priority is Priority.POLL else LONGEST_WAIT_SECONDS
        try:
            await asyncio.wait_for(waiting.turn, longest)
        except TimeoutError:
            raise ProviderFailure(Outcome.THROTTLED, code=THROTTLED_HERE, retry_after_seconds=longest) from None

    def _give_turns(self) -> None:
        """Give each available turn to the most urgent request that can use it, and schedule the next round."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        kept: list[_Waiting] = []
        soonest = math.inf
        while self._waiting:
            waiting = heapq.heappop(self._waiting)
            if waiting.turn.done():  # it timed out, or its caller is gone
                continue
            wait = self._wait_seconds(waiting.endpoint)
            if wait <= 0.0:
                self._spend(waiting.endpoint)
                waiting.turn.set_result(None)
                continue
            kept.append(waiting)
            soonest = min(soonest, wait)
        self._waiting = kept  # popped in order, so it is a heap already
        if kept:
            self._timer = asyncio.get_running_loop().call_later(soonest, self._give_turns)

    def _wait_seconds(self, endpoint: str) -> float:
        now = asyncio.get_running_loop().time()
        return max((bucket.wait_seconds(now) for bucket in self._buckets(endpoint, now)), default=0.0)

    def _spend(self, endpoint: str) -> None:
        for bucket in self._buckets(endpoint, asyncio.get_running_loop().time()):
            bucket.take()

    def _buckets(self, endpoint: str, now: float) -> list[Bucket]:
        found = [self._account] if self._account is not None else []
        if self._per_endpoint < math.inf:
            if endpoint not in self._endpoints:
                self._endpoints[endpoint] = Bucket(self._per_endpoint, now)
            found.append(self._endpoints[endpoint])
        return found
