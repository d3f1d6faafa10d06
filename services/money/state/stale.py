"""Snapshots of Stripe's that may be older than our rows."""

from datetime import UTC, datetime, timedelta


class StaleSnapshot(Exception):
    """The row changed after Stripe was asked, so the snapshot may be older than the row: fetch again."""


def synced_after(earlier: datetime | None) -> datetime:
    """Return now, or a moment after `earlier` if the clock stands before it: each merged snapshot gets a new one."""
    now = datetime.now(UTC)
    return now if earlier is None else max(now, earlier + timedelta(microseconds=1))
