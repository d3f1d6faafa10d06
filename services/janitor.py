"""The janitor takes up operations whose driver died or gave up for now, and drives them to their end."""

import structlog

from models.sql import rows
from services.drive import Driver

log = structlog.get_logger()

OVERDUE = """
SELECT coalesce(extract(epoch FROM now() - min(due)), 0)::float8 AS lag FROM (
  SELECT due FROM operation WHERE due <= now()
  UNION ALL
  SELECT due FROM webhook_event WHERE due <= now()
) AS waiting
"""


async def drive_next(driver: Driver) -> bool:
    """Drive the operation that has been due for longest; False when none is due, or Stripe is left alone."""
    if driver.provider.rest_seconds > 0:
        return False
    operation = await driver.take_next()
    if operation is None:
        return False
    log.info("operation.resumed", operation=str(operation.id), attempt=operation.attempt)
    await driver.drive(operation, in_request=False)
    return True


async def worker_lag_seconds() -> float:
    """How long the oldest piece of work has been waiting for somebody to take it."""
    return float((await rows(OVERDUE))[0]["lag"])
