"""Health of webhook delivery, judged by events that had to be fetched and whose webhook never came."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from database.statements import query_rows
from models import EventReading

log = structlog.get_logger(__name__)

GRACE = timedelta(minutes=5)  # Stripe delivers within seconds; a poll may be faster than that
CLOCKS = timedelta(minutes=5)  # the greatest lead of Stripe's clock over ours: beyond it every webhook is refused
HOUR = timedelta(hours=1)
NEWEST = 1_000  # events of the last hour that are counted: readiness is checked every few seconds
MOST_COUNTED = 100_000

# An event is missed once it is stored, older than the grace, and without its webhook.
MISSED = """
SELECT count(*) AS count, min(stripe_created_at) AS oldest, array_agg(DISTINCT type ORDER BY type) AS types
FROM webhook_event
WHERE delivered_at IS NULL AND source = $1 AND livemode = $2 AND type = ANY($8) AND stripe_created_at > $3
  AND received_at > $4::timestamptz - $6::interval - $7::interval
  AND greatest(received_at, stripe_created_at + $6::interval) > $4
  AND greatest(received_at, stripe_created_at + $6::interval) <= $5
"""
# Events from before the first reading are history, not missed: no webhook endpoint was configured for them.
COUNT_MISSED = """
SELECT count(*) AS count FROM (
  SELECT 1 FROM webhook_event
  WHERE delivered_at IS NULL AND received_at > now() - $1::interval AND stripe_created_at < now() - $2::interval
    AND stripe_created_at > (SELECT min(created_at) FROM event_reading)
  LIMIT $3
) AS missed
"""
LATELY = """
SELECT count(*) AS events, count(delivered_at) AS delivered FROM (
  SELECT delivered_at FROM webhook_event WHERE received_at > now() - $1::interval ORDER BY received_at DESC LIMIT $2
) AS lately
"""


@dataclass(frozen=True, slots=True)
class DeliveryHealth:
    """The newest events of the last hour: all, those delivered by webhook, and those whose webhook is missing."""

    events: int
    delivered: int
    missed: int

    @property
    def share(self) -> float | None:
        """The share of events that came by webhook, 0 to 1; None without events."""
        return self.delivered / self.events if self.events else None

    @property
    def are_broken(self) -> bool:
        """True if there were events and none of them came by webhook."""
        return self.missed > 0 and self.delivered == 0


async def report_missed(reading: EventReading, types: Collection[str], *, until: datetime) -> None:
    """Log the events of these types that this reading had to fetch and whose webhooks are missing, each event once.

    `reading` is the row as it was leased: its `finished_at` is the end of the reading before.
    """
    since = reading.finished_at or reading.created_at
    values = [reading.source.value, reading.livemode, reading.created_at, since, until, GRACE, CLOCKS, list(types)]
    [missed] = await query_rows(MISSED, values)
    if missed["count"]:
        log.error(
            "webhooks.missed",
            source=reading.source.value,
            count=missed["count"],
            oldest=missed["oldest"].isoformat(),
            types=missed["types"],
        )


async def count_missed_webhooks(span: timedelta) -> int:
    """Count the stored events of the last `span` that lack their webhook; counts no further than 100,000."""
    [found] = await query_rows(COUNT_MISSED, [span, GRACE, MOST_COUNTED])
    return int(found["count"])


async def measure_delivery() -> DeliveryHealth:
    """Measure the delivery of the last hour's webhooks."""
    [seen] = await query_rows(LATELY, [HOUR, NEWEST])
    return DeliveryHealth(events=seen["events"], delivered=seen["delivered"], missed=await count_missed_webhooks(HOUR))
