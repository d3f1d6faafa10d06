"""The janitor takes up operations whose driver died or gave up for now, and drives them to their end."""

import structlog

from models.sql import rows
from services.drive import Driver

log = structlog.get_logger()

NEXT_DUE = """
SELECT id FROM operation WHERE due <= now() ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED
"""
OVERDUE = """
SELECT coalesce(extract(epoch FROM now() - min(due)), 0)::float8 AS lag FROM (
  SELECT due FROM operation WHERE due <= now()
  UNION ALL
  SELECT due FROM webhook_event WHERE due <= now()
) AS waiting
"""


async def drive_next(driver: Driver) -> bool:
    """Drive the operation that has been due for longest; False when none is due."""
    found = await rows(NEXT_DUE)
    if not found:
        return False
    operation = await driver.take(found[0]["id"])
    if operation is None:  # another worker was faster
        return True
    log.info("operation.resumed", operation=str(operation.id), attempt=operation.attempt)
    await driver.drive(operation, in_request=False)
    return True


async def worker_lag_seconds() -> float:
    """How long the oldest piece of work has been waiting for somebody to take it."""
    return float((await rows(OVERDUE))[0]["lag"])
