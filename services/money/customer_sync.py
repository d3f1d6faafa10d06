"""Refresh a customer: ask Stripe for them and for the methods that they keep, and merge the answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from database.unit_of_work import UnitOfWork, transact
from models import Customer, Version
from provider import Provider, ProviderCustomer, ProviderFunds, ProviderMethod
from services.audit.trail import Cause
from services.money.operations.stripe_customer import fetch_customer
from services.money.state import locking
from services.money.state.customer_state import apply_provider_customer
from services.money.state.stale import refresh_until_merged
from services.money.state.unapplied_funds import report_unapplied_funds


@dataclass(frozen=True, slots=True)
class CustomerSnapshot:
    """A customer as Stripe has them, with their methods; `funds` where they were asked for."""

    customer: ProviderCustomer
    methods: tuple[ProviderMethod, ...] = ()
    funds: ProviderFunds | None = None


async def refresh_customer(
    customer_id: UUID,
    *,
    provider: Provider,
    cause: Cause,
    within: Callable[[], Awaitable[None]] | None = None,
    with_funds: bool = False,
) -> Customer:
    """Bring a customer and their saved methods to what Stripe has now: adopted, changed, detached, deleted.

    `with_funds` also looks for money of theirs that pays nothing, and reports it. `within` runs in the same transaction
    as the change. Raises ProviderFailure. A customer whom Stripe does not know stays as they are: a deleted one is
    still known to Stripe, so the key is of another account.
    """

    async def refresh() -> Customer:
        row = await locking.read_customer(customer_id)
        seen = await _look(row.stripe_customer_id, provider, with_funds=with_funds)
        return await transact(partial(_merge, customer_id, seen, row.revision, cause, within))

    return await refresh_until_merged(refresh, subject="customer")


async def _look(stripe_customer_id: str | None, provider: Provider, *, with_funds: bool) -> CustomerSnapshot | None:
    if stripe_customer_id is None:
        return None
    customer, methods = await fetch_customer(stripe_customer_id, provider)
    has_funds = with_funds and not customer.is_deleted
    funds = await provider.retrieve_funds(stripe_customer_id) if has_funds else None
    return CustomerSnapshot(customer, tuple(methods), funds)


async def _merge(
    customer_id: UUID,
    seen: CustomerSnapshot | None,
    since: Version,
    cause: Cause,
    within: Callable[[], Awaitable[None]] | None,
    work: UnitOfWork,
) -> Customer:
    customer = await locking.lock_customer(customer_id)
    if seen is not None:
        await apply_provider_customer(work, customer, seen.customer, seen.methods, since=since, cause=cause)
        if seen.funds is not None:
            await report_unapplied_funds(customer, seen.funds, cause)
    if within is not None:
        await within()
    return customer
