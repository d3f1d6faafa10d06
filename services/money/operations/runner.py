"""The run loop: takes an accepted operation through its steps.

The request that accepted it, a retry with the same key, and the janitor all call `OperationRunner.run`. A lease (`due`)
says which process may run it; a fencing token (`attempt`) says whose writes count.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from database.leases import TAKEN, LeaseLost
from database.statements import ConcurrentModification, Update, change_rows
from database.transactions import CONFLICTS, DatabaseUnavailable, run_as_one_statement
from database.unit_of_work import OptimisticUnitOfWork, UnitOfWork, transact
from domain.caller import Actor
from domain.deadlines import Deadline
from domain.states import OPERATION_OPEN, OperationState, ProviderEffect
from models import Operation, Order, Payment
from provider import Provider, ProviderFailure
from services.audit.trail import Cause
from services.money.operations.outcomes import CRASHED, Recording, apply_result, call_a_person, leave_open
from services.money.operations.provider_calls import (
    WAITING,
    Step,
    StepOutcome,
    StepResult,
    execute_step,
    failed_attempt,
    refund_made_by,
)
from services.money.state import locking
from services.money.state.divergence import is_not_as_asked
from services.money.state.payment_state import StaleSnapshot
from services.retry_policy import RetryPolicy, back_off, open_interval

log = structlog.get_logger(__name__)

REFETCHES = 5  # each one means that the row changed meanwhile; five in a row do not happen by chance

# A lease: `due` is moved forward, and a new fencing token is assigned. NEEDS_REVIEW stays. A process that held the
# lease before and left no result may have sent the request at any moment of its lease.
LEASE = f"""
UPDATE operation SET {TAKEN},
  first_sent_at = CASE WHEN state = 'IN_PROGRESS'
    THEN coalesce(first_sent_at, greatest(created_at, due - $1 * interval '1 second')) ELSE first_sent_at END,
  state = CASE WHEN state = 'NEEDS_REVIEW' THEN state ELSE 'IN_PROGRESS' END
"""  # noqa: S608 - built from our own words
TAKE = f"""{LEASE}
WHERE id = $2 AND due IS NOT NULL
  AND (due <= now() OR ($3 AND state = 'UNRESOLVED' AND updated_at < now() - interval '1 second'))
"""
TAKE_NEXT = f"""{LEASE}
WHERE id = (SELECT id FROM operation WHERE due <= now() ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - built from our own words
TAKE_FOR_REVIEW = f"""{LEASE}
WHERE id = $2 AND state = 'NEEDS_REVIEW'
"""
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
    """An operation after a run, and the payment as the run left it, if it is known."""

    operation: Operation
    payment: Payment | None = None
    client_secret: str | None = field(default=None, repr=False)


Within = Callable[[UnitOfWork, Operation], Awaitable[None]]


async def write_nothing_else(_: UnitOfWork, __: Operation) -> None:
    """Write nothing more in the transaction of phase 3, as most callers do."""


@dataclass(frozen=True, slots=True)
class OperationRunner:
    """Runs operations against one provider, with one retry policy."""

    provider: Provider
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def lease_seconds(self) -> float:
        return self.policy.lease_seconds

    @property
    def livemode(self) -> bool:
        return self.provider.livemode

    async def take(self, operation_id: UUID, *, nudge: bool = False) -> Operation | None:
        """Lease an operation that is due, or return None. `nudge` also takes one that waits for its next try."""
        return await self._lease(TAKE, operation_id, nudge)

    async def take_next(self) -> Operation | None:
        """Lease the operation that has been due for longest, or return None when none is due."""
        return await self._lease(TAKE_NEXT)

    async def take_for_review(self, operation_id: UUID) -> Operation | None:
        """Lease an operation that needs a review, even from another reviewer; None when it needs none."""
        return await self._lease(TAKE_FOR_REVIEW, operation_id)

    async def _lease(self, statement: str, *values: object) -> Operation | None:
        """Lease an operation by this statement, with the fencing token that it assigns; None when it finds none."""
        until = Deadline.within(self.policy.lease_seconds)  # taken first: the database's lease begins later
        taken = await change_rows(Operation, statement, self.policy.lease_seconds, *values)
        if not taken:
            return None
        taken[0].held_until = until
        return taken[0]

    async def run(self, operation: Operation, *, in_request: bool, payment: Payment | None = None) -> RunResult:
        """Run the operation as far as possible now. The caller holds its lease, and passes the payment if it is read.

        In a request, short waits are spent here, within the request's budget; in the worker the row waits.
        """
        deadline = time.monotonic() + self.policy.request_budget_seconds
        secret: str | None = None
        while operation.is_open:
            recorded = await self._run_step(operation, payment)
            operation, payment = recorded.operation, recorded.payment
            secret = recorded.client_secret or secret
            if payment is None:  # another process has taken it over, or a bug stopped it
                break
            if operation.state is OperationState.IN_PROGRESS or not operation.is_open:
                continue
            is_soon = in_request and operation.state is OperationState.UNRESOLVED
            taken = await self._wait_and_take(operation, deadline) if is_soon else None
            payment = None  # nobody held the lease meanwhile, so the row may have changed
            if taken is None:
                operation = await locking.read_operation(operation.id)
                break
            operation = taken
        return RunResult(operation, payment, secret)

    async def _run_step(self, operation: Operation, payment: Payment | None) -> RunResult:
        """Run one step and record its result.

        The result has no payment when the run must stop: another process has taken the operation over, or a bug ended
        the step and is kept on the operation for a person.
        """
        step_result: StepResult | None = None
        try:
            payment = payment or await locking.read_payment(operation.payment_id)
            step_result = await execute_step(operation, payment, provider=self.provider, policy=self.policy)
            return await self._record_if_unchanged(operation, payment, step_result) or await self.record_outcome(
                operation, step_result
            )
        except LeaseLost:
            return RunResult(
                await locking.read_operation(operation.id), None, _secret(step_result) if step_result else None
            )
        except (DatabaseUnavailable, *CONFLICTS):
            raise
        except Exception:
            log.exception("operation.crashed", operation=str(operation.id), step=operation.step)
            return RunResult(await transact(lambda work: self._record_crash(work, operation), patient=True))

    async def _record_crash(self, work: UnitOfWork, leased: Operation) -> Operation:
        """Record that a bug of ours ended the run: it is tried again once, then a person is called."""
        operation = await locking.lock_operation(leased.id)
        if operation.attempt == leased.attempt and operation.is_open:
            is_again, wait = operation.last_problem == CRASHED, self._back_off(operation)
            leave_open(operation, wait=wait, problem=CRASHED)
            if is_again:
                call_a_person(operation)
                wait = self.policy.review()
            operation.due_in = wait
            operation.first_sent_at = operation.first_sent_at or self.policy.leased_at(leased)
            await work.write(Update(operation, RUN_FIELDS))
        return operation

    async def _wait_and_take(self, operation: Operation, deadline: float) -> Operation | None:
        wait = (operation.due_in or timedelta()).total_seconds()
        if time.monotonic() + wait > deadline:
            return None
        await asyncio.sleep(max(wait, 0.0) + 0.01)
        return await self.take(operation.id)

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
                step_result = await self._fetch_again(operation, step_result)
        unknown = replace(step_result, kind=StepOutcome.UNKNOWN, payment=None)
        recorded = await transact(partial(self._record_under_locks, operation, unknown, by, within), patient=True)
        return replace(recorded, client_secret=_secret(step_result))

    async def _record_under_locks(
        self, leased: Operation, step_result: StepResult, by: Actor | None, within: Within, work: UnitOfWork
    ) -> RunResult:
        operation = await locking.lock_operation(leased.id)
        if operation.attempt != leased.attempt or not operation.is_open:
            raise LeaseLost
        operation.held_until = leased.held_until
        if (operation.step, operation.generation) != (leased.step, leased.generation):
            # This very result is written: the connection was lost before the answer to COMMIT came.
            return RunResult(operation, await locking.read_payment(operation.payment_id), _secret(step_result))
        assert operation.payment_id is not None
        order, payment = await locking.lock_payment(operation.payment_id)
        recorded = await self._record(work, operation, order, payment, step_result, by, within)
        self._log(recorded, step_result)
        return recorded

    async def _record_if_unchanged(
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
            or not isinstance(payment.order, Order)
        ):
            return None
        if step_result.payment is not None and is_not_as_asked(payment, step_result.payment):
            return None  # its discrepancy is written in the same transaction, by a statement of its own
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
        self._log(recorded, step_result)
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
        wait, leased_at = self._wait(operation, step_result), self.policy.leased_at(operation)
        cause = Cause(
            actor=by or Actor.from_record(operation.actor), operation_id=operation.id, request_id=operation.request_id
        )
        await apply_result(Recording(work, operation, order, payment, step_result, cause, wait))
        if step_result.kind is StepOutcome.ABSENT:
            operation.generation += 1
            operation.first_sent_at, operation.last_problem = None, None
            operation.effect = ProviderEffect.NONE
        elif operation.effect is ProviderEffect.UNKNOWN and operation.first_sent_at is None:
            operation.first_sent_at = leased_at
        if operation.state is OperationState.IN_PROGRESS:
            operation.due_in = timedelta(seconds=self.policy.lease_seconds)
            operation.held_until = Deadline.within(self.policy.lease_seconds)
        elif operation.state is OperationState.UNRESOLVED:
            operation.due_in = wait
        elif operation.state is OperationState.NEEDS_REVIEW:
            operation.due_in = self.policy.review()
        else:
            operation.due_in, operation.finished_in = None, timedelta()
        await within(work, operation)
        await work.write(Update(operation, RUN_FIELDS))
        return RunResult(operation, payment, _secret(step_result))

    def _log(self, recorded: RunResult, step_result: StepResult) -> None:
        operation = recorded.operation
        log.info(
            "operation.settled",
            operation=str(operation.id),
            kind=operation.kind.value,
            step=operation.step,
            outcome=step_result.kind.value,
            state=operation.state.value,
            failure=str(step_result.failure) if step_result.failure else None,
        )

    def _wait(self, operation: Operation, step_result: StepResult) -> timedelta:
        """Return the time until the next try: Stripe's Retry-After, the breaker's open interval, or the back-off."""
        failure = step_result.failure
        if failure is not None and failure.retry_after_seconds is not None:
            return open_interval(failure.retry_after_seconds)
        if failure is not None and failure.is_no_answer and self.provider.breaker_open_seconds > 0:
            return open_interval(self.provider.breaker_open_seconds)
        return self._back_off(operation)

    def _back_off(self, operation: Operation) -> timedelta:
        age = self.policy.leased_at(operation) - operation.created_at
        return back_off(operation.attempt, open_seconds=age.total_seconds())

    async def _fetch_again(self, operation: Operation, step_result: StepResult) -> StepResult:
        payment = await locking.read_payment(operation.payment_id)
        intent = payment.stripe_payment_intent_id or (step_result.payment.id if step_result.payment else None)
        assert intent is not None, "a stale snapshot of a payment that Stripe does not know"
        try:
            if operation.refund_id is not None:
                return await self._fetch_refunds_again(operation, payment, step_result)
            seen = await self.provider.retrieve_payment(intent)
        except ProviderFailure as failure:
            return replace(step_result, kind=StepOutcome.UNKNOWN, payment=None, failure=failure, by_lookup=True)
        seen = replace(seen, client_secret=seen.client_secret or _secret(step_result))
        if operation.step == Step.CONFIRM and seen.status in WAITING:
            return failed_attempt(seen, payment.revision)
        return replace(step_result, payment=seen, since=payment.revision, fetched=True)

    async def _fetch_refunds_again(self, operation: Operation, payment: Payment, step_result: StepResult) -> StepResult:
        refund, refunds = step_result.refund, step_result.refunds
        assert payment.stripe_payment_intent_id is not None, "a refund of a payment that Stripe does not know"
        if refund is not None:
            refund = await self.provider.retrieve_refund(refund.id)
        if refunds:
            refunds = tuple(await self.provider.list_refunds(payment.stripe_payment_intent_id))
            if (made := refund_made_by(operation, refunds)) is not None:
                step_result, refund = replace(step_result, kind=StepOutcome.DONE), made
        return replace(step_result, refund=refund, refunds=refunds, since=payment.revision, fetched=True)


def _secret(step_result: StepResult) -> str | None:
    return step_result.payment.client_secret if step_result.payment else None
