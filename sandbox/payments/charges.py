"""Calls on charges: their metadata and description, and the old way to capture."""

from typing import Any

from sandbox.errors import invalid
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.payments import captures

Json = dict[str, Any]

CHANGEABLE = ("description", "receipt_email", "shipping", "transfer_group")


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change the metadata or description of a charge."""
    charge = ledger.need("charge", identity)
    before = dict(charge)
    charge["metadata"] = merged(charge["metadata"], params.get("metadata"))
    charge |= {name: params[name] for name in CHANGEABLE if name in params}
    if "customer" in params:
        if charge["customer"] not in (None, params["customer"]):
            raise invalid("This charge has a customer already.", param="customer")
        charge["customer"] = ledger.need("customer", params["customer"], param="customer")["id"]
    if "fraud_details" in params:
        charge["fraud_details"] = params["fraud_details"]
    ledger.store.save(charge)
    ledger.happened("charge.updated", charge, before=before)
    return charge


def capture(ledger: Ledger, identity: str, params: Json) -> Json:
    """Capture an authorization by its charge instead of its intent."""
    charge = ledger.need("charge", identity)
    if charge["captured"]:
        raise invalid(f"Charge {identity} has already been captured.", code="charge_already_captured")
    capture_params = {"amount_to_capture": params["amount"]} if "amount" in params else {}
    captures.capture(ledger, charge["payment_intent"], capture_params)
    return ledger.need("charge", identity)
