"""Phase 3: write the result of a step on the operation, the payment and the refund, in one transaction."""

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from database.statements import Update, read
from database.unit_of_work import UnitOfWork
from domain.errors import (
    DomainError,
    ErrorCode,
    InvalidState,
    ProviderProblem,
)
from domain.states import (
    PAYMENT_FINAL,
    OperationKind,
    OperationState,
    PaymentStatus,
    ProviderEffect,
    RefundStatus,
)
from models import Operation, Order, Payment, Refund
from provider import Outcome, ProviderFailure
from provider.failures import OTHER_PARAMETERS
from services.audit.trail import Cause
from services.money.operations.provider_calls import SERVER_ERROR, Step, StepOutcome, StepResult
from services.money.operations.refusals import invalid_state, payment_error, refund_error
from services.money.state.payment_state import (
    StaleSnapshot,
    abandon_payment,
    apply_provider_state,
    cancel_unsent_payment,
    keep_refused_attempt,
    mark_payment_missing,
    mark_payment_unknown,
    settle_order,
)
from services.money.state.refund_state import apply_provider_refund, change_refund

log = structlog.get_logger(__name__)

RETRY_AFTER_MS = 1000

# A step began with the payment in none of these statuses: now they show that the step ended, even if the answer was
# lost.
STATUSES_AFTER = {
    Step.CONFIRM: frozenset(
        {PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_CAPTURE, PaymentStatus.CANCELED}
    ),
    Step.CAPTURE: PAYMENT_FINAL,
    Step.CANCEL: PAYMENT_FINAL,
}
UNDECIDED = frozenset({StepOutcome.UNKNOWN, StepOutcome.NOT_DONE, StepOutcome.REVIEW})
CRASHED = "crashed"  # a bug of ours ended the run
NO_ANSWER = "no_answer"
SETTLES_ORDER = "settles_order"  # in a capture's parameters: the order owes no more than this capture
WAITING = """
WHERE payment_id = $1 AND state IN ('UNRESOLVED', 'NEEDS_REVIEW') AND due IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED
"""
ENDED = ("state", "effect", "error", "last_problem", "due", "finished_at")
# The statuses in which a step succeeds. Any other means that another operation got there first.
GOOD_ENDS = {
    Step.CREATE: frozenset(PaymentStatus) - {PaymentStatus.CANCELED},
    Step.CONFIRM: frozenset(
        {
            PaymentStatus.SUCCEEDED,
            PaymentStatus.PROCESSING,
            PaymentStatus.REQUIRES_ACTION,
            PaymentStatus.REQUIRES_CAPTURE,
        }
    ),
    Step.CAPTURE: frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING}),
    Step.CANCEL: frozenset({PaymentStatus.CANCELED}),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """A step's result, and the rows that it is written to. The caller holds their locks, or an optimistic unit of work.

    `cause` is the reason in the audit trail; `wait` is the time until an undecided step is tried again.
    """

    work: UnitOfWork
    operation: Operation
    order: Order
    payment: Payment
    step_result: StepResult
    cause: Cause
    wait: timedelta


async def apply_result(recording: Recording) -> None:
    """Merge the step's result into payment and refund, and set the operation's step, state, effect and error.

    The caller saves the operation. Raises `StaleSnapshot` when the row changed after Stripe was asked.
    """
    operation, payment = recording.operation, recording.payment
    refund = await _load_refund(operation)
    # A webhook or a lookup may have been quicker than the answer: the first one decides what the caller reads.
    if recording.step_result.kind not in UNDECIDED or not end_by_rows(operation, payment, refund):
        await _apply(recording, refund)
    await _settle_order(recording.work, operation, recording.order, recording.cause)


async def _load_refund(operation: Operation) -> Refund | None:
    return await Refund.get(id=operation.refund_id) if operation.refund_id else None


async def _apply(recording: Recording, refund: Refund | None) -> None:
    operation = recording.operation
    match recording.step_result.kind:
        case StepOutcome.ABSENT:
            operation.state = OperationState.IN_PROGRESS
        case StepOutcome.UNKNOWN:
            await _mark_unknown(recording, refund)
        case StepOutcome.REVIEW:
            await _mark_unknown(recording, refund)
            call_a_person(operation)
        case StepOutcome.NOT_DONE:
            operation.state = OperationState.UNRESOLVED
            operation.error = _unavailable(operation, recording.wait).to_record()
        case StepOutcome.DONE if refund is not None:
            _finish_refund(operation, await _apply_refund(recording))
        case StepOutcome.DONE:
            await _apply_payment(recording)
            _advance(operation, recording.payment)
        case StepOutcome.FAILED:
            await _record_failure(recording, refund)


def end_by_rows(operation: Operation, payment: Payment, refund: Refund | None) -> bool:
    """Set the operation's next step or its end if the rows show the step's effect; return True if they do.

    A row that is past the operation's beginning got there by an answer of Stripe's. The caller holds the locks.
    """
    if refund is not None:
        is_known = refund.stripe_refund_id is not None and refund.status is not RefundStatus.UNKNOWN
        if is_known:
            _finish_refund(operation, refund)
        return is_known
    step = Step(operation.step)
    is_known = (
        payment.stripe_payment_intent_id is not None if step is Step.CREATE else payment.status in STATUSES_AFTER[step]
    )
    if is_known:
        _advance(operation, payment)
    return is_known


async def end_with_known(
    work: UnitOfWork, operation: Operation, payment: Payment, refund: Refund | None = None
) -> bool:
    """End a new operation whose payment or refund was adopted before its key came again; False if that is open.

    The operation is the caller's own. The payment's order is locked, or written by an optimistic unit of work.
    """
    operation.order_id, operation.payment_id = payment.order_id, payment.id
    operation.refund_id = refund.id if refund is not None else None
    operation.step = (Step.CREATE if refund is None else Step.REFUND).value
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
        if operation.step == Step.CREATE or not end_by_rows(operation, payment, await _load_refund(operation)):
            continue
        operation.due_in, operation.finished_in = None, timedelta()
        await _settle_order(work, operation, order, cause)
        await work.write(Update(operation, ENDED))
        log.info("operation.ended_by_look", operation=str(operation.id), state=operation.state.value)


async def end_unsent(
    work: UnitOfWork, unsent: Operation, by: Operation, order: Order, payment: Payment, cause: Cause
) -> None:
    """Cancel a payment whose creation was never sent to Stripe, and fail the creation.

    `by` is the cancel operation; it succeeds without a call to Stripe. The caller holds the locks of the creation, the
    order and the payment.
    """
    await cancel_unsent_payment(work, order, payment, cause)
    _fail(unsent, invalid_state(payment, "The payment was cancelled before Stripe was told of it."))
    unsent.due_in, unsent.finished_in = None, timedelta()
    by.order_id, by.payment_id, by.step = payment.order_id, payment.id, Step.CANCEL.value
    by.state, by.due_in, by.finished_in = OperationState.SUCCEEDED, None, timedelta()
    await work.write(
        Update(unsent, ENDED), Update(by, ("order_id", "payment_id", "step", "state", "due", "finished_at"))
    )
    log.info("operation.ended_unsent", operation=str(unsent.id), by=str(by.id))


async def _settle_order(work: UnitOfWork, operation: Operation, order: Order, cause: Cause) -> None:
    """Lower the order's total to the amount taken, if the capture was its last one."""
    if operation.state is OperationState.SUCCEEDED and operation.params.get(SETTLES_ORDER):
        await settle_order(work, order, cause)


async def _apply_payment(recording: Recording) -> None:
    step_result = recording.step_result
    assert step_result.payment is not None
    await apply_provider_state(
        recording.work,
        recording.order,
        recording.payment,
        step_result.payment,
        since=step_result.since,
        fetched=step_result.fetched,
        cause=recording.cause,
    )


async def _apply_refund(recording: Recording) -> Refund:
    step_result = recording.step_result
    assert step_result.refund is not None
    refund = await apply_provider_refund(
        recording.work,
        recording.order,
        recording.payment,
        replace(step_result.refund, is_release=False),  # we asked for a refund, whatever Stripe's object looks like
        since=step_result.since,
        fetched=step_result.fetched,
        cause=recording.cause,
    )
    assert refund is not None, "a refund of ours is none"
    return refund


def _advance(operation: Operation, payment: Payment) -> None:
    """Go to the next step, or finish."""
    step = Step(operation.step)
    operation.error, operation.last_problem = None, None
    if step is Step.CREATE and Step.CONFIRM in operation.params and payment.provider_amount_minor is not None:
        _fail(operation, invalid_state(payment))  # changed by another program: the payer did not agree to it
        return
    if step is Step.CREATE and Step.CONFIRM in operation.params and not payment.is_final:
        operation.step = Step.CONFIRM.value
        operation.effect, operation.generation = ProviderEffect.NONE, 1
        operation.first_sent_at = None
        operation.state = OperationState.IN_PROGRESS
        return
    if payment.status in GOOD_ENDS[step]:
        _succeed(operation)
    elif payment.status is PaymentStatus.UNKNOWN:  # Stripe's status is not known to us
        operation.effect = ProviderEffect.UNKNOWN
        call_a_person(operation)
    else:
        _fail(operation, invalid_state(payment))


def _finish_refund(operation: Operation, refund: Refund) -> None:
    operation.error = None
    if refund.status in (RefundStatus.FAILED, RefundStatus.CANCELED):
        message = "Stripe could not give the money back: the refund failed."
        _fail(operation, ProviderProblem(ErrorCode.PROVIDER_REJECTED, message, effect=ProviderEffect.NONE))
    else:
        _succeed(operation)


async def _mark_unknown(recording: Recording, refund: Refund | None) -> None:
    work, operation, step_result = recording.work, recording.operation, recording.step_result
    order, payment = recording.order, recording.payment
    failure = step_result.failure
    if refund is None:
        await mark_payment_unknown(work, order, payment, recording.cause)
    elif refund.status is RefundStatus.INITIATED:
        await change_refund(work, order, payment, refund, RefundStatus.UNKNOWN, cause=recording.cause)
    # The error of sending is kept, whatever the lookup meets: only a 500 to the request itself is replayed under its
    # key.
    sent = step_result.sent if step_result.by_lookup else failure
    problem = _problem(sent) if sent is not None else operation.last_problem or NO_ANSWER
    leave_open(operation, wait=recording.wait, problem=problem, request_id=failure.request_id if failure else None)


def _problem(sent: ProviderFailure) -> str:
    if sent.code == OTHER_PARAMETERS:
        return OTHER_PARAMETERS
    # A 5xx that is new may not be stored under the key: an earlier request may still be carried out.
    return SERVER_ERROR if sent.is_server_error and sent.is_replayed else NO_ANSWER


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


async def _record_failure(recording: Recording, refund: Refund | None) -> None:
    work, operation, cause = recording.work, recording.operation, recording.cause
    order, payment, step_result = recording.order, recording.payment, recording.step_result
    failure = step_result.failure
    assert failure is not None
    if step_result.gone:
        await mark_payment_missing(work, order, payment, cause.answered_by(failure.request_id))
    if refund is not None:
        if step_result.refunds and payment.revision != step_result.since:
            raise StaleSnapshot
        refund.failure_reason = failure.code or "refused"
        await change_refund(
            work, order, payment, refund, RefundStatus.FAILED, cause=cause.answered_by(failure.request_id)
        )
        for seen in step_result.refunds:
            await apply_provider_refund(work, order, payment, seen, since=payment.revision, fetched=True, cause=cause)
        _fail(operation, refund_error(failure, refund, payment))
        return
    if step_result.payment is not None:
        await _apply_payment(recording)
    step = Step(operation.step)
    error = payment_error(failure, step, payment, operation.params[step])
    answered = cause.answered_by(failure.request_id)
    if step is Step.CREATE:
        await abandon_payment(work, order, payment, error, answered)
    elif step is Step.CONFIRM and failure.outcome is Outcome.REJECTED and not isinstance(error, InvalidState):
        await keep_refused_attempt(work, order, payment, error, answered)
    _fail(operation, error)


def _succeed(operation: Operation) -> None:
    operation.state, operation.effect, operation.error = OperationState.SUCCEEDED, ProviderEffect.APPLIED, None


def _fail(operation: Operation, error: DomainError) -> None:
    operation.state, operation.effect, operation.error = OperationState.FAILED, ProviderEffect.NONE, error.to_record()


def _unavailable(operation: Operation, wait: timedelta) -> DomainError:
    accepted = operation.kind is not OperationKind.REFUND_PAYMENT
    what = "payment" if accepted else "refund"
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
