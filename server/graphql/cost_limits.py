"""Rate limits of a caller: cost points for everybody, and few payment attempts for buyers.

Buyers and anonymous callers draw from a bucket of their own and from one of their client address: a criminal who tests
stolen cards has many of the one or of the other. Staff and services have one wide bucket.
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

PAYING: Final = frozenset({"createPayment", "confirmPayment"})  # the mutations that test a stolen card
CONTAINERS: Final = frozenset({dict, list})


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The rates of cost points and of payment attempts."""

    buyer: Rate
    address: Rate  # wider: an office, a school or a mobile network shares one address
    staff: Rate
    payments: Rate
    address_payments: Rate


class Admission(NamedTuple):
    """The points that an operation drew before it ran; `level` is the narrowest bucket that pays for its cost."""

    executable: ExecutableOperation
    drawn: tuple[Take, ...]
    rate: Rate
    level: BucketState


class Rates:
    """Admits operations while there are points for them."""

    def __init__(self, buckets: Buckets, limits: RateLimits, *, paying: frozenset[str] = PAYING) -> None:
        self._buckets = buckets
        self._limits = limits
        self._paying = paying

    async def admit(self, executable: ExecutableOperation, origin: RequestOrigin) -> Admission:
        """Draw the operation's maximum cost. Raises RequestRefused (429, 503); then nothing is drawn."""
        costs = self._costs(executable.cost, origin)
        level = await self._take(
            costs + (self._attempts(origin) if executable.act in self._paying else ()), executable.cost
        )
        return Admission(executable, costs, costs[0].rate, level)

    async def draw(self, points: int, origin: RequestOrigin) -> None:
        """Draw points that are never refunded, for reading a document that may not run.

        Raises RequestRefused as `admit` does.
        """
        most = (self._limits.buyer if has_buyer_limits(origin.caller) else self._limits.staff).capacity
        points = min(points, int(most))
        await self._take(self._costs(points, origin), points)

    async def attach_cost(self, admission: Admission, answer: Answer) -> Answer:
        """Add the actual cost to the answer's `extensions`, and refund the points drawn beyond it."""
        asked_for = admission.executable.cost
        executable = admission.executable
        actual = min(asked_for, max(1, rows_in(answer.body.get("data"), executable.free) + executable.surcharge))
        unused = asked_for - actual
        if unused:
            await self._put_back([Take(take.key, unused, take.rate) for take in admission.drawn])
        extensions = _cost(asked_for, actual, admission.rate, admission.level.left + unused)
        return Answer(status=answer.status, body={**answer.body, "extensions": extensions}, headers=answer.headers)

    async def _take(self, takes: tuple[Take, ...], cost: int) -> BucketState:
        """Take from all buckets or from none; returns the state of the first."""
        try:
            levels = await self._buckets.take(takes)
        except DatabaseUnavailable:
            raise unavailable() from None
        short = [(take, level) for take, level in zip(takes, levels, strict=True) if not level.taken]
        if short:
            await self._put_back([take for take, level in zip(takes, levels, strict=True) if level.taken])
            raise _refused(short, _cost(cost, 0, takes[0].rate, _left(takes[0], levels[0])))
        return levels[0]

    async def _put_back(self, takes: Sequence[Take]) -> None:
        """Put points back. A failure is ignored: the bucket refills over time, and the answer must not suffer."""
        try:
            await self._buckets.put_back(takes)
        except DatabaseUnavailable as error:
            log.warning("rate.not_given_back", reason=str(error))

    def _costs(self, points: int, origin: RequestOrigin) -> tuple[Take, ...]:
        limits, cost = self._limits, float(points)
        if not has_buyer_limits(origin.caller):
            assert origin.caller is not None
            return (Take(f"staff {origin.caller.principal}", cost, limits.staff),)
        who = f"address {origin.address}" if origin.caller is None else f"buyer {origin.caller.principal}"
        return (Take(who, cost, limits.buyer), *_of_address("network", origin.address, cost, limits.address))

    def _attempts(self, origin: RequestOrigin) -> tuple[Take, ...]:
        if origin.caller is None or not has_buyer_limits(origin.caller):
            return ()  # an anonymous caller cannot pay; services may pay as often as they ask
        return (
            Take(f"payments {origin.caller.principal}", 1, self._limits.payments),
            *_of_address("payments-from", origin.address, 1, self._limits.address_payments),
        )


def has_buyer_limits(caller: Caller | None) -> bool:
    """Return True for an anonymous caller, a buyer or a view token: for all but staff and services."""
    return caller is None or not caller.is_staff


def _of_address(kind: str, address: str, amount: float, rate: Rate) -> tuple[Take, ...]:
    """List the takes from an address and, with IPv6, from the site around it."""
    own, site = Take(f"{kind} {address}", amount, rate), site_of(address)
    if site is None:
        return (own,)
    wide = Rate(rate.capacity * SITE_SHARES, rate.per_second * SITE_SHARES)
    return own, Take(f"{kind} {site}", amount, wide)


def rows_in(data: object, free: frozenset[str]) -> int:
    """Count the objects in an answer, without the outermost one and objects under a name in `free`."""
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
    """Return the tokens left in a bucket as if nothing had been drawn from it."""
    return level.left + (take.amount if level.taken else 0)


def _cost(asked_for: int, actual: int, rate: Rate, left: float) -> dict[str, object]:
    """Build the `cost` extension: the operation's cost, and the points the caller has left."""
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
