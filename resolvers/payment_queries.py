"""Reading payments: one, and pages of them."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import structlog

from domain.errors import ErrorCode, ProviderProblem, Refused
from domain.ids import Kind, row_id
from execution import Projection
from models import Payment
from resolvers.access import sees_all_payments, signed_in
from resolvers.context import RequestContext
from resolvers.reading.cursors import SortKey
from resolvers.reading.filters import PaymentFilterInput, condition, find_searched
from resolvers.reading.pagination import Page, Paging, Sort, capped_count
from resolvers.reading.projected_queries import payment_row, payment_rows
from resolvers.reading.search import Reader
from resolvers.visibility import Visibility, lookup, visibility
from services.audit.trail import Cause

log = structlog.get_logger(__name__)


class PaymentSort(Enum):
    """The orders in which payments can be listed."""

    CREATED_AT_DESC = Sort(SortKey.CREATED_AT, descending=True)
    CREATED_AT_ASC = Sort(SortKey.CREATED_AT, descending=False)
    UPDATED_AT_DESC = Sort(SortKey.UPDATED_AT, descending=True)
    AMOUNT_DESC = Sort(SortKey.AMOUNT, descending=True)
    AMOUNT_ASC = Sort(SortKey.AMOUNT, descending=False)


async def payment(
    context: RequestContext, *, id: str, max_staleness_ms: int | None, projection: Projection
) -> Payment | None:
    """One payment, if it is the caller's to see.

    With `max_staleness_ms`, an unfinished payment that was not compared with Stripe for that long is compared first;
    when Stripe cannot be asked, or the document has asked about enough payments, what we have is the answer, as old as
    its `lastSyncedAt`. A view token only looks: it never makes us ask.
    """
    sees = await lookup(context)
    if max_staleness_ms is not None and max_staleness_ms < 0:
        raise Refused(ErrorCode.VALIDATION_FAILED, "`maxStalenessMs` must not be negative.", ("maxStalenessMs",))
    payment_id = row_id(id, Kind.PAYMENT)
    if payment_id is None:
        return None
    if max_staleness_ms is not None and sees.order_id is None:
        await _look_at_stripe(context, sees, payment_id, max_staleness_ms)
    row = await payment_row(payment_id, projection, sees=await visibility(context))
    if row is None or not sees.includes_payment(row):
        return None
    context.recovery.payment_was_read(row)
    return row


async def _look_at_stripe(context: RequestContext, sees: Visibility, payment_id: UUID, max_staleness_ms: int) -> None:
    """Bring a payment up to date that is the caller's, and was compared with Stripe too long ago, if Stripe answers."""
    row = await context.loaders.payment.load(payment_id)
    if row is None or not sees.includes_payment(row) or not _is_stale(row, max_staleness_ms):
        return
    if not context.document_reads.may_ask_about(row.id):
        return
    try:
        await context.document_reads.refresh(row, cause=Cause(actor=signed_in(context).actor))
    except ProviderProblem as problem:
        log.info("payment.read_through_failed", payment=str(row.id), code=problem.code.value)
    context.loaders.payment.clear(row.id)
    context.loaders.order.clear(row.order_id)


async def payment_page(
    context: RequestContext,
    *,
    filter: PaymentFilterInput | None,
    sort: PaymentSort,
    paging: Paging,
    projection: Projection,
) -> Page[Payment]:
    """The caller's payments that match, in this order."""
    sees = await lookup(context)
    visible = sees.condition()
    window = paging.window(sort.value)
    matching = None
    if filter is not None:
        reader = Reader(sees.owner, is_staff=sees_all_payments(context.caller), shows_people=sees.order_id is None)
        matching = condition(filter, await find_searched(filter, reader), reader)
    if visible is None:
        return Page.empty()
    rows = Payment.filter(visible)
    if matching is not None:
        rows = rows.filter(matching)
    of: tuple[str | None, Any] = sees.column() or (None, None)
    if matching is not None or (of[0] is None and not sees.everything):
        ids = rows.filter(window.condition()).order_by(*window.order()).limit(window.size + 1)
        of = "id", await ids.values_list("id", flat=True)
    found = await payment_rows(*of, window, projection, sees=await visibility(context))
    return Page.of(found, window, count=lambda: capped_count(rows))


def _is_stale(row: Payment, max_staleness_ms: int) -> bool:
    if row.is_final:
        return False
    oldest = datetime.now(UTC) - timedelta(milliseconds=max_staleness_ms)
    return row.last_synced_at is None or row.last_synced_at <= oldest
