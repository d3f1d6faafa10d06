"""How much a caller may ask for over time: cost points for everybody, and few attempts to pay for buyers.

Buyers and strangers draw from a bucket of their own and from one of the address that they come from; who tests stolen
cards has many of the one or of the other. The staff and services have one, and it is wide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import structlog

from database.transactions import DatabaseUnavailable
from domain.caller import Caller
from domain.errors import ErrorCode
from server.access.client_addresses import SITE_SHARES, site_of
from server.access.token_buckets import Buckets, BucketState, Rate, Take
from server.graphql.documents import ExecutableOperation
from server.http.errors import RequestRefused, refuse, unavailable
from server.http.request_context import Answer, RequestOrigin

log = structlog.stdlib.get_logger("server.rates")

PAYING: Final = frozenset({"createPayment", "confirmPayment"})  # what somebody with stolen cards would call
CONTAINERS: Final = frozenset({dict, list})


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The rates: cost points, and attempts to pay."""

    buyer: Rate
    address: Rate  # wider: an office, a school or a mobile network stands behind one
    staff: Rate
    payments: Rate
    address_payments: Rate


class Admission(NamedTuple):
    """What an operation has drawn before it ran; `level` is the narrowest bucket that pays for its cost."""

    ready: ExecutableOperation
    drawn: tuple[Take, ...]
    rate: Rate
    level: BucketState


class Rates:
    """Admits operations while there are points for them."""

    def __init__(self, buckets: Buckets, limits: RateLimits, *, paying: frozenset[str] = PAYING) -> None:
        self._buckets = buckets
        self._limits = limits
        self._paying = paying

    async def admit(self, ready: ExecutableOperation, origin: RequestOrigin) -> Admission:
        """Draw what the operation may cost at most. Raises RequestRefused (429, 503); then nothing is drawn."""
        costs = self._costs(ready.cost, origin)
        level = await self._take(costs + (self._attempts(origin) if ready.act in self._paying else ()), ready.cost)
        return Admission(ready, costs, costs[0].rate, level)

    async def draw(self, points: int, origin: RequestOrigin) -> None:
        """Draw points that never come back, for reading what may not run. Raises RequestRefused as `admit` does."""
        most = (self._limits.buyer if counts_as_buyer(origin.caller) else self._limits.staff).capacity
        points = min(points, int(most))
        await self._take(self._costs(points, origin), points)

    async def told(self, admission: Admission, answer: Answer) -> Answer:
        """The answer with what it cost in `extensions`; what was drawn beyond that goes back."""
        asked_for = admission.ready.cost
        ready = admission.ready
        actual = min(asked_for, max(1, rows_in(answer.body.get("data"), ready.free) + ready.surcharge))
        unused = asked_for - actual
        if unused:
            await self._give([Take(take.key, unused, take.rate) for take in admission.drawn])
        extensions = _cost(asked_for, actual, admission.rate, admission.level.left + unused)
        return Answer(status=answer.status, body={**answer.body, "extensions": extensions}, headers=answer.headers)

    async def _take(self, takes: tuple[Take, ...], cost: int) -> BucketState:
        """All of these or nothing; the level of the first."""
        try:
            levels = await self._buckets.take(takes)
        except DatabaseUnavailable:
            raise unavailable() from None
        short = [(take, level) for take, level in zip(takes, levels, strict=True) if not level.taken]
        if short:
            await self._give([take for take, level in zip(takes, levels, strict=True) if level.taken])
            raise _refused(short, _cost(cost, 0, takes[0].rate, _left(takes[0], levels[0])))
        return levels[0]

    async def _give(self, takes: Sequence[Take]) -> None:
        """Put back; what cannot be put back now comes back with time, and the answer does not suffer for it."""
        try:
            await self._buckets.give(takes)
        except DatabaseUnavailable as error:
            log.warning("rate.not_given_back", reason=str(error))

    def _costs(self, points: int, origin: RequestOrigin) -> tuple[Take, ...]:
        limits, cost = self._limits, float(points)
        if not counts_as_buyer(origin.caller):
            assert origin.caller is not None
            return (Take(f"staff {origin.caller.principal}", cost, limits.staff),)
        who = f"address {origin.address}" if origin.caller is None else f"buyer {origin.caller.principal}"
        return (Take(who, cost, limits.buyer), *_of_address("network", origin.address, cost, limits.address))

    def _attempts(self, origin: RequestOrigin) -> tuple[Take, ...]:
        if origin.caller is None or not counts_as_buyer(origin.caller):
            return ()  # nobody pays without a token; services may pay as often as they ask
        return (
            Take(f"payments {origin.caller.principal}", 1, self._limits.payments),
            *_of_address("payments-from", origin.address, 1, self._limits.address_payments),
        )


def counts_as_buyer(caller: Caller | None) -> bool:
    """Whether this is a stranger, a buyer or somebody who only looks at one order, and not the staff or a service."""
    return caller is None or not caller.is_staff


def _of_address(kind: str, address: str, amount: float, rate: Rate) -> tuple[Take, ...]:
    """What is drawn from an address and, with IPv6, from the site around it."""
    own, site = Take(f"{kind} {address}", amount, rate), site_of(address)
    if site is None:
        return (own,)
    wide = Rate(rate.capacity * SITE_SHARES, rate.per_second * SITE_SHARES)
    return own, Take(f"{kind} {site}", amount, wide)


def rows_in(data: object, free: frozenset[str]) -> int:
    """How many objects an answer holds, without the outermost one and those that stand under a name in `free`."""
    if not isinstance(data, dict):
        return 0
    count = -1
    waiting: list[Any] = [data]
    for item in waiting:  # it grows meanwhile
        if item.__class__ is list:
            waiting += [value for value in item if value.__class__ in CONTAINERS]
            continue
        count += 1
        for name, value in item.items():
            if value.__class__ in CONTAINERS:
                waiting.append(value)
                if name in free:
                    count -= 1 if value.__class__ is dict else sum(part.__class__ is dict for part in value)
    return count


def _left(take: Take, level: BucketState) -> float:
    """What is left in a bucket from which nothing was drawn in the end."""
    return level.left + (take.amount if level.taken else 0)


def _cost(asked_for: int, actual: int, rate: Rate, left: float) -> dict[str, object]:
    """What an answer says of its cost, and of what the caller still has."""
    throttle = {
        "maximumAvailable": rate.capacity,
        "currentlyAvailable": max(math.floor(min(rate.capacity, left)), 0),
        "restoreRate": rate.per_second,
    }
    return {"cost": {"requestedQueryCost": asked_for, "actualQueryCost": actual, "throttleStatus": throttle}}


def _refused(short: list[tuple[Take, BucketState]], cost: dict[str, object]) -> RequestRefused:
    seconds = max(math.ceil((take.amount - level.left) / take.rate.per_second) for take, level in short)
    log.warning("rate.limited", buckets=sorted(take.key.partition(" ")[0] for take, _ in short), seconds=seconds)
    return refuse(
        f"Too much was asked for lately. Nothing was done, and the key is still free. Try again in {seconds} s.",
        reason=ErrorCode.RATE_LIMITED.value,
        status=429,
        headers={"Retry-After": str(max(seconds, 1))},
        retryable=True,
        extensions=cost,
    )
