"""The janitor takes up operations whose driver died or gave up for now, and drives them to their end."""

import structlog

from models.sql import rows
from services.drive import Driver

log = structlog.get_logger()

NEXT_DUE = """
SELECT id FROM operation WHERE due <= now() ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED
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
