"""Verification of the audit trail: each chain by itself, and all chains against heads kept elsewhere.

A chain proves that nothing in its middle was changed. An attacker who can write the whole database could compute a new
chain; heads that were exported before, and are kept out of reach, show it.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from uuid import UUID

from models import Customer, CustomerEvent, Order, PaymentEvent
from services.audit.customer_trail import find_broken_customer_chains
from services.audit.trail import find_broken_chains

PAGE = 500
ORDER, CUSTOMER = "order", "customer"  # what a chain is of


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of a chain: of an order, or of a customer."""

    subject_id: UUID
    sequence: int
    hash: str
    of: str = ORDER


@dataclass(frozen=True, slots=True)
class Checked:
    """One chain: `external_id` is the shop's own id, `broken_at` the first broken sequence, or None."""

    head: Head
    external_id: str
    broken_at: int | None


async def check_chains() -> AsyncIterator[Checked]:
    """Check every chain, of orders and then of customers, by their ids, with one page in memory at a time."""
    after = UUID(int=0)
    while page := await Order.filter(id__gt=after).order_by("id").limit(PAGE):
        broken = await find_broken_chains([order.id for order in page])
        for order in page:
            head = Head(order.id, order.last_sequence, order.last_hash)
            yield Checked(head, order.external_id, broken.get(order.id))
        after = page[-1].id
    after = UUID(int=0)
    while known := await Customer.filter(id__gt=after, last_sequence__gt=0).order_by("id").limit(PAGE):
        broken = await find_broken_customer_chains([customer.id for customer in known])
        for customer in known:
            head = Head(customer.id, customer.last_sequence, customer.last_hash, of=CUSTOMER)
            yield Checked(head, customer.external_id, broken.get(customer.id))
        after = known[-1].id


async def find_missing_heads(heads: Iterable[Head]) -> AsyncIterator[Head]:
    """Find the heads whose event is no longer in its chain as it was. A chain may have grown since."""
    for head in heads:
        link = {"sequence": head.sequence, "hash": head.hash}
        if head.of == CUSTOMER:
            holds = await CustomerEvent.filter(customer_id=head.subject_id, **link).exists()
        elif head.sequence == 0:
            holds = await Order.filter(id=head.subject_id).exists()
        else:
            holds = await PaymentEvent.filter(order_id=head.subject_id, **link).exists()
        if not holds:
            yield head
