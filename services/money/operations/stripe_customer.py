"""The customer at Stripe: made once for each customer of ours, when one is first needed."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from database.statements import change_rows, fetch, read_one
from domain.deadlines import Deadline
from models import Customer
from provider import Provider, ProviderCustomer, ProviderFailure, ProviderMethod
from provider.failures import DEFINITE
from services.retry_policy import RetryPolicy

# The first request's parameters stay: whoever needs the customer next, or at the same time, sends equal ones under an
# equal key, and Stripe makes one customer.
PREPARE = """
UPDATE customer SET
  stripe_params = coalesce(stripe_params, $2::jsonb), stripe_params_at = coalesce(stripe_params_at, now())
WHERE id = $1
"""
# A customer whom Stripe refused to make is stated anew next time, under another key.
FORGET = """
UPDATE customer SET stripe_params = NULL, stripe_params_at = NULL, stripe_generation = stripe_generation + 1
WHERE id = $1 AND stripe_generation = $2 AND stripe_customer_id IS NULL
"""
# It is proven that nothing was made under this key, by whoever was first to find it out: the same request goes out
# under another one.
NEW_KEY = """
UPDATE customer SET stripe_generation = stripe_generation + 1, stripe_params_at = now()
WHERE id = $1 AND stripe_generation = $2 AND stripe_customer_id IS NULL
"""
MARGIN = timedelta(minutes=10)  # clocks differ


async def prepare_customer(customer_id: UUID) -> Customer:
    """Fix the parameters with which the customer is made at Stripe, unless they are; return the customer."""
    customer = await read_one(Customer, "WHERE id = $1", customer_id)
    assert customer is not None, "a customer that is not there"
    if customer.stripe_customer_id is not None or customer.stripe_params is not None:
        return customer
    ours = {"customer_id": str(customer.id), "customer_external_id": customer.external_id}
    params = {"metadata": ours} | ({"email": customer.email} if customer.email is not None else {})
    [prepared] = await change_rows(Customer, PREPARE, customer_id, json.dumps(params))
    return prepared


async def make_customer(
    customer: Customer, provider: Provider, *, policy: RetryPolicy, until: Deadline
) -> ProviderCustomer:
    """Make the customer at Stripe; it is the same one whoever calls this, and however often.

    Once the key of the first request is too old, or Stripe keeps repeating an error under it, the customer is looked
    for, and made under another key only where there is none. Raises ProviderFailure.
    """
    customer = await prepare_customer(customer.id)
    age = (datetime.now(UTC) - (customer.stripe_params_at or customer.updated_at)).total_seconds()
    if age < policy.key_life_seconds:
        try:
            return await _create(customer, provider, until)
        except ProviderFailure as failure:
            is_stuck = failure.is_server_error and failure.is_replayed
            if not is_stuck or age < policy.sticky_error_seconds:
                raise
    found = await find_customer(customer, provider)
    if found is not None:
        return found
    await fetch(NEW_KEY, customer.id, customer.stripe_generation)
    return await _create(await prepare_customer(customer.id), provider, until)


async def _create(customer: Customer, provider: Provider, until: Deadline) -> ProviderCustomer:
    """Send the request, unless the customer is made. After a definite refusal they are stated anew next time."""
    if customer.stripe_customer_id is not None:
        return ProviderCustomer(customer.stripe_customer_id)
    assert customer.stripe_params is not None, "a customer whom nobody has prepared"
    try:
        return await provider.create_customer(customer.stripe_params, key=customer.stripe_key, until=until)
    except ProviderFailure as failure:
        if failure.outcome in DEFINITE:
            await fetch(FORGET, customer.id, customer.stripe_generation)
        raise


async def fetch_customer(
    stripe_customer_id: str, provider: Provider
) -> tuple[ProviderCustomer, Sequence[ProviderMethod]]:
    """Ask Stripe for a customer and every method that they keep: a deleted one keeps none. Raises ProviderFailure."""
    seen = await provider.retrieve_customer(stripe_customer_id)
    return seen, [] if seen.is_deleted else await provider.list_methods(stripe_customer_id)


async def find_customer(customer: Customer, provider: Provider) -> ProviderCustomer | None:
    """Find the customer at Stripe by listing, where the answer was lost. Raises ProviderFailure."""
    if customer.stripe_customer_id is not None:
        return ProviderCustomer(customer.stripe_customer_id)
    since = customer.stripe_params_at or customer.updated_at
    return await provider.find_customer(customer_id=str(customer.id), created_since=since - MARGIN)
