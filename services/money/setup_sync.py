"""Refresh a setup: ask Stripe for its state and its method, and merge the answer."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from database.statements import read
from database.unit_of_work import UnitOfWork, transact
from models import SetupIntent, Version
from provider import Provider, ProviderSetup
from services.audit.trail import Cause
from services.money.operations.setup_steps import end_setup_operations
from services.money.state import locking
from services.money.state.setup_state import apply_provider_setup
from services.money.state.stale import refresh_until_merged


async def refresh_setup(
    setup_id: UUID,
    *,
    provider: Provider,
    cause: Cause,
    intent_id: str | None = None,
    within: Callable[[], Awaitable[None]] | None = None,
) -> SetupIntent:
    """Bring a setup to what Stripe has now, and record the method that its customer keeps by it.

    `intent_id` is for a setup that has none yet. `within` runs in the same transaction as the change. Raises
    ProviderFailure.
    """

    async def refresh() -> SetupIntent:
        (row,) = await read(SetupIntent, "WHERE id = $1", setup_id)
        intent = row.stripe_setup_intent_id or intent_id
        if intent is None:
            return row
        seen = await provider.retrieve_setup(intent)
        return await transact(partial(_merge, setup_id, seen, row.revision, cause, within))

    return await refresh_until_merged(refresh, subject="setup")


async def _merge(
    setup_id: UUID,
    seen: ProviderSetup,
    since: Version,
    cause: Cause,
    within: Callable[[], Awaitable[None]] | None,
    work: UnitOfWork,
) -> SetupIntent:
    customer = await locking.lock_customer_of_setup(setup_id)
    (setup,) = await read(SetupIntent, "WHERE id = $1", setup_id)
    await apply_provider_setup(work, customer, setup, seen, since=since, cause=cause)
    if setup.stripe_setup_intent_id is not None:
        await end_setup_operations(work, setup)
    if within is not None:
        await within()
    return setup
