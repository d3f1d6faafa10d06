"""Verification of the audit trail: each order's chain by itself, and all chains against heads kept elsewhere.

A chain proves that nothing in its middle was changed. An attacker who can write the whole database could compute a new
chain; heads that were exported before, and are kept out of reach, show it.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from uuid import UUID

from models import Order, PaymentEvent
from services.audit.trail import find_broken_chains

PAGE = 500


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of an order's chain."""

    order_id: UUID
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Checked:
    """One order's chain: `broken_at` is the first broken sequence, or None."""

    head: Head
    external_id: str
    broken_at: int | None


async def check_chains() -> AsyncIterator[Checked]:
    """Check every order's chain, in the order of their ids, with one page in memory at a time."""
    after = UUID(int=0)
    while page := await Order.filter(id__gt=after).order_by("id").limit(PAGE):
        broken = await find_broken_chains([order.id for order in page])
        for order in page:
            head = Head(order.id, order.last_sequence, order.last_hash)
            yield Checked(head, order.external_id, broken.get(order.id))
        after = page[-1].id


async def find_missing_heads(heads: Iterable[Head]) -> AsyncIterator[Head]:
    """Find the heads whose event is no longer in its chain as it was. A chain may have grown since."""
    for head in heads:
        if head.sequence == 0:
            holds = await Order.filter(id=head.order_id).exists()
        else:
            chain = PaymentEvent.filter(order_id=head.order_id, sequence=head.sequence, hash=head.hash)
            holds = await chain.exists()
        if not holds:
            yield head
