"""The setup of an event: found by Stripe's id, by our id in the object's metadata, or by asking Stripe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from database.statements import read_one
from models import SetupIntent, WebhookEvent
from provider import Outcome, Provider, ProviderFailure
from provider.events import object_of
from provider.ids import is_id
from provider.thin_events import related_to
from services.money.operations.setup_steps import NAMED

SETUP_EVENTS: Final = frozenset(
    {
        "setup_intent.created",
        "setup_intent.requires_action",
        "setup_intent.setup_failed",
        "setup_intent.succeeded",
        "setup_intent.canceled",
    }
)
BY_INTENT: Final = "WHERE stripe_setup_intent_id = $1 AND livemode = $2"
UNSENT: Final = "WHERE id = $1 AND livemode = $2 AND stripe_setup_intent_id IS NULL"


@dataclass(frozen=True, slots=True)
class SetupSubject:
    """The setup of one subject's events. `is_ours` says that they name a setup of ours, with or without a row."""

    setup: SetupIntent | None
    is_ours: bool


async def find_setup(events: Sequence[WebhookEvent], provider: Provider) -> SetupSubject:
    """Find the setup that events of one subject are about. Raises ProviderFailure when Stripe cannot be asked.

    Another program's setup, made at the Dashboard or by a part of Stripe's, is nobody's here: the method that comes of
    it has events of its own.
    """
    newest = events[-1]
    if not is_id(newest.subject, "setup_intents"):
        return SetupSubject(None, is_ours=False)
    known = await read_one(SetupIntent, BY_INTENT, newest.subject, newest.livemode)
    if known is not None:
        return SetupSubject(known, is_ours=True)
    ours = our_id(object_of(newest.payload).get("metadata"))
    if ours is None and related_to(newest.payload) is not None:
        ours = await _named_at_stripe(newest.subject, provider)
    unsent = await read_one(SetupIntent, UNSENT, ours, newest.livemode) if ours is not None else None
    return SetupSubject(unsent, is_ours=ours is not None)


def our_id(metadata: object) -> UUID | None:
    """Return our setup's id in an object's metadata, or None."""
    try:
        return UUID(str(metadata.get(NAMED))) if isinstance(metadata, Mapping) else None
    except ValueError:
        return None


async def _named_at_stripe(intent_id: str, provider: Provider) -> UUID | None:
    """Return our id in the metadata of a setup: a thin event has none, and may come before the answer with its id."""
    try:
        return our_id((await provider.retrieve_setup(intent_id)).metadata)
    except ProviderFailure as failure:
        if failure.outcome is not Outcome.REJECTED:
            raise
        return None  # Stripe knows no such setup
