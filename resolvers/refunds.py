"""Refunds: giving money back, and reading what was given."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.caller import Scope
from domain.commands import RefundPayment
from domain.ids import Kind, row_id
from domain.states import RefundStatus
from models import Refund
from resolvers.access import signed_in, staff_payment
from resolvers.context import RequestContext
from resolvers.input_parsing import idempotent_request, parse_command
from resolvers.mutation_result import Result, answer
from resolvers.reading.pagination import NEWEST, Page, Paging, page_of
from resolvers.visibility import lookup, visible_refund
from services.money import refunds
from services.money.operations.runner import OperationOutcome


async def refund(context: RequestContext, *, id: str) -> Refund | None:
    """One refund, if its payment is the caller's to see."""
    sees = await lookup(context)
    refund_id = row_id(id, Kind.REFUND)
    row = await context.loaders.refund.load(refund_id) if refund_id is not None else None
    return await visible_refund(context, row, sees)


async def refund_page(
    context: RequestContext, *, status: Sequence[RefundStatus] | None, paging: Paging
) -> Page[Refund]:
    """The caller's refunds, newest first."""
    condition = (await lookup(context)).condition("payment__")
    window = paging.window(NEWEST)
    if condition is None:
        return Page.empty()
    rows = Refund.filter(condition)
    if status is not None:
        rows = rows.filter(status__in=list(status))
    return await page_of(rows, window)


async def refund_payment(context: RequestContext, *, input: Mapping[str, Any], key: str) -> Result:
    """Give money of a payment back."""

    async def act() -> OperationOutcome:
        payment_id = row_id(input["payment_id"], Kind.PAYMENT)
        await staff_payment(context, payment_id, Scope.REFUNDS_WRITE, path=("input", "paymentId"))
        command = parse_command(context, RefundPayment, input)
        request = idempotent_request(context, signed_in(context), command, key)
        return await refunds.refund_payment(request, command, runner=context.runner)

    return await answer(context, act)
