"""Calls on charges: their metadata and description, and the old way to capture."""

import secrets
from typing import Any

from sandbox.errors import invalid
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.payments import captures

Json = dict[str, Any]

DESCRIPTORS = ("statement_descriptor", "statement_descriptor_suffix")
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


def send_receipt(ledger: Ledger, kind: str, identity: str, email: str | None) -> Json:
    """Send the receipt of a charge or a refund, by which it gets a number. In test mode Stripe sends none by itself."""
    thing = ledger.need(kind, identity, param=kind)
    before = dict(thing)
    if kind == "charge":
        thing["receipt_email"] = email or thing["receipt_email"]
    charge = thing if kind == "charge" else ledger.need("charge", thing["charge"])
    if charge["receipt_email"] is None:
        raise invalid("There is no address to send the receipt to.", param="email")
    thing["receipt_number"] = (
        thing["receipt_number"] or f"{1000 + secrets.randbelow(9000)}-{1000 + secrets.randbelow(9000)}"
    )
    ledger.store.save(thing)
    ledger.happened(f"{kind}.updated", thing, before=before)
    return thing


def capture(ledger: Ledger, identity: str, params: Json) -> Json:
    """Capture an authorization by its charge instead of its intent."""
    charge = ledger.need("charge", identity)
    if charge["captured"]:
        raise invalid(f"Charge {identity} has already been captured.", code="charge_already_captured")
    capture_params = {name: params[name] for name in DESCRIPTORS if name in params}
    capture_params |= {"amount_to_capture": params["amount"]} if "amount" in params else {}
    if "receipt_email" in params:
        ledger.store.save(charge | {"receipt_email": params["receipt_email"]})
    captures.capture(ledger, charge["payment_intent"], capture_params)
    return ledger.need("charge", identity)
