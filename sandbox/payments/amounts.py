"""The limits of amounts. Source: docs.stripe.com/currencies."""

from domain.currencies import CURRENCIES
from sandbox.errors import invalid


def check(amount: int, currency: str) -> None:
    """Raise StripeError for an unknown currency, or an amount outside Stripe's limits."""
    known = CURRENCIES.get(currency.upper())
    if known is None or currency != currency.lower():
        raise invalid(f"Invalid currency: {currency}. Currencies are written in lower case.", param="currency")
    if amount < (known.min_minor or 1):
        raise invalid(f"Amount must be at least {known.min_minor} {currency}", param="amount", code="amount_too_small")
    if amount > known.max_minor:
        raise invalid(
            f"Amount must be no more than {known.max_minor} {currency}", param="amount", code="amount_too_large"
        )
    if amount % known.step:
        raise invalid(f"Amounts in {currency} must be multiples of {known.step}.", param="amount")
