"""Sessions in which Stripe's elements show a customer what they keep; the customer is made at Stripe when needed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from database.statements import fetch
from database.unit_of_work import UnitOfWork, transact
from domain.deadlines import Deadline
from domain.errors import ErrorCode, ProviderProblem
from domain.states import CustomerSessionComponent, ProviderEffect
from models import Customer
from provider import ProviderCustomer, ProviderCustomerSession, ProviderFailure
from provider.failures import DEFINITE
from services.audit.trail import Cause
from services.money.customer_sync import refresh_customer
from services.money.customers import CUSTOMER
from services.money.operations.customer_steps import customer_error
from services.money.operations.runner import OperationRunner
from services.money.operations.stripe_customer import find_customer, make_customer, prepare_customer
from services.money.state import locking
from services.money.state.customer_state import mark_customer_made

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
# It is proven that nothing was made under this key, by whoever was first to find it out.
ANOTHER_KEY = """
UPDATE customer SET stripe_generation = stripe_generation + 1, stripe_params_at = now()
WHERE id = $1 AND stripe_generation = $2 AND stripe_customer_id IS NULL
"""


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
        problem = customer_error(failure) if failure.outcome in DEFINITE else _unavailable(failure)
    raise problem


async def ensure_customer(customer_id: UUID, *, cause: Cause, runner: OperationRunner) -> Customer:
    """Return the customer, who is at Stripe from now on: one, whoever calls this at once, and whatever was lost.

    Raises ProviderFailure; then the next call sends the same request under the same key.
    """
    customer = await prepare_customer(customer_id)
    if customer.stripe_customer_id is not None:
        return customer
    seen = await _make(customer, runner)
    return await transact(partial(_record, customer_id, seen, cause))


async def _make(customer: Customer, runner: OperationRunner) -> ProviderCustomer:
    """Make the customer under the key of the first request; once that is too old, only after a look."""
    prepared_at = customer.stripe_params_at or customer.updated_at
    age = (datetime.now(UTC) - prepared_at).total_seconds()
    if age < runner.policy.key_life_seconds:
        try:
            return await make_customer(customer, runner.provider, _soon(runner))
        except ProviderFailure as failure:
            is_stuck = failure.is_server_error and failure.is_replayed
            if not is_stuck or age < runner.policy.sticky_error_seconds:
                raise
    found = await find_customer(customer, runner.provider)
    if found is not None:
        return found
    await fetch(ANOTHER_KEY, customer.id, customer.stripe_generation)
    return await make_customer(await prepare_customer(customer.id), runner.provider, _soon(runner))


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


def _unavailable(failure: ProviderFailure) -> ProviderProblem:
    return ProviderProblem(
        ErrorCode.PROVIDER_UNAVAILABLE,
        "Stripe cannot be reached at the moment. Nothing was charged or changed; ask again.",
        effect=ProviderEffect.NONE,
        retry_after_ms=1000,
        stripe_request_id=failure.request_id,
        retryable=True,
    )
