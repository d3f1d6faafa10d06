"""Granted tokens: a payer's method that an agent shares with the shop, within limits.

Only a preview version of Stripe's API has them. It refuses a confirmation by one with a message and no code, so the
token itself is read for the reason. Source: docs.stripe.com/agentic-commerce/concepts/shared-payment-tokens.
"""

from dataclasses import dataclass
from typing import Final

from domain.api_version import STRIPE_PREVIEW_VERSION
from provider.calls import StripeCalls, translated
from provider.connection.request_budget import Priority
from provider.failures import Outcome, ProviderFailure
from provider.ids import path_of
from provider.params import Params
from provider.words import Json, word

NAME: Final = "shared_payment_granted_token"
THE_TOKEN: Final = f"payment_method_data[{NAME}]"  # Stripe's name of the parameter
# Our own codes of its refusals.
ENDED: Final = "granted_token_ended"
EXPIRED: Final = "granted_token_expired"
OTHER_CURRENCY: Final = "granted_token_currency"
TOO_LITTLE_LEFT: Final = "granted_token_limit"


@dataclass(frozen=True, slots=True)
class GrantedToken:
    """A token's limits: what is left of its amount in minor units, its currency, and why it ended, if it has."""

    currency: str
    left_minor: int
    ended: str | None

    def refusal_code(self, amount_minor: int, currency: str) -> str | None:
        """Return our code of the reason for which this amount is refused; None where the token shows none."""
        if self.ended is not None:
            return EXPIRED if self.ended == "expired" else ENDED
        if currency != self.currency:
            return OTHER_CURRENCY
        return TOO_LITTLE_LEFT if amount_minor > self.left_minor else None


def granted_token_in(params: Params) -> str | None:
    """Return the granted token that a confirmation pays with, or None."""
    data = params.get("payment_method_data")
    return data.get(NAME) if isinstance(data, dict) else None


def name_the_token(failure: ProviderFailure) -> None:
    """Set what a refusal is about that names no parameter, of a confirmation by a granted token."""
    if failure.outcome is Outcome.REJECTED and failure.param is None:
        failure.param = THE_TOKEN


def granted_token_from(token: Json) -> GrantedToken:
    """Map a granted token. Raises KeyError, TypeError or ValueError for any other JSON."""
    limits, used = token["usage_limits"], token.get("usage_details") or {}
    captured = (used.get("amount_captured") or {}).get("value") or 0
    ended = word(token.get("deactivated_reason")) or ("ended" if token.get("deactivated_at") else None)
    return GrantedToken(
        currency=str(limits["currency"]).upper(), left_minor=int(limits["max_amount"]) - int(captured), ended=ended
    )


class GrantedTokenCalls(StripeCalls):
    """Stripe's calls about granted tokens."""

    async def retrieve_granted_token(self, token_id: str) -> GrantedToken:
        """Retrieve a granted token, with its limits and how much of them is used."""
        call = self._get(path_of("shared_payment/granted_tokens", token_id), version=STRIPE_PREVIEW_VERSION)
        answer, request_id = await self._ask(Priority.LOOK_UP, "GET shared_payment/granted_tokens/id", call)
        return translated(lambda: granted_token_from(answer), request_id)
