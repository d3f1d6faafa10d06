"""The inbox of Stripe's events: stored once, acknowledged at once, applied later, never lost, never applied twice."""

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
from database.transactions import DatabaseUnavailable, run_in_transaction
from domain.ids import new_hex
from domain.states import EventSource, WebhookState
from models import WebhookEvent
from provider import ProviderFailure, StripeEvent
from services.inbox.redundant_events import already_applied
from services.retry_policy import back_off, open_interval

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 12  # tries that Stripe answered; with the back-off, five hours until a person is called
MOST_TAKES = 60  # an event leased so often without ever being put back ends the process that applies it
BACK_OFF_SECONDS = (1, 5, 30, 120, 600, 1800)
PARKED_FOR = timedelta(hours=24)  # an event may overtake its row; after a day it is not ours
MOST_AT_ONCE = 100  # events of one payment; more than Stripe makes in a payment's whole life

# All due events of the payment that has waited longest and that no process works on: one fetch from Stripe covers every
# event received before it. An event received later is due by itself, after this lease.
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
# The fencing token shows who had the lease. A wait for Stripe takes back the try that the lease has counted.
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
# The columns that an event fills, in the order of `_values`, with their types.
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
# Moments by the database's clock. An event that is already applied is stored as PROCESSED.
MOMENTS: Final = {
    "received_at": "now()",
    "delivered_at": "CASE WHEN {source} = 'WEBHOOK' THEN now() END",
    "due": "CASE WHEN {state} = 'RECEIVED' THEN now() END",
    "processed_at": "CASE WHEN {state} <> 'RECEIVED' THEN now() END",
}
IF_KNOWN: Final = {
    "state": "CASE WHEN EXISTS (SELECT FROM told) THEN 'PROCESSED' ELSE {state} END",
    "due": "CASE WHEN {state} = 'RECEIVED' AND NOT EXISTS (SELECT FROM told) THEN now() END",
    "processed_at": "CASE WHEN {state} <> 'RECEIVED' OR EXISTS (SELECT FROM told) THEN now() END",
}
DELIVERED = """
UPDATE webhook_event SET delivered_at = now() WHERE stripe_event_id = $1 AND livemode = $2 AND delivered_at IS NULL
"""
REPLAY = "UPDATE webhook_event SET state = 'RECEIVED', due = now(), tries = 0, processed_at = NULL, last_error = NULL"
FINISH = """
UPDATE webhook_event e SET state = $3, due = NULL, processed_at = now(), last_error = $4
FROM unnest($1::uuid[], $2::int[]) AS held(id, attempt)
WHERE e.id = held.id AND e.attempt = held.attempt AND e.state = 'PROCESSING'
RETURNING e.id
"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The mode, the account and the event types that this webhook endpoint accepts."""

    livemode: bool
    account: str | None
    types: frozenset[str]


async def receive(event: StripeEvent, endpoint: Endpoint, source: EventSource = EventSource.WEBHOOK) -> bool:
    """Store an event, once; True if it is new. On return the event is on disk, and Stripe may be answered 200.

    Events that we do not handle, or that are not for this endpoint, are stored as IGNORED with the reason. A webhook
    that comes after its event was fetched is noted on the event: it was late, not missing. An event that brings nothing
    beyond our row is stored as PROCESSED.
    """
    reason = _why_ignored(event, endpoint)
    known, parameters = (reason is None and already_applied(event)) or ("", ())
    statement, values = _storing(known, len(parameters)), (*parameters, *_values(event, source, reason))

    async def store_once() -> bool:
        if await fetch(statement, *values):
            return True
        if source is EventSource.WEBHOOK:
            await query_rows(DELIVERED, [event.id, event.livemode])
        return False

    try:
        is_new = await store_once()  # each statement is atomic by itself, and may run twice
    except DatabaseUnavailable as trouble:
        if not trouble.lost:
            raise
        is_new = await run_in_transaction(store_once)  # tries other connections
    log.info("webhook.received", stripe_event=event.id, type=event.type, new=is_new, ignored=reason)
    return is_new


async def find_unknown(events: Sequence[StripeEvent]) -> list[StripeEvent]:
    """Return the events that the inbox lacks, by one statement.

    Stripe has just listed the others, so it answers again: events that wait for Stripe become due at once.
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
    """Lease the due events of one payment, oldest first; none when nothing is due."""
    taken = await change_rows(WebhookEvent, TAKE, lease_seconds, MOST_AT_ONCE)
    events = sorted(taken, key=lambda event: (event.stripe_created_at, event.received_at))
    for event in events:
        if event.tries > MOST_TAKES:
            await _give_up(event, WebhookState.DEAD, "every process that took it ended before it was applied")
    return [event for event in events if event.tries <= MOST_TAKES]


async def finish_events(events: Sequence[WebhookEvent], state: WebhookState, reason: str | None = None) -> None:
    """Write the final state of these events. Runs inside the transaction that applies them.

    Raises `LeaseLost`, so that the transaction writes nothing, if the lease of one of them was lost.
    """
    held = [[event.id for event in events], [event.attempt for event in events]]
    if len(await query_rows(FINISH, [*held, state.value, reason])) < len(events):
        raise LeaseLost


async def retry(event: WebhookEvent, reason: str, *, parked: bool = False) -> None:
    """Put an event back to be tried later; after too many tries it is DEAD, visible and replayable.

    A parked event waits a day for its row to appear, and is then IGNORED.
    """
    if parked and _age(event) > PARKED_FOR:
        await _give_up(event, WebhookState.IGNORED, reason)
    elif not parked and event.tries >= MAX_ATTEMPTS:
        await _give_up(event, WebhookState.DEAD, reason)
    else:
        wait = timedelta(seconds=BACK_OFF_SECONDS[min(event.tries, len(BACK_OFF_SECONDS)) - 1])
        await fetch(PUT_BACK, event.id, event.attempt, 0, wait, reason[:255])


async def wait_for_stripe(event: WebhookEvent, failure: ProviderFailure) -> None:
    """Put an event back because Stripe could not be asked. That counts as no try, however often it happens.

    Within an hour of its arrival it waits 90 seconds at most; later it waits longer, until a poll that succeeds makes
    it due.
    """
    wait = (
        open_interval(failure.retry_after_seconds)
        if failure.retry_after_seconds is not None
        else back_off(event.attempt, open_seconds=_age(event).total_seconds())
    )
    await fetch(PUT_BACK, event.id, event.attempt, 1, wait, str(failure)[:255])


def _age(event: WebhookEvent) -> timedelta:
    """Return the age that an event will have when its lease ends, by the database's clock."""
    assert event.due is not None, "an event without a lease"
    return event.due - event.received_at


async def replay(stripe_event_id: str, *, dry_run: bool = False) -> int:
    """Make an event due again, whatever its state; return the number of events found (0 or 1 for each mode).

    An event that is being applied at the moment is left alone. A dry run only counts.
    """
    return await _replay("stripe_event_id = $1", stripe_event_id, dry_run=dry_run)


async def replay_rows(ids: Sequence[UUID], *, dry_run: bool) -> int:
    """Replay events by the ids of our rows, as `replay` does."""
    return await _replay("id = ANY($1::uuid[])", list(ids), dry_run=dry_run)


async def replay_subject(subject: str) -> int:
    """Replay the events of one payment that could not be applied because the payment was not here."""
    return await _replay("subject = $1 AND state IN ('IGNORED', 'FAILED', 'DEAD')", subject, dry_run=False)


async def replay_dead(*, dry_run: bool) -> int:
    """Replay every event that was given up."""
    return await _replay("state = $1", WebhookState.DEAD.value, dry_run=dry_run)


async def _replay(which: str, value: object, *, dry_run: bool) -> int:
    """Make these events due again, and keep `attempt`: a process that still holds an old token must not finish them."""
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
    """Return the event's row, as long as its lease is ours."""
    return WebhookEvent.filter(id=event.id, attempt=event.attempt, state=WebhookState.PROCESSING)


@lru_cache(maxsize=16)
def _storing(known: str, parameters: int) -> str:
    """Render the statement that inserts an event unless it is there.

    `known`, if not empty, is a query with this many `parameters` that finds a row when there is nothing to apply; the
    event's own values follow them.
    """
    places = {name: f"${number}::{kind}" for number, (name, kind) in enumerate(STORED.items(), start=parameters + 1)}
    finds = f"WITH told AS MATERIALIZED ({known}) " if known else ""
    columns = places | {
        name: each.format_map(places) for name, each in {**MOMENTS, **(IF_KNOWN if known else {})}.items()
    }
    return (
        f"{finds}INSERT INTO webhook_event ({', '.join(columns)}, attempt, tries) "  # noqa: S608 - our own
        f"VALUES ({', '.join(columns.values())}, 0, 0) ON CONFLICT DO NOTHING RETURNING 1"
    )


@lru_cache(maxsize=1)
def _storing_all() -> str:
    """Render the statement that inserts each of many events unless it is there: one array of values for each column."""
    lists = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(STORED.values(), start=1))
    stored = {name: f"given.{name}" for name in STORED}
    columns = stored | {name: each.format_map(stored) for name, each in MOMENTS.items()}
    return (
        f"INSERT INTO webhook_event ({', '.join(columns)}, attempt, tries) SELECT {', '.join(columns.values())}, 0, 0 "  # noqa: S608
        f"FROM unnest({lists}) AS given({', '.join(STORED)}) ON CONFLICT DO NOTHING"
    )


def _values(event: StripeEvent, source: EventSource, reason: str | None) -> tuple[Any, ...]:
    """Return the values of an event's columns (`STORED`); `reason` is why it is ignored, if it is."""
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
