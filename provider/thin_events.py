"""Thin events, which an event destination sends: they name the object that changed, without its state.

Source: docs.stripe.com/event-destinations and docs.stripe.com/webhooks/migrate-snapshot-to-thin-events.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from provider.ids import PREFIXES, is_id
from provider.words import Json

THIN: Final = "v2.core.event"
_V1: Final = "v1."  # of a type that snapshot events have too: v1.payment_intent.succeeded
# Stripe's type of an event's object, and the kind of its id.
KINDS: Final = {
    "payment_intent": "payment_intents",
    "refund": "refunds",
    "dispute": "disputes",
    "charge": "charges",
    "customer": "customers",
    "customer_cash_balance_transaction": "cash_balance_transactions",
    "payment_method": "payment_methods",
    "setup_intent": "setup_intents",
}


@dataclass(frozen=True, slots=True)
class Related:
    """The object that a thin event is about; `kind` is Stripe's name of its type."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Thin:
    """A thin event in the terms of a snapshot event."""

    id: str
    type: str
    account: str | None
    created_at: datetime
    subject: str


def thin_from(data: Json) -> Thin:
    """Parse a thin event from a JSON object. Raises KeyError, TypeError or ValueError for any other JSON.

    Where Stripe names the snapshot event of the change, that event's id is used: whether the thin event, the snapshot
    event or Stripe's list comes first, the inbox stores the change once.
    """
    created_at = datetime.fromisoformat(data["created"])
    if created_at.tzinfo is None:
        raise ValueError("a moment without an offset")
    kind, subject = data["type"], data["id"]
    if kind.startswith(_V1):
        kind = kind.removeprefix(_V1)
        related = related_to(data)
        if related is None and _is_about_ours(kind):
            raise ValueError("a change of an object that is not named")
        subject = related.id if related is not None else subject
    snapshot = data.get("snapshot_event")
    return Thin(
        id=snapshot if isinstance(snapshot, str) and is_id(snapshot, "events") else data["id"],
        type=kind,
        account=_account(data.get("context")),
        created_at=created_at,
        subject=subject,
    )


def related_to(payload: Json) -> Related | None:
    """Return the object that a stored thin event is about, if it can be ours; None for any other event."""
    related: Any = payload.get("related_object") if payload.get("object") == THIN else None
    if not isinstance(related, dict):
        return None
    kind, identity = related.get("type"), related.get("id")
    if not isinstance(kind, str) or not isinstance(identity, str):
        return None
    return Related(kind, identity) if kind in KINDS and is_id(identity, KINDS[kind]) else None


def _is_about_ours(kind: str) -> bool:
    return kind.startswith(tuple(f"{word}." for word in KINDS))


def _account(context: object) -> str | None:
    """Return the account in an event's context: the last part of its path, or None for the endpoint's own."""
    if not isinstance(context, str) or not context:
        return None
    return context.rpartition("/")[2][:255]


assert set(KINDS.values()) <= set(PREFIXES)
