"""Sessions in which Stripe's elements show a customer what they keep; the customer is made at Stripe when needed."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from database.unit_of_work import UnitOfWork, transact
from domain.deadlines import Deadline
from domain.states import CustomerSessionComponent
from models import Customer
from provider import ProviderCustomer, ProviderCustomerSession, ProviderFailure
from provider.failures import DEFINITE
from services.audit.trail import Cause
from services.money.customer_sync import refresh_customer
from services.money.operations.customer_steps import CUSTOMER, customer_error
from services.money.operations.runner import OperationRunner
from services.money.operations.stripe_customer import make_customer, prepare_customer
from services.money.state import locking
from services.money.state.customer_state import mark_customer_made
from services.money.sync import unavailable

ENABLED: Final = "enabled"
# What was kept by a payment here is shown too: Stripe alone shows what its own checkbox kept.
SHOWN: Final = {"payment_method_allow_redisplay_filters": ["always", "limited", "unspecified"]}
KEPT: Final = SHOWN | {
    "payment_method_redisplay": ENABLED,
    "payment_method_remove": ENABLED,
    "payment_method_save": ENABLED,
}
FEATURES: Final[dict[CustomerSessionComponent, dict[str, Any]]] = {
    CustomerSessionComponent.PAYMENT_ELEMENT: KEPT | {"payment_method_save_usage": "off_session"},
    CustomerSessionComponent.MOBILE_PAYMENT_ELEMENT: KEPT,
    CustomerSessionComponent.CUSTOMER_SHEET: SHOWN | {"payment_method_remove": ENABLED},
}


async def open_customer_session(
    customer_id: UUID, components: Sequence[CustomerSessionComponent], *, cause: Cause, runner: OperationRunner
) -> tuple[Customer, ProviderCustomerSession]:
    """Open a session of a customer for these components. Moves no money; its secret is stored nowhere.

    One who was deleted at Stripe is made anew. Raises ProviderProblem, which says whether to ask again.
    """
    try:
        customer = await ensure_customer(customer_id, cause=cause, runner=runner)
        try:
            return customer, await _open(customer, components, runner)
        except ProviderFailure as failure:
            if failure.outcome not in DEFINITE or failure.param != CUSTOMER:
                raise
        await refresh_customer(customer_id, provider=runner.provider, cause=cause)
        customer = await ensure_customer(customer_id, cause=cause, runner=runner)
        return customer, await _open(customer, components, runner)
    except ProviderFailure as failure:
        problem = customer_error(failure) if failure.outcome in DEFINITE else unavailable(failure)
    raise problem


async def ensure_customer(customer_id: UUID, *, cause: Cause, runner: OperationRunner) -> Customer:
    """Return the customer, who is at Stripe from now on: one, whoever calls this at once, and whatever was lost.

    Raises ProviderFailure; then the next call sends the same request under the same key.
    """
    customer = await prepare_customer(customer_id)
    if customer.stripe_customer_id is not None:
        return customer
    seen = await make_customer(customer, runner.provider, policy=runner.policy, until=_soon(runner))
    return await transact(partial(_record, customer_id, seen, cause))


async def _record(customer_id: UUID, seen: ProviderCustomer, cause: Cause, work: UnitOfWork) -> Customer:
    customer = await locking.lock_customer(customer_id)
    await mark_customer_made(work, customer, seen, cause)
    return customer


async def _open(
    customer: Customer, components: Sequence[CustomerSessionComponent], runner: OperationRunner
) -> ProviderCustomerSession:
    params = {
        "customer": customer.stripe_customer_id,
        "components": {part.value.lower(): {"enabled": True, "features": FEATURES[part]} for part in components},
    }
    key = f"customer_session:{uuid4()}"  # of this call alone: another one opens another session
    return await runner.provider.create_customer_session(params, key=key, until=_soon(runner))


def _soon(runner: OperationRunner) -> Deadline:
    return Deadline.within(runner.policy.lease_seconds)
