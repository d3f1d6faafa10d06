"""Acts with payments: validate, authorise, call one service, answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.amounts import check_positive
from domain.caller import Scope
from domain.errors import DomainError, ErrorCode, Refused
from domain.ids import Kind, encode, row_id
from domain.states import (
    CancelReason,
    CaptureMethod,
    OperationKind,
    SetupFutureUsage,
)
from domain.text import check_payment_method_id
from models import Payment
from resolvers import input_parsing
from resolvers.access import (
    AuthenticationRequired,
    load_payment_for_payer,
    payable_order,
    payment_authority,
    require,
    signed_in,
    staff_payment,
)
from resolvers.context import RequestContext
from resolvers.input_parsing import RawMoney
from resolvers.mutation_result import Result, answer
from services.audit.trail import Cause
from services.money import payments
from services.money.idempotency import Outcome

RETRY_AFTER_MS = 1000


@dataclass(frozen=True, slots=True)
class GivenPayment:
    """How an order is to be paid, not yet checked."""

    order_id: str
    expected: RawMoney
    capture_method: CaptureMethod | None
    payment_method_id: str | None
    confirm: bool
    setup_future_usage: SetupFutureUsage | None
    return_url: str | None
    metadata: Mapping[str, str] | None


async def create_payment(context: RequestContext, *, input: GivenPayment, key: str) -> Result:
    """Pay an order, for its payer or a service."""

    async def act() -> Outcome:
        order_id = row_id(input.order_id, Kind.ORDER)
        order, seen = await payable_order(context, order_id, key, path=("input", "orderId"))
        authority = await payment_authority(context)
        expected = input_parsing.money(input.expected, path=("input", "expectedAmount"))
        if input.confirm and input.payment_method_id is None:
            raise Refused(
                ErrorCode.VALIDATION_FAILED,
                "`confirm` needs `paymentMethodId`: there is nothing to charge yet.",
                ("input", "paymentMethodId"),
            )
        new = payments.NewPayment(
            order_id=order.id,
            expected=expected,
            capture_method=input.capture_method,
            payment_method_id=input_parsing.payment_method_id(
                input.payment_method_id, path=("input", "paymentMethodId")
            ),
            confirm=input.confirm,
            setup_future_usage=input.setup_future_usage,
            return_url=input_parsing.return_url(context, input.return_url, path=("input", "returnUrl")),
            metadata=input_parsing.metadata(input.metadata, path=("input", "metadata")),
        )
        ask = input_parsing.idempotent_request(
            context, signed_in(context), OperationKind.CREATE_PAYMENT, key, _record(new)
        )
        return await payments.create_payment(
            ask, new, seen, authority=authority, currencies=context.currencies, runner=context.runner
        )

    return await answer(context, act)


async def confirm_payment(
    context: RequestContext, *, payment_id: str, payment_method_id: str, return_url: str | None, key: str
) -> Result:
    """Try an open payment with this method, for its payer or a service."""

    async def act() -> Outcome:
        payment = await load_payment_for_payer(context, row_id(payment_id, Kind.PAYMENT), path=("paymentId",))
        method = check_payment_method_id(payment_method_id, path=("paymentMethodId",))
        page = input_parsing.return_url(context, return_url, path=("returnUrl",))
        record = {"paymentId": encode(Kind.PAYMENT, payment.id), "paymentMethodId": method, "returnUrl": page}
        ask = input_parsing.idempotent_request(context, signed_in(context), OperationKind.CONFIRM_PAYMENT, key, record)
        return await payments.confirm_payment(
            ask,
            payment.id,
            payment_method_id=method,
            return_url=page,
            authority=await payment_authority(context),
            runner=context.runner,
        )

    return await answer(context, act)


async def capture_payment(
    context: RequestContext,
    *,
    payment_id: str,
    amount: RawMoney | None,
    final_capture: bool,
    settles_order: bool,
    key: str,
) -> Result:
    """Take money that is held, for a service. None means all of it."""

    async def act() -> Outcome:
        payment = await staff_payment(
            context, row_id(payment_id, Kind.PAYMENT), Scope.PAYMENTS_WRITE, path=("input", "paymentId")
        )
        wanted = input_parsing.money(amount, path=("input", "amount")) if amount is not None else None
        if wanted is not None:
            check_positive(wanted, path=("input", "amount"))
        if not final_capture:
            raise Refused(
                ErrorCode.VALIDATION_FAILED,
                "`finalCapture` must be true: a payment is captured once, and what is left is released.",
                ("input", "finalCapture"),
            )
        record = {
            "paymentId": encode(Kind.PAYMENT, payment.id),
            "amount": input_parsing.money_record(wanted),
            "finalCapture": True,
            **({"settlesOrder": True} if settles_order else {}),  # a key of an older version stays the same request
        }
        ask = input_parsing.idempotent_request(context, signed_in(context), OperationKind.CAPTURE_PAYMENT, key, record)
        return await payments.capture_payment(
            ask, payment.id, amount=wanted, settles_order=settles_order, runner=context.runner
        )

    return await answer(context, act)


async def cancel_payment(context: RequestContext, *, payment_id: str, reason: CancelReason | None, key: str) -> Result:
    """Give an open payment up, for its payer or a service."""

    async def act() -> Outcome:
        payment = await load_payment_for_payer(context, row_id(payment_id, Kind.PAYMENT), path=("input", "paymentId"))
        record = {"paymentId": encode(Kind.PAYMENT, payment.id), "reason": reason.value if reason else None}
        ask = input_parsing.idempotent_request(context, signed_in(context), OperationKind.CANCEL_PAYMENT, key, record)
        authority = await payment_authority(context)
        return await payments.cancel_payment(ask, payment.id, reason=reason, authority=authority, runner=context.runner)

    return await answer(context, act)


async def sync_payment(context: RequestContext, *, payment_id: str) -> Result:
    """Ask Stripe how a payment stands and write it down. Moves no money and takes no key."""
    try:
        payment = await _payment_to_sync(context, payment_id)
    except AuthenticationRequired:
        raise
    except DomainError as refusal:
        return Result(error=refusal)
    try:
        cause = Cause(actor=signed_in(context).actor)
        return Result(payment=await context.looks.refresh(payment, cause=cause, anew=True))
    except DomainError as problem:
        return Result(error=problem, payment=await Payment.get(id=payment.id))


async def _payment_to_sync(context: RequestContext, payment_id: str) -> Payment:
    caller = require(context, Scope.PAYMENTS_READ, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    identity = row_id(payment_id, Kind.PAYMENT)
    if caller.can(Scope.PAYMENTS_READ):
        return await staff_payment(context, identity, Scope.PAYMENTS_READ, path=("paymentId",))
    return await load_payment_for_payer(context, identity, path=("paymentId",))


def _record(new: payments.NewPayment) -> dict[str, Any]:
    return {
        "orderId": encode(Kind.ORDER, new.order_id),
        "expectedAmount": input_parsing.money_record(new.expected),
        # As it was when leaving it out meant AUTOMATIC: a key of that time is repeated with the same fingerprint.
        "captureMethod": (new.capture_method or CaptureMethod.AUTOMATIC).value,
        "paymentMethodId": new.payment_method_id,
        "confirm": new.confirm,
        "setupFutureUsage": new.setup_future_usage.value if new.setup_future_usage else None,
        "returnUrl": new.return_url,
        "metadata": dict(new.metadata),
    }
