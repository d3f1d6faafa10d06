"""REACHES: the only room that knows Stripe. It answers in our own words and says what each failure means for money."""

from provider.budget import Budget
from provider.client import Provider
from provider.events import EventRefused, SignatureRefused, StripeEvent, verify_event
from provider.facts import Actionable, ProviderPayment, ProviderRefund
from provider.failures import Outcome, ProviderFailure

__all__ = [
    "Actionable",
    "Budget",
    "EventRefused",
    "Outcome",
    "Provider",
    "ProviderFailure",
    "ProviderPayment",
    "ProviderRefund",
    "SignatureRefused",
    "StripeEvent",
    "verify_event",
]
