"""The customer of an event: found by Stripe's ids of the customer or the method, or by asking Stripe."""

from collections.abc import Iterable
from typing import Any, Final

from database.statements import read_one
from models import Customer, WebhookEvent
from provider import Outcome, Provider, ProviderFailure
from provider.events import object_of
from provider.ids import is_id
from provider.thin_events import related_to
from provider.words import id_of
from services.inbox.topics import FUNDS_MOVED

CUSTOMER_EVENTS: Final = frozenset(
    {
        "customer.updated",
        "customer.deleted",
        FUNDS_MOVED,
        "payment_method.attached",
        "payment_method.automatically_updated",
        "payment_method.detached",
        "payment_method.updated",
    }
)
BY_ID: Final = "WHERE stripe_customer_id = $1"
BY_METHOD: Final = """
WHERE id = (SELECT customer_id FROM saved_payment_method WHERE stripe_payment_method_id = $1 LIMIT 1)
"""


async def find_customer(event: WebhookEvent, provider: Provider) -> Customer | None:
    """Find the customer of ours whom an event is about, or None.

    A method names its customer, but for one that was just detached, which we know. For a thin event Stripe is asked.
    Raises ProviderFailure.
    """
    for identity in _customers_named(event):
        found = await read_one(Customer, BY_ID, identity)
        if found is not None:
            return found
    if not is_id(event.subject, "payment_methods"):
        return None
    known = await read_one(Customer, BY_METHOD, event.subject)
    if known is not None or related_to(event.payload) is None:
        return known
    try:
        method = await provider.retrieve_method(event.subject)
    except ProviderFailure as failure:
        if failure.outcome is not Outcome.REJECTED:
            raise
        return None  # Stripe knows no such method
    return await read_one(Customer, BY_ID, method.customer_id) if method.customer_id is not None else None


def _customers_named(event: WebhookEvent) -> Iterable[str]:
    """Yield Stripe's ids of customers in an event: its subject, its object's customer now, and the one before."""
    data: Any = event.payload.get("data")
    before = data.get("previous_attributes") if isinstance(data, dict) else None
    candidates = [event.subject, id_of(object_of(event.payload).get("customer")), _customer_above(event)]
    candidates.append(id_of(before.get("customer")) if isinstance(before, dict) else None)
    return (identity for identity in candidates if is_id(identity, "customers") and identity is not None)


def _customer_above(event: WebhookEvent) -> str | None:
    """Return the customer in the address of a thin event's object, which is theirs: /v1/customers/cus_…/…"""
    related = event.payload.get("related_object")
    address = related.get("url") if isinstance(related, dict) else None
    parts = address.split("/") if isinstance(address, str) else []
    return parts[3] if len(parts) > 4 and parts[2] == "customers" else None
