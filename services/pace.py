"""The times of the machine, each with its reason."""

import random
from dataclasses import dataclass
from datetime import timedelta

BACK_OFF_SECONDS = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take. All in seconds."""

    # Longer than one Stripe call may take (20 s) and its commit, so that a live driver never loses its lease.
    lease_seconds: float = 60.0
    # For the first minute the same request is sent again; after that Stripe is asked what it has.
    unknown_grace_seconds: float = 60.0
    # Stripe forgets a key after 24 h; the same request would then be a second charge. 20 h leaves room for clocks.
    key_life_seconds: float = 72_000.0
    # A 500 is replayed under its key for ever; after 15 minutes without a trace of the act, a new key is safe.
    sticky_error_seconds: float = 900.0
    # What a caller's own request may spend on trying again before it answers "not yet".
    request_budget_seconds: float = 8.0

    def back_off(self, attempt: int) -> timedelta:
        """How long to wait after the given attempt (1, 2, …), with jitter so that replicas do not march in step."""
        longest = BACK_OFF_SECONDS[min(attempt, len(BACK_OFF_SECONDS)) - 1]
        return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
