"""Stripe's events as they were received, for the people who run this."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.caller import Scope
from domain.errors import DomainError, ErrorCode, Refused
from domain.ids import Kind, row_id
from domain.states import WebhookState
from domain.text import clean_text
from models import WebhookEvent
from resolvers.access import AuthenticationRequired, require
from resolvers.context import RequestContext
from resolvers.reading.cursors import SortKey
from resolvers.reading.pagination import Page, Paging, Sort, page_of
from services.inbox import inbox

LATEST = Sort(SortKey.RECEIVED_AT, descending=True)
MOST_REPLAYED = 100
MOST_TYPES = 50
LONGEST_TYPE = 128


async def webhook_event_page(
    context: RequestContext, *, state: Sequence[WebhookState] | None, type: Sequence[str] | None, paging: Paging
) -> Page[WebhookEvent]:
    """The inbox, newest first."""
    require(context, Scope.OPS_READ)
    window = paging.window(LATEST)
    rows = WebhookEvent.all()
    if state is not None:
        rows = rows.filter(state__in=list(state))
    if type is not None:
        rows = rows.filter(type__in=_types(type))
    return await page_of(rows, window)


@dataclass(frozen=True, slots=True)
class Replayed:
    """The count of events that were found, or the error."""

    affected: int
    error: DomainError | None = None


async def replay_webhook_events(context: RequestContext, *, ids: Sequence[str], dry_run: bool) -> Replayed:
    """Make these events due again; a dry run only counts. Raises AuthenticationRequired."""
    try:
        return Replayed(await _replay(context, ids, dry_run=dry_run))
    except AuthenticationRequired:
        raise
    except DomainError as refusal:
        return Replayed(0, refusal)


async def _replay(context: RequestContext, ids: Sequence[str], *, dry_run: bool) -> int:
    require(context, Scope.OPS_WRITE)
    if len(ids) > MOST_REPLAYED:
        raise Refused(ErrorCode.VALIDATION_FAILED, f"`ids` may have at most {MOST_REPLAYED} entries.", ("ids",))
    known_ids = [identity for text in ids if (identity := row_id(text, Kind.WEBHOOK)) is not None]
    return await inbox.replay_rows(known_ids, dry_run=dry_run)


def _types(given: Sequence[str]) -> list[str]:
    if len(given) > MOST_TYPES:
        raise Refused(ErrorCode.VALIDATION_FAILED, f"`type` may have at most {MOST_TYPES} entries.", ("type",))
    return [clean_text(text, path=("type",), max_length=LONGEST_TYPE) for text in given]
