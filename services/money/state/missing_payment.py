"""Tell a payment that is gone from Stripe apart from a key of the wrong Stripe account."""

import structlog

from database.statements import read
from models import Payment
from provider import Provider, ProviderFailure

log = structlog.get_logger(__name__)

# Payments in test mode can all be deleted at Stripe; the newest ones are the likeliest to be left.
OTHERS = """
WHERE livemode = $1 AND id <> $2 AND stripe_payment_intent_id IS NOT NULL ORDER BY created_at DESC LIMIT 3
"""


async def knows_another_payment(payment: Payment, provider: Provider) -> bool | None:
    """Return True if Stripe knows another payment of ours under our key and account; None when we have no other.

    Costs up to three calls. False is also logged as an error: the key or the account is not the one that created our
    payments. Raises ProviderFailure when Stripe cannot be asked.
    """
    others = await read(Payment, OTHERS, payment.livemode, payment.id)
    for other in others:
        assert other.stripe_payment_intent_id is not None, "selected for having one"
        try:
            await provider.retrieve_payment(other.stripe_payment_intent_id)
        except ProviderFailure as failure:
            if not failure.is_missing_payment:
                raise
        else:
            return True
    if not others:
        return None
    log.error("stripe.another_account", payment=str(payment.id), unknown=[str(other.id) for other in others])
    return False
