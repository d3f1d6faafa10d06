"""The inbox of Stripe's events: stored once, answered at once, applied later, never lost, never applied twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import structlog
from tortoise.queryset import QuerySet

from database.leases import TAKEN, LeaseLost
from database.statements import change_rows, fetch, query_rows
from database.transactions import DatabaseUnavailable, atomic
from domain.ids import new_hex
from domain.states import EventSource, WebhookState
from models import WebhookEvent
from provider import ProviderFailure, StripeEvent
from services.inbox.redundant_events import already_applied
from services.retry_policy import back_off, rest

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 12  # tries that Stripe answered; with the back-off below five hours before a person is asked
MOST_TAKES = 60  # an event that was taken so often and never put back ends the process that applies it
BACK_OFF_SECONDS = (1, 5, 30, 120, 600, 1800)
PARKED_FOR = timedelta(hours=24)  # an event may overtake its row; after a day it is somebody else's
MOST_AT_ONCE = 100  # events of one payment; more than Stripe makes of a payment's whole life

# All that is due of the payment that has waited longest and that nobody is working on: one look at Stripe answers
# every event that was received before it. What is received later is due by itself, after this lease.
TAKE = f"""
WITH next AS (
  SELECT e.subject FROM webhook_event e
  WHERE e.due <= now() AND NOT EXISTS (
    SELECT 1 FROM webhook_event busy
    WHERE busy.subject = e.subject AND busy.state = 'PROCESSING' AND busy.due > now() AND busy.id <> e.id
  )
  ORDER BY e.due, e.received_at
  LIMIT 1 FOR UPDATE SKIP LOCKED
), mine AS (
  SELECT e.id FROM webhook_event e JOIN next ON next.subject = e.subject
  WHERE e.due <= now()
  ORDER BY e.due, e.received_at
  LIMIT $2 FOR UPDATE OF e SKIP LOCKED
)
UPDATE webhook_event SET state = 'PROCESSING', tries = tries + 1, {TAKEN}
WHERE id IN (SELECT id FROM mine)
"""  # noqa: S608 - built from our own words
# Whoever put it back had its lease. A wait for Stripe takes back the try that taking it had counted.
PUT_BACK = """
UPDATE webhook_event SET
  state = 'FAILED', tries = tries - $3, due = now() + $4::interval, last_error = $5
WHERE id = $1 AND attempt = $2 AND state = 'PROCESSING'
"""
# Only ever put back because Stripe could not be asked.
WAITS_FOR_STRIPE: Final = "state = 'FAILED' AND tries = 0"
TAKE_UP = f"""
UPDATE webhook_event SET due = now() WHERE id = ANY($1::uuid[]) AND due > now() AND {WAITS_FOR_STRIPE}
"""  # noqa: S608 - our own words
# What is given of an event, in the order of `_values`, with the types of its columns.
STORED: Final = {
    "id": "uuid",
    "stripe_event_id": "varchar",
    "livemode": "boolean",
    "account": "varchar",
    "api_version": "varchar",
    "type": "varchar",
    "source": "varchar",
    "subject": "varchar",
    "payload": "jsonb",
    "last_error": "varchar",
    "stripe_created_at": "timestamptz",
    "state": "varchar",
}
# What the database's clock says. An event that is told already is stored as one that is applied.
MOMENTS: Final = {
    "received_at": "now()",
    "delivered_at": "CASE WHEN {source} = 'WEBHOOK' THEN now() END",
    "due": "CASE WHEN {state} = 'RECEIVED' THEN now() END",
    "processed_at": "CASE WHEN {state} <> 'RECEIVED' THEN now() END",
}
IF_TOLD: Final = {
    "state": "CASE WHEN EXISTS (SELECT FROM told) THEN 'PROCESSED' ELSE {state} END",
    "due": "CASE WHEN {state} = 'RECEIVED' AND NOT EXISTS (SELECT FROM told) THEN now() END",
    "processed_at": "CASE WHEN {state} <> 'RECEIVED' OR EXISTS (SELECT FROM told) THEN now() END",
}
DELIVERED = """
UPDATE webhook_event SET delivered_at = now() WHERE stripe_event_id = $1 AND livemode = $2 AND delivered_at IS NULL
"""
REPLAY = "UPDATE webhook_event SET state = 'RECEIVED', due = now(), tries = 0, processed_at = NULL, last_error = NULL"
SETTLE = """
UPDATE webhook_event e SET state = $3, due = NULL, processed_at = now(), last_error = $4
FROM unnest($1::uuid[], $2::int[]) AS held(id, attempt)
WHERE e.id = held.id AND e.attempt = held.attempt AND e.state = 'PROCESSING'
RETURNING e.id
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whose events this endpoint takes."""

    livemode: bool
    account: str | None
    types: frozenset[str]


async def receive(event: StripeEvent, endpoint: Endpoint, source: EventSource = EventSource.WEBHOOK) -> bool:
    """Store an event, once; True if it is new. When this returns, the event is on disk and Stripe may be told so.

    Events that we do not handle, or that are not for this endpoint, are stored as IGNORED with the reason. A webhook
    that comes after the event itself was fetched is noted on it: it was late, not missing. What our row holds already
    is stored as PROCESSED.
    """
    reason = _why_ignored(event, endpoint)
    known, given = (reason is None and already_applied(event)) or ("", ())
    statement, values = _storing(known, len(given)), (*given, *_values(event, source, reason))

    async def body() -> bool:
        if await fetch(statement, *values):
            return True
        if source is EventSource.WEBHOOK:
            await query_rows(DELIVERED, [event.id, event.livemode])
        return False

    try:
        is_new = await body()  # each statement is whole by itself, and may come twice
    except DatabaseUnavailable as trouble:
        if not trouble.lost:
            raise
        is_new = await atomic(body)  # tries other connections
    log.info("webhook.received", stripe_event=event.id, type=event.type, new=is_new, ignored=reason)
    return is_new


async def unknown(events: Sequence[StripeEvent]) -> list[StripeEvent]:
    """Those of these events that the inbox does not have, by one statement.

    Stripe has just told of the others: those that wait because it could not be asked are due at once.
    """
    if not events:
        return []
    found = WebhookEvent.filter(stripe_event_id__in=[event.id for event in events])
    listed = await found.values_list("stripe_event_id", "livemode", "id", "state", "tries")
    if waiting := [row for _, _, row, state, tries in listed if state is WebhookState.FAILED and tries == 0]:
        await fetch(TAKE_UP, waiting)
    known = {(stripe_event_id, livemode) for stripe_event_id, livemode, *_ in listed}
    return [event for event in events if (event.id, event.livemode) not in known]


async def store(events: Sequence[StripeEvent], endpoint: Endpoint, source: EventSource) -> None:
    """Store fetched events, as `receive` does, by one statement. Runs inside a transaction."""
    values = [_values(event, source, _why_ignored(event, endpoint)) for event in events]
    await fetch(_storing_all(), *(list(column) for column in zip(*values, strict=True)))


async def take(*, lease_seconds: float) -> list[WebhookEvent]:
    """Lease the events of one payment that are due, oldest first; none when nothing is due."""
    taken = await change_rows(WebhookEvent, TAKE, lease_seconds, MOST_AT_ONCE)
    events = sorted(taken, key=lambda event: (event.stripe_created_at, event.received_at))
    for event in events:
        if event.tries > MOST_TAKES:
            await _give_up(event, WebhookState.DEAD, "every process that took it ended before it was applied")
    return [event for event in events if event.tries <= MOST_TAKES]


async def settle(events: Sequence[WebhookEvent], state: WebhookState, reason: str | None = None) -> None:
    """Write the end of these events. Runs inside the transaction that applies them.

    Raises `LeaseLost`, so that nothing of it is written, if the lease of one of them was lost.
    """
    held = [[event.id for event in events], [event.attempt for event in events]]
    if len(await query_rows(SETTLE, [*held, state.value, reason])) < len(events):
        raise LeaseLost


async def retry(event: WebhookEvent, reason: str, *, parked: bool = False) -> None:
    """Put an event back to be tried later; after too many tries it is DEAD, visible and replayable.

    A parked event waits for its row to appear, for a day, and is then IGNORED.
    """
    if parked and _age(event) > PARKED_FOR:
        await _give_up(event, WebhookState.IGNORED, reason)
    elif not parked and event.tries >= MAX_ATTEMPTS:
        await _give_up(event, WebhookState.DEAD, reason)
    else:
        wait = timedelta(seconds=BACK_OFF_SECONDS[min(event.tries, len(BACK_OFF_SECONDS)) - 1])
        await fetch(PUT_BACK, event.id, event.attempt, 0, wait, reason[:255])


async def wait_for_stripe(event: WebhookEvent, failure: ProviderFailure) -> None:
    """Put an event back because Stripe could not be asked: no try, however often and however long.

    Within an hour of its arrival it waits 90 seconds at most; later longer, until a poll that succeeds takes it up.
    """
    wait = (
        rest(failure.retry_after_seconds)
        if failure.retry_after_seconds is not None
        else back_off(event.attempt, open_seconds=_age(event).total_seconds())
    )
    await fetch(PUT_BACK, event.id, event.attempt, 1, wait, str(failure)[:255])


def _age(event: WebhookEvent) -> timedelta:
    """How old an event will be when its lease ends, by the database's clock."""
    assert event.due is not None, "an event without a lease"
    return event.due - event.received_at


async def replay(stripe_event_id: str, *, dry_run: bool = False) -> int:
    """Make an event due again, whatever became of it; the number of events found (0 or 1 for each mode).

    One that is being applied at the moment is left alone. A dry run only counts.
    """
    return await _replay("stripe_event_id = $1", stripe_event_id, dry_run=dry_run)


async def replay_rows(ids: Sequence[UUID], *, dry_run: bool) -> int:
    """As `replay`, by the ids of our rows."""
    return await _replay("id = ANY($1::uuid[])", list(ids), dry_run=dry_run)


async def replay_subject(subject: str) -> int:
    """As `replay`, for what could not be applied of one payment because we did not have it."""
    return await _replay("subject = $1 AND state IN ('IGNORED', 'FAILED', 'DEAD')", subject, dry_run=False)


async def replay_dead(*, dry_run: bool) -> int:
    """As `replay`, for every event that was given up."""
    return await _replay("state = $1", WebhookState.DEAD.value, dry_run=dry_run)


async def _replay(which: str, value: object, *, dry_run: bool) -> int:
    """`attempt` stays: whoever still works on one of them under an old number must not settle it under a new lease."""
    free = f"WHERE {which} AND (state <> 'PROCESSING' OR due <= now())"
    if dry_run:
        return len(await fetch(f"SELECT 1 FROM webhook_event {free}", value))  # noqa: S608 - our own words
    return len(await fetch(f"{REPLAY} {free} RETURNING 1", value))


async def _give_up(event: WebhookEvent, state: WebhookState, reason: str) -> None:
    log.error(
        "webhook.given_up",
        stripe_event=event.stripe_event_id,
        type=event.type,
        state=state.value,
        tries=event.tries,
        reason=reason,
    )
    await _held(event).update(state=state, due=None, last_error=reason[:255])


def _held(event: WebhookEvent) -> QuerySet[WebhookEvent]:
    """The event's row, as long as its lease is ours."""
    return WebhookEvent.filter(id=event.id, attempt=event.attempt, state=WebhookState.PROCESSING)


@lru_cache(maxsize=16)
def _storing(told: str, given: int) -> str:
    """The statement that adds an event unless it is there. `told`, if any, is the query of `given` values that finds a
    row when there is nothing to be applied; the values of the event follow its own."""
    places = {name: f"${number}::{kind}" for number, (name, kind) in enumerate(STORED.items(), start=given + 1)}
    finds = f"WITH told AS MATERIALIZED ({told}) " if told else ""
    said = places | {name: each.format_map(places) for name, each in {**MOMENTS, **(IF_TOLD if told else {})}.items()}
    return (
        f"{finds}INSERT INTO webhook_event ({', '.join(said)}, attempt, tries) "  # noqa: S608 - our own
        f"VALUES ({', '.join(said.values())}, 0, 0) ON CONFLICT DO NOTHING RETURNING 1"
    )


@lru_cache(maxsize=1)
def _storing_all() -> str:
    """The statement that adds each of many events unless it is there: one list of values for each column."""
    lists = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(STORED.values(), start=1))
    given = {name: f"given.{name}" for name in STORED}
    said = given | {name: each.format_map(given) for name, each in MOMENTS.items()}
    return (
        f"INSERT INTO webhook_event ({', '.join(said)}, attempt, tries) SELECT {', '.join(said.values())}, 0, 0 "  # noqa: S608
        f"FROM unnest({lists}) AS given({', '.join(STORED)}) ON CONFLICT DO NOTHING"
    )


def _values(event: StripeEvent, source: EventSource, reason: str | None) -> tuple[Any, ...]:
    """What is stored of an event, `STORED`; `reason` is why it is ignored, if it is."""
    return (
        new_hex(),
        event.id,
        event.livemode,
        event.account,
        event.api_version[:64] if event.api_version is not None else None,
        event.type[:128],
        source.value,
        event.subject,
        event.text,
        reason,
        event.created_at,
        WebhookState.IGNORED.value if reason else WebhookState.RECEIVED.value,
    )


def _why_ignored(event: StripeEvent, endpoint: Endpoint) -> str | None:
    if event.livemode != endpoint.livemode:
        return "wrong mode"
    if event.account != endpoint.account:
        return "another account" if event.account is not None else "of no account, and not of ours"
    if event.type not in endpoint.types:
        return "a type that is not handled"
    return None
