"""The times of the machine, each with its reason."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import Operation

BACK_OFF_SECONDS: tuple[float, ...] = (1.0, 5.0, 30.0, 90.0)
# Within the first hour nobody waits longer than those 90 s, so that what an outage of Stripe left undecided is decided
# two minutes after its end. What is still open then is no outage: (open for, wait).
LATER_SECONDS: tuple[tuple[float, float], ...] = ((6 * 3600.0, 3600.0), (3600.0, 600.0))
REST_SECONDS = 1.0  # what is added at least to a rest that somebody else asks for


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long things may take. All in seconds."""

    # Longer than one Stripe call may take (20 s) and its commit, so that a live driver never loses its lease.
    lease_seconds: float = 60.0
    # For the first minute the same request is sent again; after that Stripe is asked what it has.
    unknown_grace_seconds: float = 60.0
    # Stripe forgets a key after 24 h; the same request would then be a second charge. 20 h leaves room for clocks.
    key_life_seconds: float = 72_000.0
    # A 500 is replayed under its key for ever; after 15 minutes without a trace of the act, a new key is safe.
    sticky_error_seconds: float = 900.0
    # A person has been called; meanwhile Stripe is asked again from time to time.
    review_seconds: float = 3600.0
    # What a caller's own request may spend on trying again before it answers "not yet".
    request_budget_seconds: float = 8.0

    def leased_at(self, operation: Operation) -> datetime:
        """When the operation's lease began, by the database's clock: now, for its holder, as leases are short."""
        assert operation.due is not None, "an operation without a lease"
        return operation.due - timedelta(seconds=self.lease_seconds)

    @property
    def quiet_seconds(self) -> float:
        """The time after the last moment at which a request may leave, in which it is carried out or never will be."""
        return min(self.sticky_error_seconds, self.key_life_seconds)

    def review(self) -> timedelta:
        """How long until an operation that needs a person is looked at again."""
        return _about(self.review_seconds)


def back_off(attempt: int, *, open_seconds: float) -> timedelta:
    """The wait after the given attempt (1, 2, …) of what has been open for so long."""
    for since, wait in LATER_SECONDS:
        if open_seconds >= since:
            return _about(wait)
    return _about(BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS)) - 1])


def rest(seconds: float) -> timedelta:
    """The wait when Stripe, or the circuit breaker, wants to be left alone for so long."""
    return timedelta(seconds=seconds) + _about(max(REST_SECONDS, seconds / 4))


def _about(seconds: float) -> timedelta:
    """So long, with jitter: replicas must not march in step."""
    return timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
