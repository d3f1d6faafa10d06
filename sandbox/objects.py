"""Builders of new objects with every field that Stripe always sends."""

import secrets
import string
from typing import Any

from domain.api_version import STRIPE_API_VERSION
from sandbox.customers.kinds import BANK_ACCOUNT, KINDS
from sandbox.customers.methods import CardDecline, TestMethod
from sandbox.payments import authorisations, descriptors
from sandbox.store import new_id

Json = dict[str, Any]

API_VERSION = STRIPE_API_VERSION
AVAILABLE_SECONDS = 2 * 86_400  # from the charge until its money is available for payouts
NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
NO_BILLING = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}
BANK_REFERENCE = ("reference", "reference_status")
REFERENCES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("affirm", "alipay", "cashapp", "customer_cash_balance", "eps", "paynow", "pix"), ()),
    **dict.fromkeys(("twint", "wechat_pay"), ()),
    "swish": ("network_decline_code", *BANK_REFERENCE),
}
CATEGORIES = {"charge": "charge", "refund": "refund", "refund_failure": "refund_failure", "adjustment": "dispute"} | {
    "payout": "payout",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
}


def payment_intent(now: int, params: Json) -> Json:
    """Build a new intent, from validated parameters."""
    identity = new_id("pi")
    automatic = params.get("automatic_payment_methods") or {"enabled": True}
    enabled = {"allow_redirects": automatic.get("allow_redirects", "always"), "enabled": True}
    return {
        "id": identity,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": enabled if automatic["enabled"] else None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{identity}_secret_{new_id('s', 25)[2:]}",
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": now,
        "currency": params["currency"],
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": [],
        "payment_record": None,
        "processing": None,
        "receipt_email": params.get("receipt_email"),
        "review": None,
        "setup_future_usage": params.get("setup_future_usage"),
        "shipping": params.get("shipping"),
        "source": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": params.get("transfer_group"),
    }


def charge(now: int, intent: Json, method: Json, behaviour: TestMethod, *, decline: CardDecline | None) -> Json:
    """Build a charge: declined, or authorized and not yet captured."""
    return {
        "id": new_id("ch" if behaviour.type == "card" else "py"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": (
            descriptors.calculated(intent["statement_descriptor_suffix"]) if behaviour.type == "card" else None
        ),
        "captured": False,
        "created": now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": decline is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": charged_with(method, behaviour, intent),
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "failed" if decline else "succeeded",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def _outcome(decline: CardDecline | None) -> Json:
    blocked = decline is not None and decline.type == "blocked"
    network = "approved_by_network" if decline is None else "not_sent_to_network" if blocked else "declined_by_network"
    refused = "Stripe blocked this payment." if blocked else "The bank returned a decline."
    return {
        "advice_code": decline.advice if decline else None,
        "network_advice_code": None,
        "network_decline_code": decline.network if decline else None,
        "network_status": network,
        "reason": decline.reason if decline else None,
        "risk_level": "highest" if blocked else "normal",
        "risk_score": 92 if blocked else 21,
        "seller_message": refused if decline else "Payment complete.",
        "type": decline.type if decline else "authorized",
    }


def charged_with(method: Json, behaviour: TestMethod, intent: Json) -> Json:
    """Build the payment_method_details of a charge."""
    shown = method[behaviour.type]
    if behaviour.type == "us_bank_account":
        bank = {name: shown[name] for name in BANK_ACCOUNT}
        return {"type": behaviour.type, behaviour.type: bank | {"payment_reference": None}}
    if behaviour.type != "card":
        details = {name: shown.get(name) for name in KINDS[behaviour.type].charged}
        return {"type": behaviour.type, behaviour.type: details}
    names = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {
        "type": "card",
        "card": {name: shown[name] for name in names}
        | {
            "amount_authorized": intent["amount"],
            "authorization_code": None,
            "electronic_commerce_indicator": None,
            "installments": None,
            "mandate": None,
            "network": shown["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "transaction_link_id": None,
            **authorisations.features(intent, shown["brand"], intent["amount"]),
        },
    }


def refund(now: int, charged: Json, amount: int, params: Json, *, kind_of: str = "refund") -> Json:
    """Build a refund of a charge; `kind_of` is the card network's form of it."""
    kind = KINDS[charged["payment_method_details"]["type"]].refund
    details = _reference(kind_of) if kind == "card" else dict.fromkeys(REFERENCES.get(kind, BANK_REFERENCE))
    return {
        "id": new_id("re" if kind == "card" else "pyr"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charged["id"],
        "created": now,
        "currency": charged["currency"],
        "customer": charged["customer"],
        "customer_account": None,
        "destination_details": {kind: details, "type": kind},
        "metadata": {},
        "payment_intent": charged["payment_intent"],
        "payment_method": charged["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _reference(kind_of: str) -> Json:
    """Build the reference by which the customer's bank finds a refund to a card."""
    return {
        "reference": "".join(secrets.choice(string.digits) for _ in range(23)),
        "reference_status": "available",
        "reference_type": "acquirer_reference_number",
        "type": kind_of,
    }


def balance_transaction(now: int, *, amount: int, fee: int, currency: str, source: str, kind: str) -> Json:
    """Build a balance transaction: money moving in or out of the account's balance."""
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": "Dispute fee" if kind == "adjustment" else "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now + AVAILABLE_SECONDS,
        "balance_type": "payments",
        "created": now,
        "currency": currency,
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fees if fee else [],
        "net": amount - fee,
        "reporting_category": CATEGORIES[kind],
        "source": source,
        "status": "pending",
        "type": kind,
    }


def event(now: int, kind: str, thing: Json, *, request: str | None, key: str | None, webhooks: bool) -> Json:
    """Build an event, with the object as it was then."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": {"object": thing},
        "livemode": False,
        "pending_webhooks": int(webhooks),
        "request": {"id": request, "idempotency_key": key},
        "type": kind,
    }


def previous_attributes(before: Json, after: Json) -> Json:
    """Return the changed attributes with their old values; of a nested object only the changed members."""
    changed: Json = {}
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old != new:
            nested = isinstance(old, dict) and isinstance(new, dict)
            changed[name] = previous_attributes(old or {}, new or {}) if nested else old
    return changed
