"""The inbox of Stripe's events: stored once, answered at once, applied later, never lost, never applied twice."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from domain.ids import new_id
from domain.states import WebhookState
from models import WebhookEvent
from models.atomic import atomic
from models.sql import rows
from provider import StripeEvent

log = structlog.get_logger()

MAX_ATTEMPTS = 12  # with the back-off below: about five hours of trying before a person is asked
BACK_OFF_SECONDS = (1, 5, 30, 120, 600, 1800)
PARKED_FOR = timedelta(hours=24)  # an event may overtake its row; after a day it is somebody else's

# The oldest event that is due and whose payment nobody is working on: one payment's events keep their order.
TAKE = """
UPDATE webhook_event SET state = 'PROCESSING', attempt = attempt + 1, due = now() + $1 * interval '1 second'
WHERE id = (
  SELECT e.id FROM webhook_event e
  WHERE e.due <= now() AND NOT EXISTS (
    SELECT 1 FROM webhook_event busy
    WHERE busy.subject = e.subject AND busy.state = 'PROCESSING' AND busy.due > now() AND busy.id <> e.id
  )
  ORDER BY e.due, e.received_at
  LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whose events this endpoint takes."""

    livemode: bool
    account: str | None
    types: frozenset[str]


class Fenced(Exception):
    """Another worker has taken this event over."""


async def receive(event: StripeEvent, endpoint: Endpoint) -> bool:
    """Store an event, once; True if it is new. When this returns, the event is on disk and Stripe may be told so.

    Events that we do not handle, or that are not for this endpoint, are stored as IGNORED with the reason.
    """
    reason = _why_ignored(event, endpoint)
    now = datetime.now(UTC)
    row = WebhookEvent(
        id=new_id(),
        stripe_event_id=event.id,
        livemode=event.livemode,
        account=event.account,
        api_version=event.api_version,
        type=event.type[:128],
        subject=event.subject,
        payload=event.payload,
        state=WebhookState.IGNORED if reason else WebhookState.RECEIVED,
        due=None if reason else now,
        last_error=reason,
        stripe_created_at=event.created_at,
        processed_at=now if reason else None,
    )

    async def body() -> bool:
        await WebhookEvent.bulk_create([row], ignore_conflicts=True)
        return await WebhookEvent.filter(id=row.id).exists()

    is_new = await atomic(body)
    log.info("webhook.received", stripe_event=event.id, type=event.type, new=is_new, ignored=reason)
    return is_new


async def take(*, lease_seconds: float) -> WebhookEvent | None:
    """Lease the next event that is due, or None."""
    taken = await rows(TAKE, [lease_seconds])
    return await WebhookEvent.get(id=taken[0]["id"]) if taken else None


async def settle(event: WebhookEvent, state: WebhookState, reason: str | None = None) -> None:
    """Write an event's end. Runs inside the transaction that applies it; raises `Fenced` if the lease was lost."""
    now = datetime.now(UTC)
    changed = await WebhookEvent.filter(id=event.id, attempt=event.attempt, state=WebhookState.PROCESSING).update(
        state=state, due=None, processed_at=now, last_error=reason
    )
    if not changed:
        raise Fenced


async def retry(event: WebhookEvent, reason: str, *, parked: bool = False) -> WebhookState:
    """Put an event back to be tried later; after too many tries it is DEAD, visible and replayable.

    A parked event waits for its row to appear, for a day, and is then IGNORED.
    """
    given_up = datetime.now(UTC) - event.received_at > PARKED_FOR if parked else event.attempt >= MAX_ATTEMPTS
    state = WebhookState.FAILED
    due: datetime | None = datetime.now(UTC) + timedelta(
        seconds=BACK_OFF_SECONDS[min(event.attempt, len(BACK_OFF_SECONDS)) - 1]
    )
    if given_up:
        state, due = (WebhookState.IGNORED if parked else WebhookState.DEAD), None
        log.error("webhook.given_up", stripe_event=event.stripe_event_id, state=state.value, reason=reason)
    await WebhookEvent.filter(id=event.id, attempt=event.attempt, state=WebhookState.PROCESSING).update(
        state=state, due=due, last_error=reason[:255]
    )
    return state


async def replay(stripe_event_id: str) -> int:
    """Make an event due again, whatever became of it; the number of events found (0 or 1 for each mode)."""
    return await WebhookEvent.filter(stripe_event_id=stripe_event_id).update(
        state=WebhookState.RECEIVED, due=datetime.now(UTC), attempt=0, processed_at=None, last_error=None
    )


def _why_ignored(event: StripeEvent, endpoint: Endpoint) -> str | None:
    if event.livemode != endpoint.livemode:
        return "wrong mode"
    if event.account != endpoint.account and (event.account or endpoint.account):
        return "another account" if event.account is not None else None
    if event.type not in endpoint.types:
        return "a type that is not handled"
    return None
