"""Acts with payments: validate, authorise, call one service, answer."""

from collections.abc import Mapping
from typing import Any

from domain.caller import Scope
from domain.commands import CancelPayment, CapturePayment, ConfirmPayment, CreateOffSessionPayment, CreatePayment
from domain.errors import DomainError, ErrorCode, Refused
from domain.ids import Kind, row_id
from models import Payment
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
from resolvers.input_parsing import idempotent_request, parse_command
from resolvers.mutation_result import Result, answer
from services.audit.trail import Cause
from services.money import off_session, payments
from services.money.operations.runner import OperationOutcome


async def create_payment(context: RequestContext, *, input: Mapping[str, Any], key: str) -> Result:
    """Pay an order, for its payer or a service."""

    async def act() -> OperationOutcome:
        order_id = row_id(input["order_id"], Kind.ORDER)
        snapshot = await payable_order(
            context, order_id, key, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE, path=("input", "orderId")
        )
        authority = await payment_authority(context)
        command = parse_command(context, CreatePayment, input)
        request = idempotent_request(context, signed_in(context), command, key)
        return await payments.create_payment(
            request,
            command,
            snapshot,
            authority=authority,
            currencies=context.rules.currencies,
            method_types=context.rules.method_types,
            runner=context.runner,
        )

    return await answer(context, act)


async def create_off_session_payment(context: RequestContext, *, input: Mapping[str, Any], key: str) -> Result:
    """Pay an order while its customer is away, for a service."""

    async def act() -> OperationOutcome:
        order_id, path = row_id(input["order_id"], Kind.ORDER), ("input", "orderId")
        kind = CreateOffSessionPayment.kind
        snapshot = await payable_order(context, order_id, key, Scope.PAYMENTS_WRITE, path=path, kind=kind)
        command = parse_command(context, CreateOffSessionPayment, input)
        request = idempotent_request(context, signed_in(context), command, key)
        return await off_session.create_off_session_payment(
            request,
            command,
            snapshot,
            currencies=context.rules.currencies,
            method_types=context.rules.method_types,
            runner=context.runner,
        )

    return await answer(context, act)


async def confirm_payment(
    context: RequestContext, *, input: Mapping[str, Any] | None, outside: Mapping[str, Any], key: str
) -> Result:
    """Try an open payment with a method or a token, for its payer or a service.

    `outside` are the arguments beside `input`, which clients of the last release send in place of it; then the paths of
    refusals name these.
    """
    values = input if input is not None else outside

    async def act() -> OperationOutcome:
        require(context, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
        _check_one_place(input, outside)
        await load_payment_for_payer(context, row_id(values["payment_id"], Kind.PAYMENT), path=("input", "paymentId"))
        command = parse_command(context, ConfirmPayment, values)
        request = idempotent_request(context, signed_in(context), command, key)
        authority = await payment_authority(context)
        return await payments.confirm_payment(request, command, authority=authority, runner=context.runner)

    result = await answer(context, act)
    error = result.error
    if input is None and error is not None and error.path is not None and error.path != ("input",):
        error.path = tuple(name for name in error.path if name != "input")
    return result


def _check_one_place(input: Mapping[str, Any] | None, outside: Mapping[str, Any]) -> None:
    """Refuse a call that names its payment twice or not at all. Raises Refused(VALIDATION_FAILED)."""
    doubled = [name for name, value in outside.items() if value is not None] if input is not None else []
    if doubled:
        raise Refused(ErrorCode.VALIDATION_FAILED, "`input` says all of it: leave the other arguments out.", ("input",))
    if input is None and outside["payment_id"] is None:
        raise Refused(ErrorCode.VALIDATION_FAILED, "`input` is missing: it names the payment.", ("input",))


async def capture_payment(context: RequestContext, *, input: Mapping[str, Any], key: str) -> Result:
    """Take money that is held, for a service."""

    async def act() -> OperationOutcome:
        payment_id = row_id(input["payment_id"], Kind.PAYMENT)
        await staff_payment(context, payment_id, Scope.PAYMENTS_WRITE, path=("input", "paymentId"))
        command = parse_command(context, CapturePayment, input)
        request = idempotent_request(context, signed_in(context), command, key)
        return await payments.capture_payment(request, command, runner=context.runner)

    return await answer(context, act)


async def cancel_payment(context: RequestContext, *, input: Mapping[str, Any], key: str) -> Result:
    """Give an open payment up, for its payer or a service."""

    async def act() -> OperationOutcome:
        payment_id = row_id(input["payment_id"], Kind.PAYMENT)
        await load_payment_for_payer(context, payment_id, path=("input", "paymentId"))
        command = parse_command(context, CancelPayment, input)
        request = idempotent_request(context, signed_in(context), command, key)
        authority = await payment_authority(context)
        return await payments.cancel_payment(request, command, authority=authority, runner=context.runner)

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
        return Result(payment=await context.provider_reads.refresh(payment, cause=cause, anew=True))
    except DomainError as problem:
        return Result(error=problem, payment=await Payment.get(id=payment.id))


async def _payment_to_sync(context: RequestContext, payment_id: str) -> Payment:
    caller = require(context, Scope.PAYMENTS_READ, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    identity = row_id(payment_id, Kind.PAYMENT)
    if caller.can(Scope.PAYMENTS_READ):
        return await staff_payment(context, identity, Scope.PAYMENTS_READ, path=("paymentId",))
    return await load_payment_for_payer(context, identity, path=("paymentId",))
