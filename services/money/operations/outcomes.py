"""Phase 3: write the result of a step on the operation, the payment and the refund, in one transaction."""

from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import structlog

from database.statements import ConcurrentModification, Update
from database.transactions import CONFLICTS, DatabaseUnavailable, run_as_one_statement
from database.unit_of_work import OptimisticUnitOfWork, UnitOfWork, transact
from domain.caller import Actor
from domain.deadlines import Deadline
from domain.errors import InvalidState
from domain.states import OPERATION_OPEN, OperationState, ProviderEffect, RefundStatus
from models import Operation, Order, Payment, Refund
from provider import Outcome, Provider, ProviderCustomer, ProviderFailure
from provider.failures import OTHER_PARAMETERS
from services.audit.trail import Cause
from services.money.operations.ends import (
    NO_ANSWER,
    advance,
    apply_to_order,
    begin_after_customer,
    call_a_person,
    end_by_rows,
    fail,
    finish_refund,
    leave_open,
    load_refund,
    unavailable,
)
from services.money.operations.lookups import fetch_again
from services.money.operations.refusals import payment_error, refund_error
from services.money.operations.steps import ATTEMPTS, SERVER_ERROR, Step, StepOutcome, StepResult, secret_of
from services.money.state import locking
from services.money.state.customer_state import mark_customer_made
from services.money.state.divergence import is_not_as_asked
from services.money.state.payment_state import (
    abandon_payment,
    apply_provider_state,
    keep_refused_attempt,
    mark_payment_missing,
    mark_payment_unknown,
)
from services.money.state.refund_state import apply_provider_refund, change_refund
from services.money.state.stale import REFETCHES, StaleSnapshot
from services.retry_policy import RetryPolicy, back_off, open_interval

log = structlog.get_logger(__name__)

UNDECIDED = frozenset({StepOutcome.UNKNOWN, StepOutcome.NOT_DONE, StepOutcome.REVIEW})
CRASHED = "crashed"  # a bug of ours ended the run

# The fields of an operation that a run may change.
RUN_FIELDS = (
    *("state", "effect", "error", "step", "generation", "first_sent_at", "last_problem"),
    *("due", "finished_at", "review"),
)

OPEN = [state.value for state in OPERATION_OPEN]
ROWS_UNCHANGED = """
SELECT 1 FROM operation o JOIN orders r ON r.id = $6 JOIN payment p ON p.id = o.payment_id
WHERE o.id = $1 AND o.attempt = $2 AND o.step = $3 AND o.generation = $4 AND o.state = ANY($5)
  AND r.last_sequence = $7 AND r.last_hash = $8 AND p.last_synced_at IS NOT DISTINCT FROM $9
FOR NO KEY UPDATE OF o, r, p
"""


@dataclass(frozen=True, slots=True)
class RunResult:
    """An operation after a run, and the payment as the run left it, if it is known.

    `is_stopped` says that the run must end here: another process has taken the operation over, or a bug of ours ended
    the step and is kept on the operation for a person.
    """

    operation: Operation
    payment: Payment | None = None
    client_secret: str | None = field(default=None, repr=False)
    is_stopped: bool = False


Within = Callable[[UnitOfWork, Operation], Awaitable[None]]


async def write_nothing_else(_: UnitOfWork, __: Operation) -> None:
    """Write nothing more in the transaction of phase 3, as most callers do."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """Phase 3: writes the results of steps on the rows, and waits as the policy says."""

    provider: Provider
    policy: RetryPolicy

    async def record_outcome(
        self,
        operation: Operation,
        step_result: StepResult,
        *,
        by: Actor | None = None,
        within: Within = write_nothing_else,
    ) -> RunResult:
        """Record a step's result (phase 3), and ask Stripe again as often as the row changed meanwhile.

        `by` is the actor who decided it, if not the caller of the operation; `within` runs in the same transaction,
        before the operation is saved. Raises `LeaseLost`.
        """
        for _ in range(REFETCHES):
            try:
                return await transact(
                    partial(self._record_under_locks, operation, step_result, by, within), patient=True
                )
            except StaleSnapshot:
                step_result = await fetch_again(operation, step_result, self.provider)
        unknown = replace(step_result, kind=StepOutcome.UNKNOWN, payment=None)
        recorded = await transact(partial(self._record_under_locks, operation, unknown, by, within), patient=True)
        return replace(recorded, client_secret=secret_of(step_result))

    async def _record_under_locks(
        self, leased: Operation, step_result: StepResult, by: Actor | None, within: Within, work: UnitOfWork
    ) -> RunResult:
        operation = await locking.lock_leased(leased)
        if (operation.step, operation.generation) != (leased.step, leased.generation):
            # This very result is written: the connection was lost before the answer to COMMIT came.
            return RunResult(operation, await locking.read_payment(operation.payment_id), secret_of(step_result))
        assert operation.payment_id is not None
        order, payment = await locking.lock_payment(operation.payment_id)
        recorded = await self._record(work, operation, order, payment, step_result, by, within)
        self.log(recorded.operation, step_result.kind, step_result.failure)
        return recorded

    async def record_if_unchanged(
        self, leased: Operation, payment: Payment, step_result: StepResult
    ) -> RunResult | None:
        """Record phase 3 by one statement, on the rows as the phase before left them; None where locks are needed.

        Every change of an order lengthens its event chain, and every merged snapshot changes the payment's
        `last_synced_at`: while both are unchanged, and nobody has taken the operation over, our rows are the
        database's. Whatever fails here, `record_outcome` decides under locks.
        """
        if (
            step_result.kind is not StepOutcome.DONE
            or leased.refund_id is not None
            or step_result.customer is not None
            or not isinstance(payment.order, Order)
        ):
            return None
        seen = step_result.payment
        if seen is not None and (seen.kept_method is not None or is_not_as_asked(payment, seen)):
            return None  # the customer's method, or a discrepancy, is written by a statement of its own
        operation, order = copy(leased), payment.order
        before = [leased.id, leased.attempt, leased.step, leased.generation, OPEN]
        before += [order.id, order.last_sequence, order.last_hash, payment.last_synced_at]

        async def write_all() -> RunResult:
            work = OptimisticUnitOfWork()
            recorded = await self._record(work, operation, order, payment, step_result, None, write_nothing_else)
            await work.commit_if_unchanged(ROWS_UNCHANGED, before)
            return recorded

        try:
            recorded = await run_as_one_statement(write_all)
        except (ConcurrentModification, StaleSnapshot, DatabaseUnavailable, *CONFLICTS):
            return None
        self.log(recorded.operation, step_result.kind, step_result.failure)
        return recorded

    async def _record(
        self,
        work: UnitOfWork,
        operation: Operation,
        order: Order,
        payment: Payment,
        step_result: StepResult,
        by: Actor | None,
        within: Within,
    ) -> RunResult:
        """Apply the result to rows that nobody else is changing, and write them."""
        wait = self.wait(operation, step_result.failure)
        cause = Cause(
            actor=by or Actor.from_record(operation.actor), operation_id=operation.id, request_id=operation.request_id
        )
        await apply_result(Recording(work, operation, order, payment, step_result, cause, wait))
        self.schedule(operation, step_result.kind, wait)
        await within(work, operation)
        is_new_step = step_result.customer is not None  # the next step's parameters name the customer
        await work.write(Update(operation, (*RUN_FIELDS, "params") if is_new_step else RUN_FIELDS))
        return RunResult(operation, payment, secret_of(step_result))

    def schedule(self, operation: Operation, kind: StepOutcome, wait: timedelta) -> None:
        """Set the moment from which the operation may be taken up again, and the clock of its key at Stripe."""
        if kind is StepOutcome.ABSENT:
            operation.generation += 1
            operation.first_sent_at, operation.last_problem = None, None
            operation.effect = ProviderEffect.NONE
        elif operation.effect is ProviderEffect.UNKNOWN and operation.first_sent_at is None:
            operation.first_sent_at = self.policy.leased_at(operation)
        if operation.state is OperationState.IN_PROGRESS:
            operation.due_in = timedelta(seconds=self.policy.lease_seconds)
            operation.held_until = Deadline.within(self.policy.lease_seconds)
        elif operation.state is OperationState.UNRESOLVED:
            operation.due_in = wait
        elif operation.state is OperationState.NEEDS_REVIEW:
            operation.due_in = self.policy.review()
        else:
            operation.due_in, operation.finished_in = None, timedelta()

    def log(self, operation: Operation, kind: StepOutcome, failure: ProviderFailure | None) -> None:
        """Log the result of a step."""
        log.info(
            "operation.settled",
            operation=str(operation.id),
            kind=operation.kind.value,
            step=operation.step,
            outcome=kind.value,
            state=operation.state.value,
            failure=str(failure) if failure else None,
        )

    def wait(self, operation: Operation, failure: ProviderFailure | None) -> timedelta:
        """Return the time until the next try: Stripe's Retry-After, the breaker's open interval, or the back-off."""
        if failure is not None and failure.retry_after_seconds is not None:
            return open_interval(failure.retry_after_seconds)
        if failure is not None and failure.is_no_answer and self.provider.breaker_open_seconds > 0:
            return open_interval(self.provider.breaker_open_seconds)
        return self.back_off(operation)

    def back_off(self, operation: Operation) -> timedelta:
        age = self.policy.leased_at(operation) - operation.created_at
        return back_off(operation.attempt, open_seconds=age.total_seconds())


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
    refund = await load_refund(operation)
    # A webhook or a lookup may have been quicker than the answer: the first one decides what the caller reads.
    if recording.step_result.kind not in UNDECIDED or not end_by_rows(operation, payment, refund):
        await _apply(recording, refund)
    await apply_to_order(recording.work, operation, recording.order, payment, recording.cause)


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
            operation.error = unavailable(operation, recording.wait).to_record()
        case StepOutcome.DONE if refund is not None:
            finish_refund(operation, await _apply_refund(recording))
        case StepOutcome.DONE if recording.step_result.customer is not None:
            await _apply_customer(recording, recording.step_result.customer)
        case StepOutcome.DONE:
            await _apply_payment(recording)
            advance(operation, recording.payment)
        case StepOutcome.FAILED:
            await _record_failure(recording, refund)


async def _apply_customer(recording: Recording, seen: ProviderCustomer) -> None:
    """Write the customer that the payment needs, and go on to its creation."""
    customer = await locking.lock_customer(recording.payment.customer_id)
    await mark_customer_made(recording.work, customer, seen, recording.cause)
    begin_after_customer(recording.operation, customer.stripe_customer_id or seen.id)


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


async def _mark_unknown(recording: Recording, refund: Refund | None) -> None:
    work, operation, step_result = recording.work, recording.operation, recording.step_result
    order, payment = recording.order, recording.payment
    failure = step_result.failure
    if refund is None and operation.step != Step.UPDATE:  # of an updated payment only the amount is not known
        await mark_payment_unknown(work, order, payment, recording.cause)
    elif refund is not None and refund.status is RefundStatus.INITIATED:
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
        fail(operation, refund_error(failure, refund, payment))
        return
    if step_result.payment is not None:
        await _apply_payment(recording)
    step = Step(operation.step)
    error = payment_error(failure, step, payment, operation.params)
    answered = cause.answered_by(failure.request_id)
    if payment.stripe_payment_intent_id is None:
        await abandon_payment(work, order, payment, error, answered)
    elif step in ATTEMPTS and failure.outcome is Outcome.REJECTED and not isinstance(error, InvalidState):
        await keep_refused_attempt(work, order, payment, error, answered)
    fail(operation, error)
