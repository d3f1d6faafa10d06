"""Whether an event tells of anything that our row does not hold. One that does not needs no look at Stripe."""

from domain.states import PaymentStatus
from models.sql import rows
from provider import StripeEvent
from provider.translate import payment_if_readable

CREATED = "payment_intent.created"
MADE = "SELECT 1 FROM payment WHERE stripe_payment_intent_id = $1 AND livemode = $2 AND status <> $3"
ENDED_SO = """
SELECT 1 FROM payment WHERE stripe_payment_intent_id = $1 AND livemode = $2
  AND status = $3 AND captured_minor = $4 AND stripe_charge_id IS NOT DISTINCT FROM $5
"""
ENDED = frozenset({"payment_intent.succeeded", "payment_intent.canceled"})


async def is_old_news(event: StripeEvent) -> bool:
    """Whether Stripe's own answer has told us before: that a payment was made, or how it ended.

    Only what can never change again is taken for told: an id that is stored, an end with the same charge and amount.
    """
    if event.type == CREATED:
        return bool(await rows(MADE, [event.subject, event.livemode, PaymentStatus.UNKNOWN.value]))
    if event.type not in ENDED:
        return False
    seen = payment_if_readable(event.object)
    if seen is None:  # whoever looks at Stripe will say what is wrong with it
        return False
    end = [seen.status.value, seen.captured_minor, seen.charge_id]
    return bool(await rows(ENDED_SO, [event.subject, event.livemode, *end]))
