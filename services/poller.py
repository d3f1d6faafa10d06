"""The poller reads Stripe's own list of events into the same inbox: nothing depends on webhooks arriving."""

from datetime import UTC, datetime, timedelta

import structlog

from provider import Provider
from services.inbox import Endpoint, receive

log = structlog.get_logger()

OVERLAP = timedelta(minutes=10)  # Stripe's list is by second of creation; a late commit must not fall between two polls


async def poll(provider: Provider, endpoint: Endpoint, *, since: datetime) -> datetime:
    """Receive every event since a moment, less the overlap; returns the moment from which to poll next."""
    started = datetime.now(UTC)
    missed = 0
    async for event in provider.events(created_since=since - OVERLAP):
        if event.type in endpoint.types:
            missed += await receive(event, endpoint)
    if missed:
        log.info("poller.found", events=missed)
    return started
