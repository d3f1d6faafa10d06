"""The command `adopt`: payments that Stripe has and the database has lost."""

import sys
from collections.abc import Sequence

from domain.ids import Kind, encode
from provider import Provider
from server.offline_stripe import offline_stripe
from server.runtime import open_runtime
from services.reconciliation.adoption import CannotAdopt, adopt, find_lost
from settings import Settings

FINE, FOUND = 0, 1


async def adopt_once(settings: Settings, intent_ids: Sequence[str], *, apply: bool) -> int:
    """Open the application, adopt these payments or print what that would do; returns the exit code."""
    async with open_runtime(settings, sandbox=offline_stripe(settings, webhook_url=None)) as runtime:
        return await adopt_and_report(intent_ids, apply=apply, provider=runtime.runner.provider)


async def adopt_and_report(intent_ids: Sequence[str], *, apply: bool, provider: Provider) -> int:
    """Adopt and print; returns 1 when a payment cannot be adopted. Raises ProviderFailure."""
    outcome = FINE
    for intent_id in dict.fromkeys(intent_ids):
        try:
            lost = await find_lost(intent_id, provider=provider)
            named = (
                f"{intent_id} as {encode(Kind.PAYMENT, lost.payment_id)} of order {encode(Kind.ORDER, lost.order.id)}"
            )
            if not apply:
                print(f"Would take in {named}, {lost.seen.status.value}. Run it again with --apply.")
                continue
            payment = await adopt(lost, provider=provider)
            print(f"Took in {named}, {payment.status.value}.")
        except CannotAdopt as reason:
            print(reason, file=sys.stderr)
            outcome = FOUND
    return outcome
