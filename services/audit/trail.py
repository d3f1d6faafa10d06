"""The audit trail: each change with its actor, cause, before and after, in one hash chain per order."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from database.notifier import notify_order_changed
from database.row_writer import build_row
from database.statements import Insert, Update, Write, query_rows
from database.unit_of_work import UnitOfWork
from domain.caller import Actor
from domain.ids import new_id
from domain.money import Money
from domain.states import ActorKind, PaymentStatus
from models import Order, PaymentEvent

_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
JSON: Final = ("actor", "before", "after")
HASHED: Final = (
    "id",
    "order_id",
    "payment_id",
    "refund_id",
    "sequence",
    "type",
    "from_status",
    "to_status",
    "amount_minor",
    "currency",
    "operation_id",
    "stripe_event_id",
    "stripe_request_id",
    "occurred_at",
    "recorded_at",
    *JSON,
)
CHAINS: Final = f"""
SELECT o.id AS order_id, o.last_sequence, o.last_hash, e.previous_hash, e.hash,
  {", ".join(f"e.{name}" for name in HASHED if name != "order_id")}
FROM orders o LEFT JOIN payment_event e ON e.order_id = o.id
WHERE o.id = ANY($1::uuid[]) ORDER BY o.id, e.sequence
"""  # noqa: S608 - built from our own names


@dataclass(frozen=True, slots=True)
class Cause:
    """The reason for a change: its actor, and the operation, Stripe event or Stripe request behind it.

    `request_id` is the request that made a payment attempt: the operation's, or the one that the payer's browser sent
    to Stripe.
    """

    actor: Actor
    operation_id: UUID | None = None
    stripe_event_id: str | None = None
    stripe_request_id: str | None = None
    request_id: str | None = None
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def answered_by(self, request_id: str | None) -> "Cause":
        """Return this cause with the Stripe request that reported the change."""
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


async def record(
    work: UnitOfWork, order: Order, change: Change, cause: Cause, *others: Write, order_changed: Sequence[str] = ()
) -> PaymentEvent:
    """Append one event to the order's chain. The caller holds the order's row lock, in a transaction.

    `sequence` is the next number of the order, without gaps; `hash` is SHA-256 over the previous hash and the event's
    canonical JSON. One statement writes the event, the order's new head, the order's other changed fields, and the rows
    that the event describes (`others`).
    """
    event = build_row(
        PaymentEvent,
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
    order.last_sequence, order.last_hash = event.sequence, event.hash
    await work.write(Insert(event), Update(order, ("last_sequence", "last_hash", *order_changed)), *others)
    notify_order_changed(order.id)
    return event


def chain_hash(event: PaymentEvent) -> str:
    """Return the SHA-256, in hex, over the previous hash and every field of the event."""
    return hash_of(_content({name: getattr(event, name) for name in HASHED}), event.previous_hash)


async def find_broken_chains(order_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the orders whose chain is broken, each with the sequence of its first broken event.

    One statement reads heads and events, so a chain that grows meanwhile is read at one moment.
    """
    broken: dict[UUID, int] = {}
    for order_id, links in groupby(await query_rows(CHAINS, [list(order_ids)]), key=lambda link: link["order_id"]):
        first = first_broken(list(links), HASHED, _content)
        if first is not None:
            broken[order_id] = first
    return broken


def first_broken(
    links: Sequence[Mapping[str, Any]], hashed: Sequence[str], content: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> int | None:
    """Return the first broken sequence of one chain, or None.

    `links` are the chain's head joined with each of its events, in order; without events, its head alone. `content` is
    the hashed content of an event, from the values of its `hashed` columns.
    """
    previous, expected = "", 1
    for link in links:
        if link["sequence"] is None:
            break
        fields = {name: json.loads(link[name]) if name in JSON else link[name] for name in hashed}
        is_next = link["sequence"] == expected and link["previous_hash"] == previous
        if not is_next or link["hash"] != hash_of(content(fields), previous):
            return expected
        previous, expected = link["hash"], expected + 1
    head = links[-1]
    return None if (head["last_hash"], head["last_sequence"]) == (previous, expected - 1) else expected


def hash_of(content: Mapping[str, Any], previous_hash: str) -> str:
    """Return the SHA-256, in hex, over the previous hash and the canonical JSON of an event's content."""
    return hashlib.sha256((previous_hash + _canonical(content)).encode()).hexdigest()


def _content(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(fields["id"]),
        "order": str(fields["order_id"]),
        "payment": _id(fields["payment_id"]),
        "refund": _id(fields["refund_id"]),
        "sequence": fields["sequence"],
        "type": fields["type"],
        "actor": fields["actor"],
        "from": fields["from_status"],
        "to": fields["to_status"],
        "amount": fields["amount_minor"],
        "currency": fields["currency"],
        "before": fields["before"],
        "after": fields["after"],
        "operation": _id(fields["operation_id"]),
        "stripe_event": fields["stripe_event_id"],
        "stripe_request": fields["stripe_request_id"],
        "occurred_at": fields["occurred_at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "recorded_at": fields["recorded_at"].astimezone(UTC).isoformat(timespec="microseconds"),
    }


def _id(value: UUID | None) -> str | None:
    return str(value) if value else None
