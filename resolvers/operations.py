"""Operations, which say what became of idempotency keys. Reading one never begins one; an abandoned one is resumed."""

from collections.abc import Sequence
from typing import Any

from domain.caller import Scope
from domain.errors import DomainError, ErrorCode, NotFound, Refused
from domain.idempotency import check_key
from domain.ids import Kind, row_id
from domain.states import OperationKind, OperationState, ReviewOutcome
from domain.text import clean_text
from models import Operation
from resolvers.access import AuthenticationRequired, require, signed_in
from resolvers.context import RequestContext
from resolvers.mutation_result import Result
from resolvers.reading.pagination import NEWEST, Page, Paging, page_of
from services.money import manual_review
from services.money.operations.claims import find_operation

LONGEST_EVIDENCE = 1000
LONGEST_STRIPE_ID = 255


async def operation(context: RequestContext, *, key: str, kind: OperationKind) -> Operation | None:
    """The caller's own operation under this key; somebody else's key does not exist."""
    found = await find_operation(signed_in(context), kind, check_key(key, path=("key",)))
    if found is not None:
        context.recovery.operation_was_read(found)
    return found


async def open_operation_page(
    context: RequestContext, *, state: Sequence[OperationState] | None, paging: Paging
) -> Page[Operation]:
    """Return a page of undecided operations of all callers, newest first.

    Raises AuthenticationRequired, Forbidden and Refused.
    """
    require(context, Scope.OPS_READ)
    window = paging.window(NEWEST)
    found = Operation.filter(due__isnull=False)
    return await page_of(found if state is None else found.filter(state__in=list(state)), window)


def visible_review(context: RequestContext, row: Operation) -> dict[str, Any] | None:
    """Return the record of an operation's manual settlement, for operators."""
    return row.review if context.caller is not None and context.caller.can(Scope.OPS_READ) else None


async def resolve_operation(
    context: RequestContext, *, id: str, outcome: ReviewOutcome, evidence: str, stripe_id: str | None
) -> Result:
    """Settle an operation that needs a review, by a person. Raises AuthenticationRequired."""
    try:
        caller = require(context, Scope.OPS_WRITE)
        said = clean_text(evidence, path=("evidence",), max_length=LONGEST_EVIDENCE)
        if not said.strip():
            raise Refused(ErrorCode.VALIDATION_FAILED, "`evidence` must say how it was found out.", ("evidence",))
        found = clean_text(stripe_id, path=("stripeId",), max_length=LONGEST_STRIPE_ID) if stripe_id else None
        operation_id = row_id(id, Kind.OPERATION)
        if operation_id is None or not await Operation.exists(id=operation_id):
            raise NotFound(("id",))
        ruling = manual_review.Ruling(outcome, said, found)
        settled = await manual_review.resolve_operation(operation_id, ruling, by=caller.actor, runner=context.runner)
    except AuthenticationRequired:
        raise
    except DomainError as refusal:
        return Result(error=refusal)
    return Result(operation=settled)
