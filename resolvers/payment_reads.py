"""Reading payments: one, and pages of them."""

from datetime import UTC, datetime, timedelta
from enum import Enum

import structlog

from domain.errors import ErrorCode, ProviderProblem, Refused
from domain.ids import Kind
from models import Payment
from resolvers.access import reach
from resolvers.context import Asking
from resolvers.cursors import SortKey
from resolvers.filters import GivenFilter, condition
from resolvers.ids import row_id
from resolvers.paging import Page, Paging, Sort, page_of
from resolvers.payments import refreshed

log = structlog.get_logger()


class PaymentSort(Enum):
    """The orders in which payments can be listed."""

    CREATED_AT_DESC = Sort(SortKey.CREATED_AT, descending=True)
    CREATED_AT_ASC = Sort(SortKey.CREATED_AT, descending=False)
    UPDATED_AT_DESC = Sort(SortKey.UPDATED_AT, descending=True)
    AMOUNT_DESC = Sort(SortKey.AMOUNT, descending=True)
    AMOUNT_ASC = Sort(SortKey.AMOUNT, descending=False)


async def payment(asking: Asking, *, id: str, max_staleness_ms: int | None) -> Payment | None:
    """One payment, if it is the caller's to see.

    With `max_staleness_ms`, an unfinished payment that was not compared with Stripe for that long is compared first;
    when Stripe cannot be asked, what we have is the answer. A view token only looks: it never makes us ask.
    """
    covered = await reach(asking)
    if max_staleness_ms is not None and max_staleness_ms < 0:
        raise Refused(ErrorCode.VALIDATION_FAILED, "`maxStalenessMs` must not be negative.", ("maxStalenessMs",))
    payment_id = row_id(id, Kind.PAYMENT)
    row = await asking.loaders.payment.load(payment_id) if payment_id is not None else None
    if row is None or not covered.covers_payment(row):
        return None
    asking.repairs.payment_was_read(row)
    if max_staleness_ms is None or covered.order_id is not None or not _is_stale(row, max_staleness_ms):
        return row
    try:
        fresh = await refreshed(asking, row)
    except ProviderProblem as problem:
        log.info("payment.read_through_failed", payment=str(row.id), code=problem.code.value)
        return row
    asking.loaders.payment.clear(row.id)
    asking.loaders.order.clear(row.order_id)
    return fresh


async def payment_page(
    asking: Asking, *, filter: GivenFilter | None, sort: PaymentSort, paging: Paging
) -> Page[Payment]:
    """The caller's payments that match, in this order."""
    covered = (await reach(asking)).condition()
    window = paging.window(sort.value)
    wanted = condition(filter) if filter is not None else None
    if covered is None:
        return Page.empty()
    rows = Payment.filter(covered)
    page = await page_of(rows.filter(wanted) if wanted is not None else rows, window)
    for row in page.rows:
        asking.loaders.payment.prime(row.id, row)
    return page


def _is_stale(row: Payment, max_staleness_ms: int) -> bool:
    if row.is_final:
        return False
    oldest = datetime.now(UTC) - timedelta(milliseconds=max_staleness_ms)
    return row.last_synced_at is None or row.last_synced_at <= oldest
