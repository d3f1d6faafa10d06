"""The audit trail of customers: what they keep at Stripe, with actor, cause, before and after, in one chain each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from database.row_writer import build_row
from database.statements import Insert, Update, Write, query_rows
from database.unit_of_work import UnitOfWork
from domain.ids import new_id
from models import Customer, CustomerEvent
from services.audit.trail import Cause, first_broken, hash_of

HASHED: Final = (
    "id",
    "customer_id",
    "subject_id",
    "sequence",
    "type",
    "operation_id",
    "stripe_event_id",
    "stripe_request_id",
    "occurred_at",
    "recorded_at",
    "actor",
    "before",
    "after",
)
CHAINS: Final = f"""
SELECT c.id AS customer_id, c.last_sequence, c.last_hash, e.previous_hash, e.hash,
  {", ".join(f"e.{name}" for name in HASHED if name != "customer_id")}
FROM customer c LEFT JOIN customer_event e ON e.customer_id = c.id
WHERE c.id = ANY($1::uuid[]) ORDER BY c.id, e.sequence
"""  # noqa: S608 - built from our own names


@dataclass(frozen=True, slots=True)
class CustomerChange:
    """One change of a customer, or of what they keep; `subject_id` is the row of ours that it is about."""

    type: str
    before: dict[str, Any]
    after: dict[str, Any]
    subject_id: UUID | None = None


async def record_customer_change(
    work: UnitOfWork,
    customer: Customer,
    change: CustomerChange,
    cause: Cause,
    *others: Write,
    changed: Sequence[str] = (),
) -> CustomerEvent:
    """Append one event to the customer's chain, as `services.audit.trail.record` does for an order.

    The caller holds the customer's row lock. One statement writes the event, the customer's new head and version, the
    customer's other changed fields, and the rows that the event describes (`others`).
    """
    event = build_row(
        CustomerEvent,
        id=new_id(),
        customer_id=customer.id,
        subject_id=change.subject_id,
        sequence=customer.last_sequence + 1,
        type=change.type,
        actor=cause.actor.to_record(),
        before=change.before,
        after=change.after,
        operation_id=cause.operation_id,
        stripe_event_id=cause.stripe_event_id,
        stripe_request_id=cause.stripe_request_id,
        occurred_at=cause.occurred_at,
        recorded_at=datetime.now(UTC),
        previous_hash=customer.last_hash,
        hash="",
    )
    event.hash = _chain_hash(event)
    customer.last_sequence, customer.last_hash = event.sequence, event.hash
    customer.version += 1
    head = ("last_sequence", "last_hash", "version", *changed)
    await work.write(Insert(event), Update(customer, head), *others)
    return event


async def find_broken_customer_chains(customer_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the customers whose chain is broken, each with the sequence of its first broken event."""
    rows = await query_rows(CHAINS, [list(customer_ids)])
    broken: dict[UUID, int] = {}
    for customer_id, links in groupby(rows, key=lambda link: link["customer_id"]):
        first = first_broken(list(links), HASHED, _content)
        if first is not None:
            broken[customer_id] = first
    return broken


def _chain_hash(event: CustomerEvent) -> str:
    return hash_of(_content({name: getattr(event, name) for name in HASHED}), event.previous_hash)


def _content(fields: Mapping[str, Any]) -> dict[str, Any]:
    ids = ("id", "customer_id", "subject_id", "operation_id")
    moments = ("occurred_at", "recorded_at")
    content = {name: fields[name] for name in HASHED if name not in ids + moments}
    content |= {name: str(fields[name]) if fields[name] else None for name in ids}
    return content | {name: fields[name].astimezone(UTC).isoformat(timespec="microseconds") for name in moments}
