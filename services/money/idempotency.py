"""The idempotency contract: one key, one act, one answer.

A key belongs to a caller and a mutation. The first call writes the operation in the same transaction as the rows it
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
from database.transactions import CONFLICTS, DatabaseUnavailable, by_one_statement, finish
from database.unit_of_work import OptimisticUnitOfWork, UnitOfWork, transact
from domain.caller import Caller
from domain.deadlines import Deadline
from domain.errors import DomainError, ErrorCode, IdempotencyKeyReused, OperationInProgress, Refused
from domain.idempotency import Fingerprint, mismatched_paths
from domain.ids import derived_id, new_id
from domain.states import OperationKind, OperationState
from models import Operation, Order, Payment
from services.money import locking
from services.money.locking import OrderSnapshot
from services.money.runner import OperationRunner, RunResult

KEY_LIFE = timedelta(days=30)  # as long as Stripe keeps events; a phone that was off for a month asks `operation`
WAIT_SECONDS = 2.0  # long enough for a usual charge, short enough for a waiting screen
WAIT_STEP_SECONDS = 0.05
RETRY_AFTER_MS = 1000


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """What a caller asks under a key. `claim` is this call's own mark on the key, by which it knows what it claimed."""

    caller: Caller
    kind: OperationKind
    key: str = field(repr=False)
    fingerprint: Fingerprint = field(repr=False)
    request_id: str
    claim: UUID = field(default_factory=new_id, repr=False)


@dataclass(frozen=True, slots=True)
class OperationOutcome:
    """What became of an operation. `client_secret` is only known to the call that made the payment, and `payment`, as
    this call left it, only to one that carried something out."""

    operation: Operation
    replayed: bool
    error: DomainError | None = None
    payment: Payment | None = None
    client_secret: str | None = field(default=None, repr=False)


class ConcurrentOperation(Exception):
    """Another operation is at work on the same payment."""

    def __init__(self, operation_id: UUID) -> None:
        super().__init__("another operation is at work on this payment")
        self.operation_id = operation_id


Accept = Callable[[UnitOfWork, Operation], Awaitable[Payment | None]]
ORDER_UNCHANGED = "SELECT 1 FROM orders WHERE id = $1 AND last_sequence = $2 AND last_hash = $3 FOR NO KEY UPDATE"


async def run_once(request: IdempotentRequest, accept: Accept, runner: OperationRunner) -> OperationOutcome:
    """Run what is asked at most once for this key, and answer the same way every time.

    `accept` runs in the transaction that claims the key, with the fresh operation: it checks the rules, writes the rows
    and gives the payment that is to be run; a `DomainError` from it undoes the claim as well. Raises
    IdempotencyKeyReused, OperationInProgress, Refused(IDEMPOTENCY_KEY_EXPIRED) and whatever `accept` refuses.
    """
    earlier = await find_operation(request.caller, request.kind, request.key)
    if earlier is not None:  # a repetition needs no transaction
        return await answer_again(request, earlier, runner)
    accepted = await accept_under_locks(request, accept, runner)
    return await carry_out(request, accepted, runner)


async def replay(request: IdempotentRequest, snapshot: OrderSnapshot, runner: OperationRunner) -> OperationOutcome:
    """Answer a later call with the same key, whose operation the snapshot holds; with its payment, if nothing moved."""
    assert snapshot.operation is not None, "a key that nobody has used"
    outcome = await answer_again(request, snapshot.operation, runner)
    if outcome.operation is not snapshot.operation:
        return outcome
    return replace(outcome, payment=snapshot.payment(outcome.operation.payment_id))


async def accept_if_unchanged(
    request: IdempotentRequest, order: Order, accept: Accept, runner: OperationRunner
) -> RunResult | None:
    """Claim the key and accept by one statement, on an order as it was read without a lock; None where it needs locks.

    Everything that happens to an order lengthens its chain: while that ends as it was read, the rules were checked on
    the database's truth. After None nothing was sent, or the fresh operation stands; whatever else comes of it, a
    refusal too, `accept_under_locks` decides.

    It locks the order and then claims the key, the other way round than a transaction does. Two that meet so are a
    deadlock, which PostgreSQL ends; it takes a third caller with the same key, between the other two.
    """
    unchanged = [order.id, order.last_sequence, order.last_hash]

    async def body() -> RunResult:
        work = OptimisticUnitOfWork()
        operation = _fresh(request, runner)
        await work.write(Insert(operation))
        payment = await accept(work, operation)
        await work.commit_if_unchanged(ORDER_UNCHANGED, unchanged)
        return RunResult(operation, payment)

    try:
        return await by_one_statement(body)
    except DatabaseUnavailable as trouble:
        if not trouble.lost:  # no connection was free: to wait for another one would only make the queue longer
            raise
    except (DomainError, ConcurrentModification, IntegrityError, *CONFLICTS):
        pass
    return None


async def accept_under_locks(request: IdempotentRequest, accept: Accept, runner: OperationRunner) -> RunResult:
    """Claim the key and accept in one transaction; an operation of another call where that has claimed the key.

    It waits a little for another operation on the same payment to end: one of two sees the other's result. Raises
    OperationInProgress when it does not end, and whatever `accept` refuses.
    """
    until = Deadline.within(runner.lease_seconds)

    async def body(work: UnitOfWork) -> RunResult:
        operation = await _claim(request, runner)
        if operation.claim != request.claim:
            return RunResult(operation)
        operation.held_until = until
        # A commit whose answer was lost runs this body again: what it accepted then stands, and is not done twice.
        is_accepted = bool(operation.step) or not operation.is_open
        return RunResult(operation, None if is_accepted else await accept(work, operation))

    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await transact(body)
        except ConcurrentOperation as busy:
            while (await locking.read_operation(busy.operation_id)).is_open:
                if time.monotonic() >= deadline:
                    raise OperationInProgress(operation_id=busy.operation_id, retry_after_ms=RETRY_AFTER_MS) from None
                await asyncio.sleep(WAIT_STEP_SECONDS)


async def carry_out(request: IdempotentRequest, accepted: RunResult, runner: OperationRunner) -> OperationOutcome:
    """Run an operation that was accepted to its end, and answer; or answer for the other call that has claimed the key.

    Raises OperationInProgress while its end is not known, and what `answer_again` raises.
    """
    operation = accepted.operation
    if operation.claim != request.claim:
        return await answer_again(request, operation, runner)
    if operation.is_open:
        return _outcome(await finish(runner.run(operation, in_request=True, payment=accepted.payment)), replayed=False)
    return _outcome(accepted, replayed=False)


def operation_id(request: IdempotentRequest, *, livemode: bool) -> UUID:
    """The id of the operation that stands for a caller's key: the same whenever it is asked for.

    A standby that takes over may not have our last commits, and neither has a backup. A client that repeats its key
    then meets what Stripe has under it, instead of moving money again.
    """
    mode = "live" if livemode else "test"
    return derived_id("operation", mode, request.caller.principal, request.kind.value, request.key)


async def find_operation(caller: Caller, kind: OperationKind, key: str) -> Operation | None:
    """What became of this caller's key? Never runs anything."""
    named = "WHERE principal = $1 AND kind = $2 AND key = $3"
    return await read_one(Operation, named, caller.principal, kind.value, key)


def _outcome(driven: RunResult, *, replayed: bool) -> OperationOutcome:
    """What to tell the caller about an operation as it stands. Raises OperationInProgress while it is being driven."""
    operation = driven.operation
    if operation.state is OperationState.IN_PROGRESS:
        raise OperationInProgress(operation_id=operation.id, retry_after_ms=RETRY_AFTER_MS)
    error = DomainError.from_record(operation.error) if operation.error else None
    return OperationOutcome(operation, replayed, error, driven.payment, driven.client_secret)


async def _claim(request: IdempotentRequest, runner: OperationRunner) -> Operation:
    """Insert the operation, or find the one that is there. A second inserter waits for the first one's commit."""
    operation = _fresh(request, runner)
    if await insert_if_new(operation):
        return operation
    claimed = await find_operation(request.caller, request.kind, request.key)
    assert claimed is not None, "a key that is neither free nor taken"
    return claimed


def _fresh(request: IdempotentRequest, runner: OperationRunner) -> Operation:
    """The operation of a key that was just claimed, leased to whoever claims it."""
    until = Deadline.within(runner.lease_seconds)
    operation = build_row(
        Operation,
        id=operation_id(request, livemode=runner.livemode),
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
    """Answer a later call with the same key: the same outcome, or an honest "not yet"."""
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
