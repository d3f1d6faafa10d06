"""The circuit breaker: while Stripe does not answer, one call at a time tries it, and all others fail at once."""

import time
from collections.abc import Callable
from typing import Final

import structlog

from provider.failures import Outcome, ProviderFailure

log = structlog.get_logger(__name__)

OPEN_AFTER: Final = 5  # calls in a row without an answer
FIRST_OPEN_SECONDS: Final = 1.0
LONGEST_OPEN_SECONDS: Final = 30.0  # so that the end of an outage is noticed well within a minute
CIRCUIT_OPEN: Final = "circuit_open"


class Breaker:
    """Closed while Stripe answers; open after five unanswered calls in a row; then one call at a time is let through.

    An open circuit refuses a call before anything is sent. A decline or a refusal is an answer; no connection, a
    timeout, a 5xx and a 429 are none.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._unanswered = 0
        self._open_interval_seconds = FIRST_OPEN_SECONDS
        self._closed_again_at: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        return self._closed_again_at is not None

    @property
    def open_seconds(self) -> float:
        """The seconds for which no call is let through; 0 when the next one is."""
        if self._closed_again_at is None:
            return 0.0
        left = max(0.0, self._closed_again_at - self._clock())
        return left if left > 0 or not self._trying else FIRST_OPEN_SECONDS

    def check(self) -> None:
        """Raise ProviderFailure(UNREACHABLE) while no call is let through: nothing was sent then."""
        if (wait := self.open_seconds) > 0:
            raise ProviderFailure(Outcome.UNREACHABLE, code=CIRCUIT_OPEN, retry_after_seconds=wait)

    def enter(self) -> None:
        """Let a call through; it is the trial call if the circuit is open. Raises as `check` does."""
        self.check()
        self._trying = self.is_open

    def answered(self) -> None:
        """Record an answered call, and close the circuit."""
        if self._closed_again_at is not None:
            log.warning("stripe.circuit_closed")
        self._unanswered, self._open_interval_seconds = 0, FIRST_OPEN_SECONDS
        self._closed_again_at, self._trying = None, False

    def not_answered(self) -> None:
        """Record an unanswered call, and open the circuit after the fifth in a row."""
        self._unanswered += 1
        if self._closed_again_at is None and self._unanswered < OPEN_AFTER:
            return
        if self._closed_again_at is None:
            log.error("stripe.circuit_open", unanswered=self._unanswered)
        elif not self._trying:
            return  # the call was sent before the circuit opened
        else:
            self._open_interval_seconds = min(2 * self._open_interval_seconds, LONGEST_OPEN_SECONDS)
        self._closed_again_at, self._trying = self._clock() + self._open_interval_seconds, False

    def abandoned(self) -> None:
        """Record a call whose caller gave it up: it proves nothing, and another call may try."""
        self._trying = False
