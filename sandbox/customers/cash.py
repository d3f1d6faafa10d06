"""A customer's cash balance: money that was transferred ahead of payments, and its movements.

Source: docs.stripe.com/payments/customer-balance.
"""

from typing import Any

from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]

AREAS = {"eur": "eu", "gbp": "gb", "jpy": "jp", "mxn": "mx", "usd": "us"}
SENDERS: dict[str, Json] = {
    "eu": {"bic": "SANDBOX0", "iban_last4": "3000", "sender_name": "A PAYER"},
    "gb": {"account_number_last4": "2345", "sender_name": "A PAYER", "sort_code": "000000"},
    "jp": {"sender_bank": "SANDBOX", "sender_branch": "SANDBOX", "sender_name": "A PAYER"},
    "us": {"network": "ach", "sender_name": "A PAYER"},
}


def retrieve(ledger: Ledger, customer_id: str) -> Json:
    """Return the customer's cash balance, by currency."""
    ledger.need("customer", customer_id)
    facts = ledger.store.hidden(customer_id)
    mode = facts.get("reconciliation_mode")
    held = {currency: amount for currency, amount in facts.get("cash", {}).items() if amount}
    return {
        "object": "cash_balance",
        "available": held or None,
        "customer": customer_id,
        "customer_account": None,
        "livemode": False,
        "settings": {"reconciliation_mode": mode or "automatic", "using_merchant_default": mode is None},
    }


def set_up(ledger: Ledger, customer_id: str, params: Json) -> Json:
    """Set the mode in which incoming money is matched with open payments."""
    mode = params.get("settings", {}).get("reconciliation_mode")
    if mode is not None:
        ledger.store.remember(customer_id, reconciliation_mode=None if mode == "merchant_default" else mode)
    return retrieve(ledger, customer_id)


def available(ledger: Ledger, customer_id: str, currency: str) -> int:
    """Return the amount that is not applied to any payment."""
    return int(ledger.store.hidden(customer_id).get("cash", {}).get(currency, 0))


def is_automatic(ledger: Ledger, customer_id: str) -> bool:
    """Return True if Stripe matches the customer's money with payments by itself."""
    return ledger.store.hidden(customer_id).get("reconciliation_mode") != "manual"


def funded(currency: str, reference: str | None) -> Json:
    """Build the details of a transfer that arrived."""
    if currency not in AREAS:
        raise invalid(f"Customers cannot transfer {currency}.", param="currency")
    area = AREAS[currency]
    sender = {f"{area}_bank_transfer": SENDERS[area]} if area in SENDERS else {}
    return {"bank_transfer": {"reference": reference, "type": f"{area}_bank_transfer", **sender}}


def move(ledger: Ledger, customer_id: str, amount: int, currency: str, kind: str, details: Json) -> Json:
    """Write a movement of the cash balance: a negative amount leaves it."""
    balance = available(ledger, customer_id, currency) + amount
    cash = ledger.store.hidden(customer_id).get("cash", {})
    ledger.store.remember(customer_id, cash=cash | {currency: balance})
    moved = ledger.store.add(
        {
            "id": new_id("ccsbtxn"),
            "object": "customer_cash_balance_transaction",
            "created": ledger.now,
            "currency": currency,
            "customer": customer_id,
            "customer_account": None,
            "ending_balance": balance,
            "livemode": False,
            "net_amount": amount,
            "type": kind,
            kind: details,
        }
    )
    ledger.happened("customer_cash_balance_transaction.created", moved)
    return moved
