"""The audit trail: who changed what, why, before and after, in one chain for each order."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from domain.caller import Actor
from domain.ids import new_id
from domain.money import Money
from domain.states import ActorKind, PaymentStatus
from models import Order, PaymentEvent


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a change happens: whose act, through which operation, Stripe event or Stripe request."""

    actor: Actor
    operation_id: UUID | None = None
    stripe_event_id: str | None = None
    stripe_request_id: str | None = None
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def answered_by(self, request_id: str | None) -> "Cause":
        """The same cause, with the Stripe request that told us."""
        return replace(self, stripe_request_id=request_id or self.stripe_request_id)


SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, label="paygraph")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a payment, a refund or an order, as the trail keeps it."""

    type: str
    before: dict[str, Any]
    after: dict[str, Any]
    amount: Money | None = None
    payment_id: UUID | None = None
    refund_id: UUID | None = None
    from_status: PaymentStatus | None = None
    to_status: PaymentStatus | None = None


async def record(order: Order, change: Change, cause: Cause) -> PaymentEvent:
    """Append one event to the order's chain. The caller holds the order's row lock, in a transaction.

    `sequence` is the next number of the order, without gaps; `hash` is SHA-256 over the previous hash and the
    event's canonical JSON. Writes the new head to the order's row.
    """
    event = PaymentEvent(
        id=new_id(),
        order_id=order.id,
        payment_id=change.payment_id,
        refund_id=change.refund_id,
        sequence=order.last_sequence + 1,
        type=change.type,
        actor=cause.actor.to_record(),
        from_status=change.from_status,
        to_status=change.to_status,
        amount_minor=change.amount.amount_minor if change.amount else None,
        currency=order.currency,
        before=change.before,
        after=change.after,
        operation_id=cause.operation_id,
        stripe_event_id=cause.stripe_event_id,
        stripe_request_id=cause.stripe_request_id,
        occurred_at=cause.occurred_at,
        recorded_at=datetime.now(UTC),
        previous_hash=order.last_hash,
        hash="",
    )
    event.hash = chain_hash(event)
    await event.save(force_create=True)
    order.last_sequence, order.last_hash = event.sequence, event.hash
    await order.save(update_fields=["last_sequence", "last_hash"])
    return event


def chain_hash(event: PaymentEvent) -> str:
    """SHA-256, in hex, over the previous hash and everything the event says."""
    content = {
        "id": str(event.id),
        "order": str(event.order_id),
        "payment": _id(event.payment_id),
        "refund": _id(event.refund_id),
        "sequence": event.sequence,
        "type": event.type,
        "actor": event.actor,
        "from": event.from_status.value if event.from_status else None,
        "to": event.to_status.value if event.to_status else None,
        "amount": event.amount_minor,
        "currency": event.currency,
        "before": event.before,
        "after": event.after,
        "operation": _id(event.operation_id),
        "stripe_event": event.stripe_event_id,
        "stripe_request": event.stripe_request_id,
        "occurred_at": event.occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "recorded_at": event.recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((event.previous_hash + canonical).encode()).hexdigest()


async def first_broken_link(order_id: UUID) -> int | None:
    """The sequence of the first event of this order's chain that does not hold, or None when the chain is whole."""
    order = await Order.get(id=order_id)
    previous, expected = "", 1
    async for event in PaymentEvent.filter(order_id=order_id).order_by("sequence"):
        if event.sequence != expected or event.previous_hash != previous or event.hash != chain_hash(event):
            return expected
        previous, expected = event.hash, expected + 1
    head_holds = order.last_hash == previous and order.last_sequence == expected - 1
    return None if head_holds else expected


def _id(value: UUID | None) -> str | None:
    return str(value) if value else None
