"""The idempotency contract: one key, one operation, one answer.

A key belongs to a caller and a mutation. The first call writes the operation in the transaction that writes the rows it
accepts; every later call reads it. A refusal before acceptance leaves no trace: the key is still free.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tortoise.exceptions import IntegrityError

from database.row_writer import build_row
from database.statements import (
    ConcurrentModification,
    Insert,
    insert_if_new,
    read_one,
)
from database.transactions import CONFLICTS, DatabaseUnavailable, finish, run_as_one_statement
from database.unit_of_work import OptimisticUnitOfWork, UnitOfWork, transact
from domain.caller import Caller
from domain.deadlines import Deadline
from domain.errors import DomainError, ErrorCode, IdempotencyKeyReused, OperationInProgress, Refused
from domain.idempotency import Fingerprint, mismatched_paths
from domain.ids import derived_id, new_id
from domain.states import OperationKind, OperationState
from models import Operation, Order, Payment
from services.money.operations.runner import OperationRunner, RunResult
from services.money.state import locking
from services.money.state.locking import OrderSnapshot

KEY_LIFE = timedelta(days=30)  # as long as Stripe keeps events; a phone that was offline for a month asks `operation`
WAIT_SECONDS = 2.0  # long enough for a usual charge, short enough for a waiting screen
WAIT_STEP_SECONDS = 0.05
RETRY_AFTER_MS = 1000


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A caller's request under an idempotency key.

    `claim` identifies this call: the row of the operation shows by it which call has claimed the key.
    """

    caller: Caller
    kind: OperationKind
    key: str = field(repr=False)
    fingerprint: Fingerprint = field(repr=False)
    request_id: str
    claim: UUID = field(default_factory=new_id, repr=False)


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
        operation = _build_operation(request, runner)
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
        operation = await _claim(request, runner)
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


def derive_operation_id(request: IdempotentRequest, *, livemode: bool) -> UUID:
    """Derive the operation's id from mode, caller, mutation and key.

    A standby that takes over, or a restored backup, may lack our last commits. Because the id is derived, a client that
    repeats its key reaches the same idempotency key at Stripe instead of moving money again.
    """
    mode = "live" if livemode else "test"
    return derived_id("operation", mode, request.caller.principal, request.kind.value, request.key)


async def find_operation(caller: Caller, kind: OperationKind, key: str) -> Operation | None:
    """Return the operation of this caller's key, or None. Never runs anything."""
    named = "WHERE principal = $1 AND kind = $2 AND key = $3"
    return await read_one(Operation, named, caller.principal, kind.value, key)


def _outcome(result: RunResult, *, replayed: bool) -> OperationOutcome:
    """Make the answer to the caller. Raises OperationInProgress while the operation is being run."""
    operation = result.operation
    if operation.state is OperationState.IN_PROGRESS:
        raise OperationInProgress(operation_id=operation.id, retry_after_ms=RETRY_AFTER_MS)
    error = DomainError.from_record(operation.error) if operation.error else None
    return OperationOutcome(operation, replayed, error, result.payment, result.client_secret)


async def _claim(request: IdempotentRequest, runner: OperationRunner) -> Operation:
    """Insert the operation, or return the existing one. A second inserter waits for the first one's commit."""
    operation = _build_operation(request, runner)
    if await insert_if_new(operation):
        return operation
    claimed = await find_operation(request.caller, request.kind, request.key)
    assert claimed is not None, "a key that is neither free nor taken"
    return claimed


def _build_operation(request: IdempotentRequest, runner: OperationRunner) -> Operation:
    """Build the operation of a key that was just claimed, leased to this call."""
    until = Deadline.within(runner.lease_seconds)
    operation = build_row(
        Operation,
        id=derive_operation_id(request, livemode=runner.livemode),
        claim=request.claim,
        principal=request.caller.principal,
        kind=request.kind,
        key=request.key,
        fingerprint=request.fingerprint.digest,
        leaves=dict(request.fingerprint.leaves),
        actor=request.caller.actor.to_record(),
        request_id=request.request_id,
    )
    operation.held_until = until
    operation.due_in, operation.expires_in = timedelta(seconds=runner.lease_seconds), KEY_LIFE
    return operation


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
