"""The step that creates a setup at Stripe: the call, the look for its effect, and its record."""

from datetime import timedelta
from typing import Any, Final

import structlog

from database.statements import Update, read, read_one
from database.unit_of_work import UnitOfWork
from domain.deadlines import Deadline
from models import Customer, Operation, SetupIntent
from provider import Provider, ProviderSetup
from services.audit.trail import Cause
from services.money.operations.ends import ENDED, succeed
from services.money.operations.lookups import KEPT_AT_STRIPE
from services.money.operations.steps import Step
from services.money.state.setup_state import apply_provider_setup, mark_setup_unknown

log = structlog.get_logger(__name__)

NAMED: Final = "setup_intent_id"  # in Stripe's metadata: our id of the setup
WAITING: Final = """
WHERE customer_id = $1 AND payment_id IS NULL AND due IS NOT NULL AND setup_intent_id = $2
  AND state IN ('UNRESOLVED', 'NEEDS_REVIEW') FOR NO KEY UPDATE SKIP LOCKED
"""


async def read_setup(operation: Operation) -> SetupIntent | None:
    """Read the setup that an operation makes; None for other operations on a customer."""
    return await read_one(SetupIntent, "WHERE id = $1", operation.setup_intent_id)


async def create_setup(operation: Operation, provider: Provider, until: Deadline) -> ProviderSetup:
    """Create the setup at Stripe. An answer that Stripe repeats is as old as the first: then it is fetched."""
    params: dict[str, Any] = operation.params[Step.SETUP]
    seen = await provider.create_setup(params, key=operation.stripe_key(Step.SETUP), until=until)
    return await provider.retrieve_setup(seen.id) if seen.is_replayed else seen


async def find_setup(operation: Operation, provider: Provider) -> ProviderSetup | None:
    """Find the setup that the step made, by listing; back as far as Stripe keeps the key. None if it made none."""
    return await provider.find_setup(
        customer_id=operation.params[Step.SETUP]["customer"],
        metadata={NAMED: str(operation.setup_intent_id)},
        created_since=operation.created_at - KEPT_AT_STRIPE,
    )


async def record_created_setup(
    work: UnitOfWork, customer: Customer, setup: SetupIntent, seen: ProviderSetup, cause: Cause
) -> None:
    """Write the answer to the creation. A setup that is known already is known by a later look. Needs the lock."""
    if setup.stripe_setup_intent_id is None:
        await apply_provider_setup(work, customer, setup, seen, since=setup.revision, cause=cause)


async def record_lost_setup(
    work: UnitOfWork, operation: Operation, customer: Customer, setup: SetupIntent, cause: Cause
) -> None:
    """Mark the setup as unknown, if its creation may have been sent. The caller holds the customer's lock."""
    if operation.step == Step.SETUP:
        await mark_setup_unknown(work, customer, setup, cause)


async def end_setup_operations(work: UnitOfWork, setup: SetupIntent) -> None:
    """End the waiting operation whose setup a look has just shown. The caller holds the customer's lock.

    An operation that another process has leased is left to that process, which reads the same row.
    """
    for operation in await read(Operation, WAITING, setup.customer_id, setup.id):
        succeed(operation)
        operation.due_in, operation.finished_in = None, timedelta()
        await work.write(Update(operation, ENDED))
        log.info("operation.ended_by_look", operation=str(operation.id), state=operation.state.value)
