"""The lag: the time that due work has waited for a worker, logged as an error when it is too long."""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from database.statements import query_rows
from services.inbox.inbox import WAITS_FOR_STRIPE

log = structlog.get_logger(__name__)

MAX_LAG_SECONDS = 120.0  # a worker that is two minutes behind is down
ALARM_SECONDS = 60.0  # at most one alarm of a process in this time
LONGEST_WAIT_SECONDS = 3600.0  # an hour is no short outage of Stripe: somebody has to check the key, or the network

OLDEST = """
SELECT what, extract(epoch FROM now() - due)::float8 AS seconds FROM (
  (SELECT 'operation ' || id AS what, due FROM operation WHERE due <= now() ORDER BY due LIMIT 1)
  UNION ALL
  (SELECT 'event ' || stripe_event_id, due FROM webhook_event WHERE due <= now() ORDER BY due LIMIT 1)
) AS waiting
ORDER BY due LIMIT 1
"""
WAITS_LONGEST = f"""
SELECT stripe_event_id, last_error, extract(epoch FROM now() - received_at)::float8 AS seconds FROM webhook_event
WHERE {WAITS_FOR_STRIPE} ORDER BY received_at LIMIT 1
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Lag:
    """The oldest due piece of work, and the seconds that it has waited for a worker."""

    seconds: float = 0.0
    oldest: str | None = None

    @property
    def is_too_long(self) -> bool:
        return self.seconds > MAX_LAG_SECONDS


class LagWatch:
    """Measures the lag, and logs a lag that is too long at most once a minute."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    async def measure(self) -> Lag:
        """Measure the lag now."""
        found = await query_rows(OLDEST)
        lag = Lag(found[0]["seconds"], found[0]["what"]) if found else Lag()
        now = asyncio.get_running_loop().time()
        if lag.is_too_long and now >= self._quiet_until:
            self._quiet_until = now + ALARM_SECONDS
            log.error("worker.lag", seconds=round(lag.seconds, 1), oldest=lag.oldest)
        return lag


async def find_long_wait() -> dict[str, Any] | None:
    """Return the event that has waited longest for Stripe, if it has waited for more than an hour."""
    found = await query_rows(WAITS_LONGEST)
    return found[0] if found and found[0]["seconds"] > LONGEST_WAIT_SECONDS else None


async def report_long_wait() -> None:
    """Log an error if an event has waited for Stripe for an hour. The event is kept however long that takes."""
    event = await find_long_wait()
    if event is not None:
        log.error(
            "webhook.waits_long",
            stripe_event=event["stripe_event_id"],
            seconds=round(event["seconds"]),
            reason=event["last_error"],
        )
