"""Refresh a customer: ask Stripe for them and for the methods that they keep, and merge the answer."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from database.unit_of_work import UnitOfWork, transact
from domain.errors import ErrorCode, ProviderProblem
from domain.states import ProviderEffect
from models import Customer, Version
from provider import Provider, ProviderCustomer, ProviderMethod
from services.audit.trail import Cause
from services.money.state import locking
from services.money.state.customer_state import apply_provider_customer
from services.money.state.stale import StaleSnapshot

REFETCHES = 5


async def refresh_customer(
    customer_id: UUID,
    *,
    provider: Provider,
    cause: Cause,
    within: Callable[[], Awaitable[None]] | None = None,
) -> Customer:
    """Bring a customer and their saved methods to what Stripe has now: adopted, changed, detached, deleted.

    `within` runs in the same transaction as the change. Raises ProviderFailure. A customer whom Stripe does not know
    stays as they are: a deleted one is still known to Stripe, so the key is of another account.
    """
    for _ in range(REFETCHES):
        row = await locking.read_customer(customer_id)
        seen, methods = None, []
        if row.stripe_customer_id is not None:
            seen = await provider.retrieve_customer(row.stripe_customer_id)
            methods = [] if seen.is_deleted else await provider.list_methods(row.stripe_customer_id)
        try:
            return await transact(partial(_merge, customer_id, seen, methods, row.revision, cause, within))
        except StaleSnapshot:
            continue
    raise ProviderProblem(
        ErrorCode.PROVIDER_UNAVAILABLE,
        "The customer is changing too fast to be read. Ask again.",
        effect=ProviderEffect.NONE,
        retry_after_ms=1000,
        retryable=True,
    )


async def _merge(
    customer_id: UUID,
    seen: ProviderCustomer | None,
    methods: list[ProviderMethod],
    since: Version,
    cause: Cause,
    within: Callable[[], Awaitable[None]] | None,
    work: UnitOfWork,
) -> Customer:
    customer = await locking.lock_customer(customer_id)
    if seen is not None:
        await apply_provider_customer(work, customer, seen, methods, since=since, cause=cause)
    if within is not None:
        await within()
    return customer
