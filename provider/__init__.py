"""REACHES: the only room that knows Stripe. It answers in our own words, and says what each failure means for money."""

from provider.client import Provider
from provider.connection.request_budget import Budget
from provider.events import EventRefused, SignatureRefused, StripeEvent, verify_event
from provider.failures import Outcome, ProviderFailure
from provider.objects import (
    Actionable,
    BalanceTransactionKind,
    ProviderBalanceTransaction,
    ProviderCustomer,
    ProviderCustomerSession,
    ProviderDispute,
    ProviderFunds,
    ProviderMethod,
    ProviderPayment,
    ProviderRefund,
    ProviderSetup,
    Unreadable,
)

__all__ = [
    "Actionable",
    "BalanceTransactionKind",
    "Budget",
    "EventRefused",
    "Outcome",
    "Provider",
    "ProviderBalanceTransaction",
    "ProviderCustomer",
    "ProviderCustomerSession",
    "ProviderDispute",
    "ProviderFailure",
    "ProviderFunds",
    "ProviderMethod",
    "ProviderPayment",
    "ProviderRefund",
    "ProviderSetup",
    "SignatureRefused",
    "StripeEvent",
    "Unreadable",
    "verify_event",
]
