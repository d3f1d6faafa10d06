"""The time limits and waits of operations, each with its reason."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import Operation

BACK_OFF_SECONDS: tuple[float, ...] = (1.0, 5.0, 30.0, 90.0)
# Within the first hour no operation waits longer than 90 s, so that an outage of Stripe leaves nothing undecided two
# minutes after its end. An operation still open after an hour has another cause: (open for, wait).
LATER_SECONDS: tuple[tuple[float, float], ...] = ((6 * 3600.0, 3600.0), (3600.0, 600.0))
LEAST_EXTRA_SECONDS = 1.0  # the least that is added to a pause that Stripe or the breaker asks for


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Time limits of an operation, in seconds."""

    # Longer than one Stripe call may take (20 s) and its commit, so that a live process never loses its lease.
    lease_seconds: float = 60.0
    # For the first minute the same request is sent again; after that Stripe is asked for its effect.
    unknown_grace_seconds: float = 60.0
    # Stripe forgets a key after 24 h; the same request would then be a second charge. 20 h leaves room for clocks.
    key_life_seconds: float = 72_000.0
    # A 500 is replayed under its key for ever; after 15 minutes without a trace of the effect, a new key is safe.
    sticky_error_seconds: float = 900.0
    # Until a person decides, Stripe is asked again at this interval.
    review_seconds: float = 3600.0
    # The time that a caller's own request may spend on retries before it answers OPERATION_IN_PROGRESS.
    request_budget_seconds: float = 8.0

    def leased_at(self, operation: Operation) -> datetime:
        """Return the start of the operation's lease by the database's clock, which its holder takes for now."""
        assert operation.due is not None, "an operation without a lease"
        return operation.due - timedelta(seconds=self.lease_seconds)

    @property
    def quiet_seconds(self) -> float:
        """The time after the last possible sending of a request within which it is executed, or never will be."""
        return min(self.sticky_error_seconds, self.key_life_seconds)

    def review(self) -> timedelta:
        """Return the time until an operation that needs a person is looked up again."""
        return _with_jitter(self.review_seconds)


def back_off(attempt: int, *, open_seconds: float) -> timedelta:
    """Return the wait after this attempt (1, 2, …) of an operation that has been open for `open_seconds`."""
    for since, wait in LATER_SECONDS:
        if open_seconds >= since:
            return _with_jitter(wait)
    return _with_jitter(BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS)) - 1])


def open_interval(seconds: float) -> timedelta:
    """Return the wait while Stripe or the circuit breaker asks for a pause of `seconds`."""
    return timedelta(seconds=seconds) + _with_jitter(max(LEAST_EXTRA_SECONDS, seconds / 4))


def _with_jitter(seconds: float) -> timedelta:
    """Shorten by a random part, so that replicas do not retry in step."""
    return timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
