"""Do Stripe's webhooks arrive? Events that had to be fetched, and whose webhook never came, say that they do not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from database.statements import query_rows
from models import EventReading

log = structlog.get_logger(__name__)

GRACE = timedelta(minutes=5)  # Stripe delivers within seconds; a poll may be faster than that
CLOCKS = timedelta(minutes=5)  # how far ahead of ours Stripe's clock may be: beyond that every webhook is refused
HOUR = timedelta(hours=1)
NEWEST = 1_000  # events of the last hour that are looked at: readiness is asked every few seconds
MOST_COUNTED = 100_000

# An event is missed from the moment at which it is here, is older than the grace, and its webhook is not here.
MISSED = """
SELECT count(*) AS count, min(stripe_created_at) AS oldest, array_agg(DISTINCT type ORDER BY type) AS types
FROM webhook_event
WHERE delivered_at IS NULL AND source = $1 AND livemode = $2 AND stripe_created_at > $3
  AND received_at > $4::timestamptz - $6::interval - $7::interval
  AND greatest(received_at, stripe_created_at + $6::interval) > $4
  AND greatest(received_at, stripe_created_at + $6::interval) <= $5
"""
# Events from before the first reading are history, not missed: nobody had asked for their webhooks.
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
    """The newest events of the last hour: how many, how many came by webhook, and how many should have and did not."""

    events: int
    delivered: int
    missed: int

    @property
    def share(self) -> float | None:
        """How many of the events came by webhook, 0 to 1; None without events."""
        return self.delivered / self.events if self.events else None

    @property
    def are_broken(self) -> bool:
        """Whether there were events and not one of them came by webhook."""
        return self.missed > 0 and self.delivered == 0


async def report_missed(reading: EventReading, *, until: datetime) -> None:
    """Say loudly which events this reading had to fetch and whose webhooks are missing, each event once.

    `reading` is as it was taken: its `finished_at` is the end of the reading before.
    """
    since = reading.finished_at or reading.created_at
    given = [reading.source.value, reading.livemode, reading.created_at, since, until, GRACE, CLOCKS]
    [missed] = await query_rows(MISSED, given)
    if missed["count"]:
        log.error(
            "webhooks.missed",
            source=reading.source.value,
            count=missed["count"],
            oldest=missed["oldest"].isoformat(),
            types=missed["types"],
        )


async def missed_webhooks(span: timedelta) -> int:
    """How many events of the last `span` are here without their webhook; counts no further than 100,000."""
    [found] = await query_rows(COUNT_MISSED, [span, GRACE, MOST_COUNTED])
    return int(found["count"])


async def lately() -> DeliveryHealth:
    """How the webhooks of the last hour arrived."""
    [seen] = await query_rows(LATELY, [HOUR, NEWEST])
    return DeliveryHealth(events=seen["events"], delivered=seen["delivered"], missed=await missed_webhooks(HOUR))
