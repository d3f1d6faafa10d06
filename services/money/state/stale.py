"""Snapshots of Stripe's that may be older than our rows."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from domain.errors import ErrorCode, ProviderProblem
from domain.states import ProviderEffect

T = TypeVar("T")

REFETCHES: Final = 5  # each one means that the row changed meanwhile; five in a row do not happen by chance


class StaleSnapshot(Exception):
    """The row changed after Stripe was asked, so the snapshot may be older than the row: fetch again."""


def synced_after(earlier: datetime | None) -> datetime:
    """Return now, or a moment after `earlier` if the clock stands before it: each merged snapshot gets a new one."""
    now = datetime.now(UTC)
    return now if earlier is None else max(now, earlier + timedelta(microseconds=1))


async def refresh_until_merged(refresh: Callable[[], Awaitable[T]], *, subject: str) -> T:
    """Repeat a refresh, which asks Stripe and merges the answer, until no change of the row comes between.

    Raises ProviderProblem, which names the `subject`, when a change has come between each time.
    """
    for _ in range(REFETCHES):
        with suppress(StaleSnapshot):
            return await refresh()
    raise ProviderProblem(
        ErrorCode.PROVIDER_UNAVAILABLE,
        f"The {subject} is changing too fast to be read. Ask again.",
        effect=ProviderEffect.NONE,
        retry_after_ms=1000,
        retryable=True,
    )
