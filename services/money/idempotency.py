"""The idempotency contract: one key, one act, one answer.

A key belongs to a caller and a mutation. The first call writes the operation in the same transaction as the rows it
accepts; every later call reads it. A refusal before acceptance leaves no trace: the key is still free.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
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
from models import Operation, Payment
from services.money import locking
from services.money.locking import OrderSnapshot

KEY_LIFE = timedelta(days=30)  # as long as Stripe keeps events; a phone that was off for a month asks `operation`
WAIT_SECONDS = 2.0  # long enough for a usual charge, short enough for a waiting screen
WAIT_STEP_SECONDS = 0.05
RETRY_AFTER_MS = 1000


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """What a caller asks under a key."""

    caller: Caller
    kind: OperationKind
    key: str = field(repr=False)
    fingerprint: Fingerprint = field(repr=False)
    request_id: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an operation. `client_secret` is only known to the call that made the payment, and `payment`, as
    this call left it, only to one that carried something out."""

    operation: Operation
    replayed: bool
    error: DomainError | None = None
    payment: Payment | None = None
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RunResult:
    """An operation after somebody drove it as far as it would go, and the payment as that left it, if it is known."""

    operation: Operation
    payment: Payment | None = None
    client_secret: str | None = field(default=None, repr=False)


class ConcurrentOperation(Exception):
    """Another operation is at work on the same payment."""

    def __init__(self, operation_id: UUID) -> None:
        super().__init__("another operation is at work on this payment")
        self.operation_id = operation_id


class Runner(Protocol):
    """Whoever carries accepted operations out: `services.money.runner.Driver`."""

    @property
    def lease_seconds(self) -> float: ...

    @property
    def livemode(self) -> bool: ...

    async def drive(self, operation: Operation, *, in_request: bool, payment: Payment | None = None) -> RunResult: ...

    async def take(self, operation_id: UUID, *, nudge: bool = False) -> Operation | None: ...


Accept = Callable[[UnitOfWork, Operation], Awaitable[Payment | None]]
AS_SEEN = "SELECT 1 FROM orders WHERE id = $1 AND last_sequence = $2 AND last_hash = $3 FOR NO KEY UPDATE"


async def run_once(ask: IdempotentRequest, accept: Accept, runner: Runner) -> Outcome:
    """Run what is asked at most once for this key, and answer the same way every time.

    `accept` runs inside phase 1's transaction with the fresh operation: it checks the rules, writes the rows and gives
    the payment that is to be driven; a `DomainError` from it undoes the claim as well. Raises IdempotencyKeyReused,
    OperationInProgress, Refused(IDEMPOTENCY_KEY_EXPIRED) and whatever `accept` refuses.
    """
    earlier = await find_operation(ask.caller, ask.kind, ask.key)
    if earlier is not None:  # a repetition needs no transaction
        return await _answer_again(ask, earlier, runner)
    return await _run(ask, accept, runner, claim=new_id())


async def run_once_as_seen(
    ask: IdempotentRequest, seen: OrderSnapshot, at_once: Accept, accept: Accept, runner: Runner
) -> Outcome:
    """The same where the order and the key were seen by one statement: phase 1 is one statement too.

    `at_once` accepts on the order as it was seen, `accept` under its lock. Everything that happens to an order
    lengthens its chain: while that ends as it was seen, the rules were checked on the database's truth. Whatever else
    comes of it, a refusal too, `accept` is asked.
    """
    if seen.operation is not None:
        outcome = await _answer_again(ask, seen.operation, runner)
        is_as_seen = outcome.operation is seen.operation
        return replace(outcome, payment=seen.payment(outcome.operation.payment_id)) if is_as_seen else outcome
    claim = new_id()
    claimed = await _accepted_at_once(ask, seen, at_once, runner, claim)
    return await _run(ask, accept, runner, claim=claim, claimed=claimed)


async def _accepted_at_once(
    ask: IdempotentRequest, seen: OrderSnapshot, at_once: Accept, runner: Runner, claim: UUID
) -> RunResult | None:
    """Phase 1 by one statement; None where it needs locks. As if nothing was sent then, or the fresh operation stands.

    It locks the order and then claims the key, the other way round than a transaction does. Two that meet so are a
    deadlock, which PostgreSQL ends; it takes a third caller with the same key, between the other two.
    """
    order = seen.order
    assert order is not None, "nothing to accept on"
    still = [order.id, order.last_sequence, order.last_hash]

    async def body() -> RunResult:
        work = OptimisticUnitOfWork()
        operation = _fresh(ask, claim, runner)
        await work.write(Insert(operation))
        payment = await at_once(work, operation)
        await work.commit_if_unchanged(AS_SEEN, still)
        return RunResult(operation, payment)

    try:
        return await by_one_statement(body)
    except DatabaseUnavailable as trouble:
        if not trouble.lost:  # no connection was free: to wait for another one would only make the queue longer
            raise
    except (DomainError, ConcurrentModification, IntegrityError, *CONFLICTS):
        pass
    return None


async def _run(
    ask: IdempotentRequest, accept: Accept, runner: Runner, *, claim: UUID, claimed: RunResult | None = None
) -> Outcome:
    """Claim the key for this call, unless that is done (`claimed`), and drive the operation."""
    until = Deadline.within(runner.lease_seconds)

    async def phase_1(work: UnitOfWork) -> RunResult:
        operation = await _claim(ask, claim, runner)
        if operation.claim != claim:
            return RunResult(operation)
        operation.held_until = until
        # A commit whose answer was lost runs this body again: what it accepted then stands, and is not done twice.
        is_accepted = bool(operation.step) or not operation.is_open
        return RunResult(operation, None if is_accepted else await accept(work, operation))

    claimed = claimed or await _when_free(phase_1)
    operation = claimed.operation
    if operation.claim != claim:
        return await _answer_again(ask, operation, runner)
    if operation.is_open:
        return _outcome(await finish(runner.drive(operation, in_request=True, payment=claimed.payment)), replayed=False)
    return _outcome(claimed, replayed=False)


def operation_id(ask: IdempotentRequest, *, livemode: bool) -> UUID:
    """The id of the operation that stands for a caller's key: the same whenever it is asked for.

    A standby that takes over may not have our last commits, and neither has a backup. A client that repeats its key
    then meets what Stripe has under it, instead of moving money again.
    """
    mode = "live" if livemode else "test"
    return derived_id("operation", mode, ask.caller.principal, ask.kind.value, ask.key)


async def find_operation(caller: Caller, kind: OperationKind, key: str) -> Operation | None:
    """What became of this caller's key? Never runs anything."""
    named = "WHERE principal = $1 AND kind = $2 AND key = $3"
    return await read_one(Operation, named, caller.principal, kind.value, key)


def _outcome(driven: RunResult, *, replayed: bool) -> Outcome:
    """What to tell the caller about an operation as it stands. Raises OperationInProgress while it is being driven."""
    operation = driven.operation
    if operation.state is OperationState.IN_PROGRESS:
        raise OperationInProgress(operation_id=operation.id, retry_after_ms=RETRY_AFTER_MS)
    error = DomainError.from_record(operation.error) if operation.error else None
    return Outcome(operation, replayed, error, driven.payment, driven.client_secret)


async def _when_free(phase_1: Callable[[UnitOfWork], Awaitable[RunResult]]) -> RunResult:
    """Run phase 1, waiting a little for another operation on the payment to end: one of two sees the other's result."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await transact(phase_1)
        except ConcurrentOperation as busy:
            while (await locking.read_operation(busy.operation_id)).is_open:
                if time.monotonic() >= deadline:
                    raise OperationInProgress(operation_id=busy.operation_id, retry_after_ms=RETRY_AFTER_MS) from None
                await asyncio.sleep(WAIT_STEP_SECONDS)


async def _claim(ask: IdempotentRequest, claim: UUID, runner: Runner) -> Operation:
    """Insert the operation, or find the one that is there. A second inserter waits for the first one's commit."""
    build_row = _fresh(ask, claim, runner)
    if await insert_if_new(build_row):
        return build_row
    claimed = await find_operation(ask.caller, ask.kind, ask.key)
    assert claimed is not None, "a key that is neither free nor taken"
    return claimed


def _fresh(ask: IdempotentRequest, claim: UUID, runner: Runner) -> Operation:
    """The operation of a key that was just claimed, leased to whoever claims it."""
    until = Deadline.within(runner.lease_seconds)
    operation = build_row(
        Operation,
        id=operation_id(ask, livemode=runner.livemode),
        claim=claim,
        principal=ask.caller.principal,
        kind=ask.kind,
        key=ask.key,
        fingerprint=ask.fingerprint.digest,
        leaves=dict(ask.fingerprint.leaves),
        actor=ask.caller.actor.to_record(),
        request_id=ask.request_id,
    )
    operation.held_until = until
    operation.due_in, operation.expires_in = timedelta(seconds=runner.lease_seconds), KEY_LIFE
    return operation


async def _answer_again(ask: IdempotentRequest, operation: Operation, runner: Runner) -> Outcome:
    """Answer a later call with the same key: the same outcome, or an honest "not yet"."""
    if operation.fingerprint != ask.fingerprint.digest:
        raise IdempotencyKeyReused(
            mismatched_paths=mismatched_paths(operation.leaves, ask.fingerprint.leaves), operation_id=operation.id
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
            return _outcome(await finish(runner.drive(taken, in_request=True)), replayed=True)
        if time.monotonic() >= deadline:
            break
        await asyncio.sleep(WAIT_STEP_SECONDS)
        operation = await locking.read_operation(operation.id)
    return _outcome(RunResult(operation), replayed=True)
