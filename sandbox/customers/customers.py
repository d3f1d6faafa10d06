"""Customers, who save payment methods."""

from typing import Any

from sandbox.customers.payment_methods import attach, detach, not_of_customer
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]

CHANGEABLE = ("address", "description", "email", "name", "phone", "preferred_locales", "shipping")


def create(ledger: Ledger, params: Json) -> Json:
    """Create a customer, with a payment method if one is passed."""
    customer = _new(ledger.now) | {name: params[name] for name in CHANGEABLE if name in params}
    customer["metadata"] = merged({}, params.get("metadata"))
    ledger.store.add(customer)
    ledger.happened("customer.created", customer)
    if params.get("payment_method"):
        attach(ledger, params["payment_method"], {"customer": customer["id"]})
    _set_invoice_settings(ledger, customer, params)
    return ledger.store.save(customer)


def retrieve(ledger: Ledger, identity: str) -> Json:
    """Return a customer; of a deleted one only its id and the deletion."""
    if ledger.store.hidden(identity).get("deleted"):
        return _gone(identity)
    return ledger.need("customer", identity)


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change a customer's attributes."""
    customer = ledger.need("customer", identity)
    before = dict(customer)
    customer |= {name: params[name] for name in CHANGEABLE if name in params}
    customer["metadata"] = merged(customer["metadata"], params.get("metadata"))
    _set_invoice_settings(ledger, customer, params)
    ledger.store.save(customer)
    ledger.happened("customer.updated", customer, before=before)
    return customer


def delete(ledger: Ledger, identity: str) -> Json:
    """Delete a customer; its methods are detached and can no longer be used."""
    customer = ledger.need("customer", identity)
    for method in ledger.store.every("payment_method"):
        if method["customer"] == identity:
            detach(ledger, method["id"])
    ledger.store.remove(identity)
    ledger.happened("customer.deleted", customer)
    return _gone(identity)


def _set_invoice_settings(ledger: Ledger, customer: Json, params: Json) -> None:
    """Set the customer's default method, which must be saved by this customer."""
    settings = params.get("invoice_settings", {})
    if named := settings.get("default_payment_method"):
        method = ledger.store.get(named, "payment_method")
        if method is None or method["customer"] != customer["id"]:
            raise not_of_customer(named, param="invoice_settings[default_payment_method]")
    customer["invoice_settings"] = customer["invoice_settings"] | settings


def _gone(identity: str) -> Json:
    return {"id": identity, "object": "customer", "deleted": True}


def _new(now: int) -> Json:
    return {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": new_id("x", 8)[2:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
