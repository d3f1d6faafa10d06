"""Refunds: money returns once, never more than was taken. An accepted refund reserves its amount at once."""

from typing import Any

from database.statements import Update, read
from database.unit_of_work import UnitOfWork
from domain.commands import RefundPayment
from domain.errors import ErrorCode, InvalidState, LimitExceeded, Refused
from domain.ids import derived_id
from domain.metadata import stripe_metadata
from domain.states import PaymentStatus, RefundReason
from models import Operation, Order, Payment, Refund
from services.audit.trail import Cause
from services.money.operations.claims import IdempotentRequest
from services.money.operations.ends import end_with_known
from services.money.operations.runner import OperationOutcome, OperationRunner, run_once
from services.money.operations.steps import Step
from services.money.rules import check_currency
from services.money.state import locking
from services.money.state.refund_state import add_refund


async def refund_payment(
    request: IdempotentRequest, command: RefundPayment, *, runner: OperationRunner
) -> OperationOutcome:
    """Return money once, never more than was taken.

    Raises InvalidState, Refused(CHARGE_DISPUTED, CURRENCY_MISMATCH), LimitExceeded(AMOUNT_EXCEEDS_REFUNDABLE) before
    Stripe is called, and the errors of `run_once`. Source: docs.stripe.com/refunds.
    """

    async def accept(work: UnitOfWork, operation: Operation) -> Payment:
        order, payment = await locking.lock_payment(command.payment_id)
        refund_id = derived_id("refund", str(operation.id))
        others = await read(Refund, "WHERE payment_id = $1 AND (status = 'UNKNOWN' OR id = $2)", payment.id, refund_id)
        known = next((refund for refund in others if refund.id == refund_id), None)
        if known is not None and await end_with_known(work, operation, payment, known):
            return payment
        _check_refundable(payment, is_any_unknown=bool(others))
        amount = payment.refundable if command.amount is None else command.amount
        check_currency(amount, payment.held_currency, ("input", "amount", "currency"))
        if amount > payment.refundable or amount.amount_minor == 0:
            raise LimitExceeded(
                ErrorCode.AMOUNT_EXCEEDS_REFUNDABLE,
                requested=amount,
                available=payment.refundable,
                path=("input", "amount", "amount"),
            )
        refund = Refund(
            id=refund_id,
            payment_id=payment.id,
            livemode=payment.livemode,
            amount_minor=amount.amount_minor,
            currency=payment.held_currency,
            requested_by=request.caller.actor.to_record(),
            **command.stored(),
        )
        await add_refund(work, order, payment, refund, Cause(actor=request.caller.actor, operation_id=operation.id))
        operation.order_id, operation.payment_id, operation.refund_id = order.id, payment.id, refund.id
        operation.step = Step.REFUND.value
        operation.params = {Step.REFUND.value: _params(refund, order, payment, operation)}
        await work.write(Update(operation, ("order_id", "payment_id", "refund_id", "step", "params")))
        return payment

    return await run_once(request, accept, runner)


def _check_refundable(payment: Payment, *, is_any_unknown: bool) -> None:
    if payment.disputed_minor > 0:
        raise Refused(
            ErrorCode.CHARGE_DISPUTED,
            "The charge is disputed, so the bank decides about the money. Answer the dispute instead.",
            ("input", "paymentId"),
        )
    if payment.status is not PaymentStatus.SUCCEEDED:
        raise _not_captured(payment)
    if is_any_unknown:
        raise _refused(payment, "An earlier refund of this payment is not decided yet. Ask again when it is.")


def _not_captured(payment: Payment) -> InvalidState:
    if payment.status is PaymentStatus.REQUIRES_CAPTURE:
        return _refused(payment, "The money is only held, not taken. Cancel the payment to release it.")
    return _refused(payment, f"The payment is {payment.status.value}: there is nothing to give back.")


def _refused(payment: Payment, message: str) -> InvalidState:
    return InvalidState(status=payment.status, allowed_actions=payment.actions, message=message)


def _params(refund: Refund, order: Order, payment: Payment, operation: Operation) -> dict[str, Any]:
    ours = {
        "order_id": str(order.id),
        "order_external_id": order.external_id,
        "payment_id": str(payment.id),
        "refund_id": str(refund.id),
        "operation_id": str(operation.id),
    }
    params: dict[str, Any] = {
        "payment_intent": payment.stripe_payment_intent_id,
        "amount": refund.amount_minor,
        "metadata": stripe_metadata(ours, refund.metadata),
    }
    if refund.reason is not RefundReason.OTHER:
        params["reason"] = refund.reason.value.lower()
    return params
