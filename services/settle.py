"""Phase 3: write what a step came to, on the operation and on the rows it is about, in one transaction."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from domain.errors import (
    DomainError,
    ErrorCode,
    InvalidState,
    ProviderProblem,
)
from domain.states import (
    OperationKind,
    OperationState,
    PaymentStatus,
    ProviderEffect,
    RefundStatus,
)
from models import Operation, Order, Payment, Refund
from provider import Outcome
from services.audit import Cause
from services.refusals import invalid_state, payment_error, refund_error
from services.state import (
    NotYet,
    abandon_payment,
    apply_provider_refund,
    apply_provider_state,
    change_refund,
    keep_refused_attempt,
    mark_payment_missing,
    mark_payment_unknown,
)
from services.steps import SERVER_ERROR, Kind, Step, Verdict

log = structlog.get_logger(__name__)

RETRY_AFTER_MS = 1000
AT_ONCE = timedelta()

# The ends that a step may lawfully come to. Anything else means that another act got there first.
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


async def settle(
    operation: Operation, order: Order, payment: Payment, verdict: Verdict, *, cause: Cause, wait: timedelta = AT_ONCE
) -> None:
    """Merge the verdict into payment and refund, and set the operation's step, state, effect and error.

    `wait` is how long until it is tried again, if it is not decided. The caller holds the locks and saves the
    operation. Raises `Outrun` when the snapshot's place in time is unknown.
    """
    refund = await Refund.get(id=operation.refund_id) if operation.refund_id else None
    match verdict.kind:
        case Kind.ABSENT:
            operation.state = OperationState.IN_PROGRESS
        case Kind.UNKNOWN:
            await _unknown(operation, order, payment, refund, verdict, cause, wait)
        case Kind.REVIEW:
            await _unknown(operation, order, payment, refund, verdict, cause, wait)
            _call_a_person(operation)
        case Kind.NOT_DONE:
            operation.state = OperationState.UNRESOLVED
            operation.error = _unavailable(operation, wait).to_record()
        case Kind.DONE if refund is not None:
            assert verdict.refund is not None
            seen = await apply_provider_refund(order, payment, verdict.refund, cause=cause)
            _finish_refund(operation, seen)
        case Kind.DONE:
            await _apply_payment(order, payment, verdict, cause)
            _advance(operation, payment)
        case Kind.FAILED:
            await _failed(operation, order, payment, refund, verdict, cause)


async def _apply_payment(order: Order, payment: Payment, verdict: Verdict, cause: Cause) -> None:
    assert verdict.payment is not None
    await apply_provider_state(
        order,
        payment,
        verdict.payment,
        since_version=verdict.since_version,
        fetched=verdict.fetched,
        cause=cause,
    )


def _advance(operation: Operation, payment: Payment) -> None:
    """Go to the next step, or finish."""
    step = Step(operation.step)
    operation.error, operation.last_problem = None, None
    if step is Step.CREATE and Step.CONFIRM in operation.params and not payment.is_final:
        operation.step = Step.CONFIRM.value
        operation.effect, operation.generation = ProviderEffect.NONE, 1
        operation.first_sent_at = datetime.now(UTC)
        operation.state = OperationState.IN_PROGRESS
        return
    if payment.status in GOOD_ENDS[step]:
        _succeed(operation)
    else:
        _fail(operation, invalid_state(payment))


def _finish_refund(operation: Operation, refund: Refund) -> None:
    operation.error = None
    if refund.status in (RefundStatus.FAILED, RefundStatus.CANCELED):
        message = "Stripe could not give the money back: the refund failed."
        _fail(operation, ProviderProblem(ErrorCode.PROVIDER_REJECTED, message, effect=ProviderEffect.NONE))
    else:
        _succeed(operation)


async def _unknown(
    operation: Operation,
    order: Order,
    payment: Payment,
    refund: Refund | None,
    verdict: Verdict,
    cause: Cause,
    wait: timedelta,
) -> None:
    failure = verdict.failure
    if refund is None:
        await mark_payment_unknown(order, payment, cause)
    elif refund.status is RefundStatus.INITIATED:
        await change_refund(order, payment, refund, RefundStatus.UNKNOWN, cause=cause)
    operation.state = OperationState.UNRESOLVED
    operation.effect = ProviderEffect.UNKNOWN
    operation.last_problem = SERVER_ERROR if failure and failure.is_server_error else "no_answer"
    operation.error = ProviderProblem(
        ErrorCode.OUTCOME_UNKNOWN,
        "Stripe has not told us whether this happened. It is being found out; ask again with the same key.",
        effect=ProviderEffect.UNKNOWN,
        retry_after_ms=_milliseconds(wait),
        stripe_request_id=failure.request_id if failure else None,
        retryable=True,
    ).to_record()


def _call_a_person(operation: Operation) -> None:
    log.error("operation.needs_review", operation=str(operation.id), kind=operation.kind.value, step=operation.step)
    operation.state = OperationState.NEEDS_REVIEW
    operation.error = ProviderProblem(
        ErrorCode.OUTCOME_UNKNOWN,
        "Stripe cannot tell whether this happened. Somebody of ours looks at it; ask again later with the same key.",
        effect=ProviderEffect.UNKNOWN,
        retryable=True,
    ).to_record()


async def _failed(
    operation: Operation, order: Order, payment: Payment, refund: Refund | None, verdict: Verdict, cause: Cause
) -> None:
    failure = verdict.failure
    assert failure is not None
    if verdict.gone:
        await mark_payment_missing(order, payment, cause.answered_by(failure.request_id))
    if refund is not None:
        refund.failure_reason = failure.code or "refused"
        await change_refund(order, payment, refund, RefundStatus.FAILED, cause=cause.answered_by(failure.request_id))
        for seen in verdict.refunds:
            with suppress(
                NotYet
            ):  # no room beside another reservation of ours: its webhook or the poller will bring it
                await apply_provider_refund(order, payment, seen, cause=cause)
        _fail(operation, refund_error(failure, refund, payment))
        return
    if verdict.payment is not None:
        await _apply_payment(order, payment, verdict, cause)
    step = Step(operation.step)
    error = payment_error(failure, step, payment, operation.params[step])
    answered = cause.answered_by(failure.request_id)
    if step is Step.CREATE:
        await abandon_payment(order, payment, error, answered)
    elif step is Step.CONFIRM and failure.outcome is Outcome.REJECTED and not isinstance(error, InvalidState):
        await keep_refused_attempt(order, payment, error, answered)
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
    """What a caller is told to wait: no less than a second, or it would be a hammer."""
    return max(RETRY_AFTER_MS, int(wait.total_seconds() * 1000))
