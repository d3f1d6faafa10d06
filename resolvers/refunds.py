"""Refunds: giving money back, and reading what was given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.amounts import check_positive
from domain.caller import Scope
from domain.ids import Kind, encode, row_id
from domain.states import OperationKind, RefundReason, RefundStatus
from domain.text import clean_text
from models import Refund
from resolvers import input_parsing
from resolvers.access import signed_in, staff_payment
from resolvers.context import RequestContext
from resolvers.input_parsing import RawMoney
from resolvers.mutation_result import Result, answer
from resolvers.reading.pagination import NEWEST, Page, Paging, page_of
from resolvers.visibility import lookup, visible_refund
from services.money import refunds
from services.money.idempotency import Outcome

LONGEST_NOTE = 1000


@dataclass(frozen=True, slots=True)
class GivenRefund:
    """A refund as it is asked for, not yet checked. `amount` None means all that is left."""

    payment_id: str
    amount: RawMoney | None
    reason: RefundReason
    note: str | None
    metadata: Mapping[str, str] | None


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


async def refund_payment(context: RequestContext, *, input: GivenRefund, key: str) -> Result:
    """Give money of a payment back."""

    async def act() -> Outcome:
        payment = await staff_payment(
            context, row_id(input.payment_id, Kind.PAYMENT), Scope.REFUNDS_WRITE, path=("input", "paymentId")
        )
        amount = input_parsing.money(input.amount, path=("input", "amount")) if input.amount is not None else None
        if amount is not None:
            check_positive(amount, path=("input", "amount"))
        note = input.note
        if note is not None:
            note = clean_text(note, path=("input", "note"), max_length=LONGEST_NOTE, multiline=True)
        new = refunds.NewRefund(
            payment_id=payment.id,
            amount=amount,
            reason=input.reason,
            note=note,
            metadata=input_parsing.metadata(input.metadata, path=("input", "metadata")),
        )
        ask = input_parsing.idempotent_request(
            context, signed_in(context), OperationKind.REFUND_PAYMENT, key, _record(new)
        )
        return await refunds.refund_payment(ask, new, runner=context.runner)

    return await answer(context, act)


def _record(new: refunds.NewRefund) -> dict[str, Any]:
    return {
        "paymentId": encode(Kind.PAYMENT, new.payment_id),
        "amount": input_parsing.money_record(new.amount),
        "reason": new.reason.value,
        "note": new.note,
        "metadata": dict(new.metadata),
    }
