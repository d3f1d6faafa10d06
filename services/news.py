"""Whether an event tells of anything that our row does not hold. One that does not needs no look at Stripe."""

from domain.states import PaymentStatus
from models import Payment
from provider import StripeEvent
from provider.translate import payment_if_readable

CREATED = "payment_intent.created"
ENDED = frozenset({"payment_intent.succeeded", "payment_intent.canceled"})


async def is_old_news(event: StripeEvent) -> bool:
    """Whether Stripe's own answer has told us before: that a payment was made, or how it ended.

    Only what can never change again is taken for told: an id that is stored, an end with the same charge and amount.
    """
    known = Payment.filter(stripe_payment_intent_id=event.subject, livemode=event.livemode)
    if event.type == CREATED:
        return await known.exclude(status=PaymentStatus.UNKNOWN).exists()
    if event.type not in ENDED:
        return False
    seen = payment_if_readable(event.object)
    if seen is None:  # whoever looks at Stripe will say what is wrong with it
        return False
    return await known.filter(
        status=seen.status, captured_minor=seen.captured_minor, stripe_charge_id=seen.charge_id
    ).exists()
