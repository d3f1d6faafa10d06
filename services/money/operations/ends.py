"""Ends of operations: by an answer, by what the rows show, without a call, or by a person."""

from datetime import timedelta

import structlog

from database.statements import Update, read
from database.unit_of_work import UnitOfWork
from domain.declines import AUTHENTICATE, explain_decline
from domain.errors import DomainError, ErrorCode, ProviderProblem
from domain.states import (
    PAYMENT_FINAL,
    CancelReason,
    OperationKind,
    OperationState,
    PaymentStatus,
    ProviderEffect,
    RefundStatus,
)
from models import Operation, Order, Payment, Refund
from services.audit.trail import Cause
from services.money.operations.refusals import invalid_state, state_error
from services.money.operations.steps import FIRST_STEP, Step, shows_update
from services.money.state.order_state import change_terms, settle_order
from services.money.state.payment_state import cancel_unsent_payment, give_update_up

log = structlog.get_logger(__name__)

RETRY_AFTER_MS = 1000

PAID_OR_HELD = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_CAPTURE})
# A step began with the payment in none of these statuses: now they show that the step ended, even if the answer was
# lost.
STATUSES_AFTER = {
    Step.CHARGE: PAID_OR_HELD | {PaymentStatus.CANCELED},
    Step.CONFIRM: PAID_OR_HELD | {PaymentStatus.CANCELED},
    Step.CAPTURE: PAYMENT_FINAL,
    Step.CANCEL: PAYMENT_FINAL,
}
NO_ANSWER = "no_answer"
SETTLES_ORDER = "settles_order"  # in a capture's parameters: the order owes no more than this capture
TERMS = "terms"  # in an update's parameters: what else the registration changes of the order
WAITING = """
WHERE payment_id = $1 AND state IN ('UNRESOLVED', 'NEEDS_REVIEW') AND due IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED
"""
ENDED = ("state", "effect", "error", "last_problem", "due", "finished_at")
# The statuses in which a step succeeds. Any other means that another operation got there first.
GOOD_ENDS = {
    Step.CREATE: frozenset(PaymentStatus) - {PaymentStatus.CANCELED},
    Step.CHARGE: PAID_OR_HELD,
    Step.CONFIRM: PAID_OR_HELD | {PaymentStatus.REQUIRES_ACTION},
    Step.CAPTURE: frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING}),
    Step.CANCEL: frozenset({PaymentStatus.CANCELED}),
}


def end_by_rows(operation: Operation, payment: Payment, refund: Refund | None) -> bool:
    """Set the operation's next step or its end if the rows show the step's effect; return True if they do.

    A row that is past the operation's beginning got there by an answer of Stripe's. The caller holds the locks.
    """
    if refund is not None:
        is_known = refund.stripe_refund_id is not None and refund.status is not RefundStatus.UNKNOWN
        if is_known:
            finish_refund(operation, refund)
        return is_known
    step = Step(operation.step)
    if step in (Step.CUSTOMER, Step.CREATE):
        is_known = step is Step.CREATE and payment.stripe_payment_intent_id is not None
    elif step is Step.UPDATE:
        is_known = payment.next_amount_minor is None
    else:
        is_known = payment.status in STATUSES_AFTER[step]
    if is_known:
        advance(operation, payment)
    return is_known


async def end_with_known(
    work: UnitOfWork, operation: Operation, payment: Payment, refund: Refund | None = None
) -> bool:
    """End a new operation whose payment or refund was adopted before its key came again; False if that is open.

    The operation is the caller's own. The payment's order is locked, or written by an optimistic unit of work.
    """
    operation.order_id, operation.payment_id = payment.order_id, payment.id
    operation.refund_id = refund.id if refund is not None else None
    operation.step = FIRST_STEP[operation.kind].value
    if not end_by_rows(operation, payment, refund):
        return False
    operation.due_in, operation.finished_in = None, timedelta()
    await work.write(Update(operation, ("order_id", "payment_id", "refund_id", "step", *ENDED)))
    return True


async def end_operations(work: UnitOfWork, order: Order, payment: Payment, cause: Cause) -> None:
    """End the waiting operations whose effect a refresh has just shown. The caller holds the locks.

    An operation that another process has leased is left to that process, which reads the same rows.
    """
    for operation in await read(Operation, WAITING, payment.id):
        is_made = operation.step not in (Step.CUSTOMER, Step.CREATE)
        if not is_made or not end_by_rows(operation, payment, await load_refund(operation)):
            continue
        operation.due_in, operation.finished_in = None, timedelta()
        await apply_to_order(work, operation, order, payment, cause)
        await work.write(Update(operation, ENDED))
        log.info("operation.ended_by_look", operation=str(operation.id), state=operation.state.value)


async def end_without_step(work: UnitOfWork, operation: Operation, *about: str) -> None:
    """End a new operation at once: there is nothing to do at Stripe. `about` are the fields that say what it is of."""
    operation.state, operation.due_in, operation.finished_in = OperationState.SUCCEEDED, None, timedelta()
    await work.write(Update(operation, (*about, "state", "due", "finished_at")))


async def end_unsent(
    work: UnitOfWork,
    unsent: Operation,
    by: Operation,
    order: Order,
    payment: Payment,
    *,
    reason: CancelReason | None,
    cause: Cause,
) -> None:
    """Cancel a payment whose creation was never sent to Stripe, and fail the creation.

    `by` is the cancel operation; it succeeds without a call to Stripe. The caller holds the locks of the creation, the
    order and the payment.
    """
    await cancel_unsent_payment(work, order, payment, reason, cause)
    fail(unsent, invalid_state(payment, "The payment was cancelled before Stripe was told of it."))
    unsent.due_in, unsent.finished_in = None, timedelta()
    by.order_id, by.payment_id, by.step = payment.order_id, payment.id, Step.CANCEL.value
    by.state, by.due_in, by.finished_in = OperationState.SUCCEEDED, None, timedelta()
    await work.write(
        Update(unsent, ENDED), Update(by, ("order_id", "payment_id", "step", "state", "due", "finished_at"))
    )
    log.info("operation.ended_unsent", operation=str(unsent.id), by=str(by.id))


async def load_refund(operation: Operation) -> Refund | None:
    return await Refund.get(id=operation.refund_id) if operation.refund_id else None


async def apply_to_order(work: UnitOfWork, operation: Operation, order: Order, payment: Payment, cause: Cause) -> None:
    """Write what an operation that has just ended means for its order. The caller holds the locks.

    A capture that was the last one lowers the total to the amount taken. With the amount of an updated payment the rest
    of the registration comes into force; after a refused update nothing of it does.
    """
    is_done = operation.state is OperationState.SUCCEEDED
    if is_done and operation.params.get(SETTLES_ORDER):
        await settle_order(work, order, cause)
    if is_done and operation.params.get(TERMS):
        await change_terms(work, order, operation.params[TERMS], cause)
    if operation.step == Step.UPDATE and operation.state is OperationState.FAILED:
        await give_update_up(work, order, payment, cause)


def advance(operation: Operation, payment: Payment) -> None:
    """Go to the next step, or finish."""
    step = Step(operation.step)
    operation.error, operation.last_problem = None, None
    if step is Step.CREATE and Step.CONFIRM in operation.params and payment.provider_amount_minor is not None:
        fail(operation, invalid_state(payment))  # changed by another program: the payer did not agree to it
        return
    if step is Step.CREATE and Step.CONFIRM in operation.params and not payment.is_final:
        operation.step = Step.CONFIRM.value
        operation.effect, operation.generation = ProviderEffect.NONE, 1
        operation.first_sent_at = None
        operation.state = OperationState.IN_PROGRESS
        return
    if shows_update(operation, payment) if step is Step.UPDATE else payment.status in GOOD_ENDS[step]:
        succeed(operation)
    elif step is Step.CHARGE and payment.status is PaymentStatus.REQUIRES_ACTION:
        fail(operation, explain_decline(code=AUTHENTICATE))  # the payer is away, and has to come back
    elif payment.status is PaymentStatus.UNKNOWN:  # Stripe's status is not known to us
        operation.effect = ProviderEffect.UNKNOWN
        call_a_person(operation)
    else:
        fail(operation, state_error(step, payment))


def begin_after_customer(operation: Operation, stripe_customer_id: str, step: Step = Step.CREATE) -> None:
    """Go on to the creation that needed the customer, which names the customer at Stripe from now on."""
    created_for = {**operation.params[step], "customer": stripe_customer_id}
    operation.params = {**operation.params, step.value: created_for}
    operation.step, operation.generation, operation.first_sent_at = step.value, 1, None
    operation.effect, operation.state = ProviderEffect.NONE, OperationState.IN_PROGRESS


def finish_refund(operation: Operation, refund: Refund) -> None:
    operation.error = None
    if refund.status in (RefundStatus.FAILED, RefundStatus.CANCELED):
        message = "Stripe could not give the money back: the refund failed."
        fail(operation, ProviderProblem(ErrorCode.PROVIDER_REJECTED, message, effect=ProviderEffect.NONE))
    else:
        succeed(operation)


def leave_open(operation: Operation, *, wait: timedelta, problem: str, request_id: str | None = None) -> None:
    """Mark the operation as undecided: whether the step has happened is found out later."""
    operation.state = OperationState.UNRESOLVED
    operation.effect = ProviderEffect.UNKNOWN
    operation.last_problem = problem
    operation.error = ProviderProblem(
        ErrorCode.OUTCOME_UNKNOWN,
        "Stripe has not told us whether this happened. It is being found out; ask again with the same key.",
        effect=ProviderEffect.UNKNOWN,
        retry_after_ms=_milliseconds(wait),
        stripe_request_id=request_id,
        retryable=True,
    ).to_record()


def call_a_person(operation: Operation) -> None:
    """Leave an operation to a person, with an alarm: neither Stripe nor we can tell its outcome."""
    log.error("operation.needs_review", operation=str(operation.id), kind=operation.kind.value, step=operation.step)
    operation.state = OperationState.NEEDS_REVIEW
    operation.error = ProviderProblem(
        ErrorCode.OUTCOME_UNKNOWN,
        "Stripe cannot tell whether this happened. Somebody of ours looks at it; ask again later with the same key.",
        effect=ProviderEffect.UNKNOWN,
        retryable=True,
    ).to_record()


def succeed(operation: Operation) -> None:
    """End the operation with its effect."""
    operation.state, operation.effect, operation.error = OperationState.SUCCEEDED, ProviderEffect.APPLIED, None


def fail(operation: Operation, error: DomainError) -> None:
    operation.state, operation.effect, operation.error = OperationState.FAILED, ProviderEffect.NONE, error.to_record()


def unavailable(operation: Operation, wait: timedelta) -> DomainError:
    of_customer = operation.payment_id is None
    what = {OperationKind.REFUND_PAYMENT: "refund", OperationKind.REGISTER_ORDER: "new total"}.get(
        operation.kind, "request" if of_customer else "payment"
    )
    return ProviderProblem(
        ErrorCode.PROVIDER_UNAVAILABLE,
        f"Stripe cannot be reached at the moment. The {what} is kept and tried again; ask again with the same key.",
        effect=operation.effect,
        retry_after_ms=_milliseconds(wait),
        retryable=True,
    )


def _milliseconds(wait: timedelta) -> int:
    """Return the wait for the caller in milliseconds: at least a second, so that nobody polls without pause."""
    return max(RETRY_AFTER_MS, int(wait.total_seconds() * 1000))
