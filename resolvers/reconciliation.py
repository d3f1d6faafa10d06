"""Findings of reconciliation, and the integrity of the system, for finance."""

from collections.abc import Sequence
from uuid import UUID

from domain.caller import Scope
from domain.errors import DomainError, ErrorCode, NotFound, Refused
from domain.ids import Kind, row_id
from domain.states import DiscrepancyState
from domain.text import clean_text
from models import Discrepancy, Payment, ReconciliationRun
from resolvers.access import AuthenticationRequired, require, signed_in
from resolvers.context import RequestContext
from resolvers.reading.cursors import SortKey
from resolvers.reading.pagination import LARGEST_PAGE, Page, Paging, Sort, page_of
from services.reconciliation import integrity
from services.reconciliation.resolution import resolve

LATEST = Sort(SortKey.DETECTED_AT, descending=True)
RUNS = 10  # a list of runs unless more is asked for
LONGEST_RESOLUTION = 1000


async def reconciliation_runs(context: RequestContext, *, first: int | None) -> list[ReconciliationRun]:
    """The latest runs. Raises AuthenticationRequired, Forbidden and Refused."""
    require(context, Scope.FINANCE_READ)
    size = RUNS if first is None else first
    if not 1 <= size <= LARGEST_PAGE:
        raise Refused(ErrorCode.VALIDATION_FAILED, f"`first` must be 1 to {LARGEST_PAGE}.", ("first",))
    return await ReconciliationRun.all().order_by("-started_at", "-id").limit(size)


async def discrepancy_page(
    context: RequestContext, *, state: Sequence[DiscrepancyState] | None, paging: Paging
) -> Page[Discrepancy]:
    """Discrepancies in these states, newest first. Raises AuthenticationRequired, Forbidden and Refused."""
    require(context, Scope.FINANCE_READ)
    window = paging.window(LATEST)
    found = Discrepancy.all() if state is None else Discrepancy.filter(state__in=list(state))
    return await page_of(found, window)


async def discrepancies_of(context: RequestContext, run_id: UUID, paging: Paging) -> Page[Discrepancy]:
    """Return a page of the findings that one run was the first to make, newest first.

    Raises AuthenticationRequired, Forbidden and Refused.
    """
    require(context, Scope.FINANCE_READ)
    return await page_of(Discrepancy.filter(run_id=run_id), paging.window(LATEST))


async def payment_of(context: RequestContext, discrepancy: Discrepancy) -> Payment | None:
    """Return the payment that a discrepancy is about, for those who may look payments up."""
    if discrepancy.payment_id is None or not signed_in(context).can(Scope.PAYMENTS_READ):
        return None
    return await context.loaders.payment.load(discrepancy.payment_id)


async def system_integrity(context: RequestContext) -> integrity.Integrity:
    """Return the figures of the system's integrity now. Raises AuthenticationRequired and Forbidden."""
    require(context, Scope.FINANCE_READ)
    return await integrity.measure_integrity()


async def resolve_discrepancy(context: RequestContext, *, id: str, resolution: str, repair: bool) -> DomainError | None:
    """Close a discrepancy with a reason; why not, or None when it is done. Raises AuthenticationRequired."""
    try:
        caller = require(context, Scope.OPS_WRITE)
        text = clean_text(resolution, path=("resolution",), max_length=LONGEST_RESOLUTION)
        if not text.strip():
            raise Refused(ErrorCode.VALIDATION_FAILED, "`resolution` must say why.", ("resolution",))
        identity = row_id(id, Kind.DISCREPANCY)
        row = await Discrepancy.get_or_none(id=identity) if identity is not None else None
        if row is None:
            raise NotFound(("id",))
        await resolve(row, resolution=text, repair=repair, by=caller.actor, provider=context.runner.provider)
    except AuthenticationRequired:
        raise
    except DomainError as refusal:
        return refusal
    return None
