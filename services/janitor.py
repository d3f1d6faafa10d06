"""The janitor takes up operations whose driver died or gave up for now, and drives them to their end."""

import structlog

from services.drive import Driver

log = structlog.get_logger(__name__)


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
