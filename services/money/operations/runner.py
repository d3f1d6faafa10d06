"""The run loop: takes an accepted operation through its steps.

The request that accepted it, a retry with the same key, and the janitor all call `OperationRunner.run`. A lease (`due`)
says which process may run it; a fencing token (`attempt`) says whose writes count.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from tortoise.exceptions import IntegrityError

from database.leases import LeaseLost
from database.statements import ConcurrentModification, Insert, Update, change_rows
from database.transactions import CONFLICTS, DatabaseUnavailable, finish, run_as_one_statement
from database.unit_of_work import OptimisticUnitOfWork, UnitOfWork, transact
from domain.deadlines import Deadline
from domain.errors import DomainError, ErrorCode, IdempotencyKeyReused, OperationInProgress, Refused
from domain.idempotency import mismatched_paths
from domain.states import OperationState
from models import Operation, Order, Payment
from provider import Provider
from services.money.operations.claims import IdempotentRequest, build_operation, claim, find_operation
from services.money.operations.customer_steps import run_customer_step
from services.money.operations.ends import call_a_person, leave_open
from services.money.operations.leases import TAKE, TAKE_FOR_REVIEW, TAKE_NEXT
from services.money.operations.outcomes import CRASHED, RUN_FIELDS, Recorder, RunResult
from services.money.operations.provider_calls import execute_step
from services.money.operations.steps import StepResult, secret_of
from services.money.state import locking
from services.money.state.locking import OrderSnapshot
from services.retry_policy import RetryPolicy

log = structlog.get_logger(__name__)

WAIT_SECONDS = 2.0  # long enough for a usual charge, short enough for a waiting screen
WAIT_STEP_SECONDS = 0.05
RETRY_AFTER_MS = 1000


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

    @property
    def recorder(self) -> Recorder:
        """The recorder of the results of steps."""
        return Recorder(self.provider, self.policy)

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
            if recorded.is_stopped:
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
        """Run one step and record its result."""
        step_result: StepResult | None = None
        try:
            if operation.payment_id is None:
                return await run_customer_step(operation, self.recorder)
            payment = payment or await locking.read_payment(operation.payment_id)
            step_result = await execute_step(operation, payment, provider=self.provider, policy=self.policy)
            recorder = self.recorder
            recorded = await recorder.record_if_unchanged(operation, payment, step_result)
            return recorded or await recorder.record_outcome(operation, step_result)
        except LeaseLost:
            secret = secret_of(step_result) if step_result else None
            now = await locking.read_operation(operation.id)
            return RunResult(now, client_secret=secret, is_stopped=True)
        except (DatabaseUnavailable, *CONFLICTS):
            raise
        except Exception:
            log.exception("operation.crashed", operation=str(operation.id), step=operation.step)
            crashed = await transact(lambda work: self._record_crash(work, operation), patient=True)
            return RunResult(crashed, is_stopped=True)

    async def _record_crash(self, work: UnitOfWork, leased: Operation) -> Operation:
        """Record that a bug of ours ended the run: it is tried again once, then a person is called."""
        operation = await locking.lock_operation(leased.id)
        if operation.attempt == leased.attempt and operation.is_open:
            is_again, wait = operation.last_problem == CRASHED, self.recorder.back_off(operation)
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


@dataclass(frozen=True, slots=True)
class OperationOutcome:
    """The outcome of an operation, as its caller sees it.

    `client_secret` is known only to the call that created the payment. `payment` is known only to a call that ran a
    step, and is the row as that call left it.
    """

    operation: Operation
    replayed: bool
    error: DomainError | None = None
    payment: Payment | None = None
    client_secret: str | None = field(default=None, repr=False)


class ConcurrentOperation(Exception):
    """Another operation on the payment is still open."""

    def __init__(self, operation_id: UUID) -> None:
        super().__init__("another operation is at work on this payment")
        self.operation_id = operation_id


Accept = Callable[[UnitOfWork, Operation], Awaitable[Payment | None]]


ORDER_UNCHANGED = "SELECT 1 FROM orders WHERE id = $1 AND last_sequence = $2 AND last_hash = $3 FOR NO KEY UPDATE"


async def run_once(request: IdempotentRequest, accept: Accept, runner: OperationRunner) -> OperationOutcome:
    """Run the request at most once for its key, and answer the same way every time.

    `accept` runs in the transaction that claims the key, with the new operation: it checks the rules, writes the rows
    and returns the payment to run the operation on. A `DomainError` from it rolls the claim back as well. Raises
    IdempotencyKeyReused, OperationInProgress, Refused(IDEMPOTENCY_KEY_EXPIRED) and every refusal of `accept`.
    """
    earlier = await find_operation(request.caller, request.kind, request.key)
    if earlier is not None:  # a repetition needs no transaction
        return await answer_again(request, earlier, runner)
    accepted = await accept_under_locks(request, accept, runner)
    return await carry_out(request, accepted, runner)


async def replay(request: IdempotentRequest, snapshot: OrderSnapshot, runner: OperationRunner) -> OperationOutcome:
    """Answer a later call with the key, from the operation that the snapshot holds.

    The answer carries the snapshot's payment if the operation has not changed since.
    """
    assert snapshot.operation is not None, "a key that nobody has used"
    outcome = await answer_again(request, snapshot.operation, runner)
    if outcome.operation is not snapshot.operation:
        return outcome
    return replace(outcome, payment=snapshot.payment(outcome.operation.payment_id))


async def accept_if_unchanged(
    request: IdempotentRequest, order: Order, accept: Accept, runner: OperationRunner
) -> RunResult | None:
    """Claim the key and accept by one statement, on an order that was read without a lock.

    Every change of an order lengthens its event chain: while the chain ends where it was read, the rules were checked
    on the current rows. Returns None where locks are needed: then nothing was written, or the operation of this call
    stands. `accept_under_locks` decides both cases, a refusal included.

    The statement locks the order before it claims the key; a transaction claims the key first. Two calls may therefore
    deadlock, and PostgreSQL ends one of them. It takes a third caller with the same key, between the other two.
    """
    unchanged = [order.id, order.last_sequence, order.last_hash]

    async def write_all() -> RunResult:
        work = OptimisticUnitOfWork()
        operation = build_operation(request, livemode=runner.livemode, lease_seconds=runner.lease_seconds)
        await work.write(Insert(operation))
        payment = await accept(work, operation)
        await work.commit_if_unchanged(ORDER_UNCHANGED, unchanged)
        return RunResult(operation, payment)

    try:
        return await run_as_one_statement(write_all)
    except DatabaseUnavailable as trouble:
        if not trouble.lost:  # no connection was free: waiting for another one would only make the queue longer
            raise
    except (DomainError, ConcurrentModification, IntegrityError, *CONFLICTS):
        pass
    return None


async def accept_under_locks(request: IdempotentRequest, accept: Accept, runner: OperationRunner) -> RunResult:
    """Claim the key and accept in one transaction; return the operation of the other call if that has claimed the key.

    Waits up to 2 seconds for another open operation on the payment to end. Raises OperationInProgress when that does
    not end, and every refusal of `accept`.
    """
    until = Deadline.within(runner.lease_seconds)

    async def claim_and_accept(work: UnitOfWork) -> RunResult:
        operation = await claim(request, livemode=runner.livemode, lease_seconds=runner.lease_seconds)
        if operation.claim != request.claim:
            return RunResult(operation)
        operation.held_until = until
        # If the answer to COMMIT was lost, this body runs again: the rows that it accepted stand, and are not written
        # twice.
        is_accepted = bool(operation.step) or not operation.is_open
        return RunResult(operation, None if is_accepted else await accept(work, operation))

    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await transact(claim_and_accept)
        except ConcurrentOperation as busy:
            while (await locking.read_operation(busy.operation_id)).is_open:
                if time.monotonic() >= deadline:
                    raise OperationInProgress(operation_id=busy.operation_id, retry_after_ms=RETRY_AFTER_MS) from None
                await asyncio.sleep(WAIT_STEP_SECONDS)


async def carry_out(request: IdempotentRequest, accepted: RunResult, runner: OperationRunner) -> OperationOutcome:
    """Run an accepted operation to its end, and answer; answer for the other call if that has claimed the key.

    Raises OperationInProgress while the end is not known, and every error of `answer_again`.
    """
    operation = accepted.operation
    if operation.claim != request.claim:
        return await answer_again(request, operation, runner)
    if operation.is_open:
        return _outcome(await finish(runner.run(operation, in_request=True, payment=accepted.payment)), replayed=False)
    return _outcome(accepted, replayed=False)


def _outcome(result: RunResult, *, replayed: bool) -> OperationOutcome:
    """Make the answer to the caller. Raises OperationInProgress while the operation is being run."""
    operation = result.operation
    if operation.state is OperationState.IN_PROGRESS:
        raise OperationInProgress(operation_id=operation.id, retry_after_ms=RETRY_AFTER_MS)
    error = DomainError.from_record(operation.error) if operation.error else None
    return OperationOutcome(operation, replayed, error, result.payment, result.client_secret)


async def answer_again(request: IdempotentRequest, operation: Operation, runner: OperationRunner) -> OperationOutcome:
    """Answer a later call with the key: the stored outcome, or OperationInProgress.

    Raises IdempotencyKeyReused and Refused(IDEMPOTENCY_KEY_EXPIRED).
    """
    if operation.fingerprint != request.fingerprint.digest:
        raise IdempotencyKeyReused(
            mismatched_paths=mismatched_paths(operation.leaves, request.fingerprint.leaves), operation_id=operation.id
        )
    if operation.expires_at < datetime.now(UTC):
        raise Refused(
            ErrorCode.IDEMPOTENCY_KEY_EXPIRED,
            "This key was used more than 30 days ago. It will never run again; ask `operation` what became of it.",
            ("idempotencyKey",),
        )
    deadline = time.monotonic() + WAIT_SECONDS
    while operation.is_open:
        taken = await runner.take(operation.id, nudge=True)
        if taken is not None:
            return _outcome(await finish(runner.run(taken, in_request=True)), replayed=True)
        if time.monotonic() >= deadline:
            break
        await asyncio.sleep(WAIT_STEP_SECONDS)
        operation = await locking.read_operation(operation.id)
    return _outcome(RunResult(operation), replayed=True)
