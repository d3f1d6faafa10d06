"""Claims: one key, one operation. The row of a key, and the operation that has claimed it."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from database.row_writer import build_row
from database.statements import insert_if_new, read_one
from domain.caller import Caller
from domain.deadlines import Deadline
from domain.idempotency import Fingerprint
from domain.ids import derived_id, new_id
from domain.states import OperationKind
from models import Operation

KEY_LIFE = timedelta(days=30)  # as long as Stripe keeps events; a phone that was offline for a month asks `operation`


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


async def claim(request: IdempotentRequest, *, livemode: bool, lease_seconds: float) -> Operation:
    """Insert the operation, or return the existing one. A second inserter waits for the first one's commit."""
    operation = build_operation(request, livemode=livemode, lease_seconds=lease_seconds)
    if await insert_if_new(operation):
        return operation
    claimed = await find_operation(request.caller, request.kind, request.key)
    assert claimed is not None, "a key that is neither free nor taken"
    return claimed


def build_operation(request: IdempotentRequest, *, livemode: bool, lease_seconds: float) -> Operation:
    """Build the operation of a key that was just claimed, leased to this call."""
    until = Deadline.within(lease_seconds)
    operation = build_row(
        Operation,
        id=derive_operation_id(request, livemode=livemode),
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
    operation.due_in, operation.expires_in = timedelta(seconds=lease_seconds), KEY_LIFE
    return operation
