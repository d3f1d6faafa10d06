"""Whether an event tells of anything that our row does not hold. One that does not needs no look at Stripe."""

from collections.abc import Sequence
from typing import Any

from domain.states import PaymentStatus
from provider import StripeEvent
from provider.mapping import end_if_readable

CREATED = "payment_intent.created"
MADE = "SELECT 1 FROM payment WHERE stripe_payment_intent_id = $1 AND livemode = $2 AND status <> $3"
ENDED_SO = """
SELECT 1 FROM payment WHERE stripe_payment_intent_id = $1 AND livemode = $2
  AND status = $3 AND captured_minor = $4 AND stripe_charge_id IS NOT DISTINCT FROM $5
"""
ENDED = frozenset({"payment_intent.succeeded", "payment_intent.canceled"})


def already_applied(event: StripeEvent) -> tuple[str, Sequence[Any]] | None:
    """The query, with its values, that finds a row if Stripe's own answer has told us before: that a payment was made,
    or how it ended. None for what it cannot have told.

    Only what can never change again is taken for told: an id that is stored, an end with the same charge and amount.
    """
    if event.type == CREATED:
        return MADE, [event.subject, event.livemode, PaymentStatus.UNKNOWN.value]
    if event.type not in ENDED:
        return None
    end = end_if_readable(event.object)
    if end is None:  # whoever looks at Stripe will say what is wrong with it
        return None
    status, captured_minor, charge_id = end
    return ENDED_SO, [event.subject, event.livemode, status.value, captured_minor, charge_id]
