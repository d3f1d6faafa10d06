"""Stripe's customers and payment methods, mapped to our snapshots: never a number, a fingerprint or an address."""

from calendar import monthrange
from datetime import date
from typing import Any, Final

from domain.currencies import CURRENCIES
from domain.sensitive import without_secrets
from provider.objects import ProviderCustomer, ProviderCustomerSession, ProviderFunds, ProviderMethod
from provider.words import Json, id_of, last_digits, moment, short_text, whole_number, word

# Types of methods that are a bank account, of which the payer knows the last four digits.
BANKS: Final = frozenset(
    {"us_bank_account", "sepa_debit", "bacs_debit", "au_becs_debit", "acss_debit", "nz_bank_account"}
)


def customer_from(customer: Json, *, request_id: str | None = None, is_replayed: bool = False) -> ProviderCustomer:
    """Map a Customer, also a deleted one. Raises KeyError, TypeError or ValueError for any other JSON."""
    if customer["object"] != "customer":
        raise ValueError("not a customer")
    settings = customer.get("invoice_settings") or {}
    metadata = customer.get("metadata") or {}
    return ProviderCustomer(
        id=customer["id"],
        is_deleted=bool(customer.get("deleted")),
        default_method_id=id_of(settings.get("default_payment_method")),
        metadata={str(name): str(value) for name, value in metadata.items()},
        request_id=request_id,
        is_replayed=is_replayed,
    )


def session_from(session: Json) -> ProviderCustomerSession:
    """Map a CustomerSession. Raises KeyError, TypeError or ValueError for any other JSON."""
    if session["object"] != "customer_session":
        raise ValueError("not a customer session")
    secret, customer_id = session["client_secret"], id_of(session["customer"])
    if not isinstance(secret, str) or customer_id is None:
        raise TypeError("a session without a secret, or of nobody")
    return ProviderCustomerSession(
        customer_id=customer_id, expires_at=moment(session["expires_at"]), client_secret=secret
    )


def funds_from(balance: Json, *, request_id: str | None = None, is_replayed: bool = False) -> ProviderFunds:
    """Map a CashBalance. Raises KeyError, TypeError or ValueError for any other JSON."""
    customer_id, available = id_of(balance["customer"]), balance["available"] or {}
    if balance["object"] != "cash_balance" or customer_id is None:
        raise ValueError("not a cash balance")
    unapplied = {str(currency).upper(): int(minor) for currency, minor in available.items()}
    if not unapplied.keys() <= CURRENCIES.keys():
        raise ValueError("not a currency that is known here")
    left = {currency: minor for currency, minor in unapplied.items() if minor > 0}
    return ProviderFunds(customer_id, livemode=bool(balance["livemode"]), unapplied=left)


def method_from(method: Json, *, request_id: str | None = None, is_replayed: bool = False) -> ProviderMethod:
    """Map a PaymentMethod. Raises KeyError, TypeError or ValueError for any other JSON."""
    if method["object"] != "payment_method":
        raise ValueError("not a payment method")
    return ProviderMethod(
        id=method["id"],
        customer_id=id_of(method.get("customer")),
        livemode=bool(method["livemode"]),
        method=snapshot_of(method),
        expires_on=expiry_of(method),
        created_at=moment(method["created"]),
        request_id=request_id,
        is_replayed=is_replayed,
    )


def snapshot_of(method: Json) -> dict[str, Any]:
    """Return a method, or the details of one that paid, as a receipt shows it: of a number, the last four digits."""
    kind = word(method.get("type")) or "unknown"
    details = method.get(kind)
    if kind == "card" and isinstance(details, dict):
        return _card(details)
    shown: dict[str, Any] = {"type": kind, "label": kind.replace("_", " ")}
    if kind in BANKS and isinstance(details, dict):
        bank = short_text(details.get("bank_name"))
        shown |= {"last4": last_digits(details.get("last4")), "bank": without_secrets(bank) if bank else None}
    return shown


def _card(card: Json) -> dict[str, Any]:
    wallet = card.get("wallet")
    return {
        "type": "card",
        "brand": word(card.get("brand")) or "unknown",
        "last4": last_digits(card.get("last4")),
        "exp_month": whole_number(card.get("exp_month")),
        "exp_year": whole_number(card.get("exp_year")),
        "funding": word(card.get("funding")),
        "country": word(card.get("country")),
        "wallet": word(wallet.get("type")) if isinstance(wallet, dict) else None,
    }


def expiry_of(method: Json) -> date | None:
    """Return the last day of the month in which a card expires; None for other methods, or an unreadable date."""
    card = method.get("card")
    year, month = (card.get("exp_year"), card.get("exp_month")) if isinstance(card, dict) else (None, None)
    if type(year) is not int or type(month) is not int or not (1 <= month <= 12 and 1 <= year <= 9999):
        return None
    return date(year, month, monthrange(year, month)[1])
