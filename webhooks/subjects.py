"""The payment of an event: found by Stripe's id, by our id in the object's metadata, or by asking Stripe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from database.statements import read_one
from models import Payment, WebhookEvent
from provider import Outcome, Provider, ProviderFailure
from provider.events import object_of
from provider.ids import is_id
from provider.thin_events import related_to

BY_INTENT = "WHERE stripe_payment_intent_id = $1 AND livemode = $2"
UNSENT = "WHERE id = ANY($1::uuid[]) AND livemode = $2 AND stripe_payment_intent_id IS NULL LIMIT 1"


@dataclass(frozen=True, slots=True)
class Subject:
    """The payment of one subject's events. `is_ours` says that they name a payment of ours, with or without a row."""

    payment: Payment | None
    intent_id: str | None
    is_ours: bool


async def find_subject(events: Sequence[WebhookEvent], provider: Provider) -> Subject:
    """Find the payment that events of one subject belong to.

    For a thin event Stripe is asked which payment its object belongs to. Raises ProviderFailure when it cannot be
    asked.
    """
    livemode = events[-1].livemode
    intent_id = await _intent_of(events[-1], provider)
    if intent_id is not None:
        known = await read_one(Payment, BY_INTENT, intent_id, livemode)
        if known is not None:
            return Subject(known, intent_id, is_ours=True)
    ours = {named for event in events if (named := our_id(object_of(event.payload).get("metadata"))) is not None}
    if not ours and intent_id is not None and related_to(events[-1].payload) is not None:
        ours = await _named_at_stripe(intent_id, provider)
    unsent = await read_one(Payment, UNSENT, list(ours), livemode) if ours else None
    return Subject(unsent, intent_id, is_ours=bool(ours))


def our_id(metadata: object) -> UUID | None:
    """Return our payment's id in an object's metadata, or None."""
    try:
        return UUID(str(metadata.get("payment_id"))) if isinstance(metadata, Mapping) else None
    except ValueError:
        return None


async def _intent_of(event: WebhookEvent, provider: Provider) -> str | None:
    if is_id(event.subject, "payment_intents"):
        return event.subject
    related = related_to(event.payload)
    if related is None:
        return None
    try:
        return await provider.payment_of(related.kind, related.id)
    except ProviderFailure as failure:
        if failure.outcome is not Outcome.REJECTED:
            raise
        return None  # Stripe knows no such object, so it belongs to no payment of ours


async def _named_at_stripe(intent_id: str, provider: Provider) -> set[UUID]:
    """Return our payment's id in an intent's metadata: a thin event may come before the answer with the intent's id."""
    try:
        named = our_id((await provider.retrieve_payment(intent_id)).metadata)
    except ProviderFailure as failure:
        if failure.outcome is not Outcome.REJECTED:
            raise
        return set()
    return {named} if named is not None else set()
