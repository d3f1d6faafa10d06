"""A customer's records besides methods and cash: the balance with the shop, and tax ids.

They concern invoices only, which the offline Stripe lacks: they are stored and change nothing.
"""

from typing import Any

from sandbox.errors import missing
from sandbox.http.listing import page
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]


def add_to_balance(ledger: Ledger, customer_id: str, params: Json) -> Json:
    """Change the amount that a customer owes on the next invoice; a negative amount is a credit."""
    customer = ledger.need("customer", customer_id)
    customer |= {"balance": customer["balance"] + params["amount"], "currency": params["currency"]}
    ledger.store.save(customer)
    return ledger.store.add(
        {
            "id": new_id("cbtxn"),
            "object": "customer_balance_transaction",
            "amount": params["amount"],
            "checkout_session": None,
            "created": ledger.now,
            "credit_note": None,
            "currency": params["currency"],
            "customer": customer_id,
            "customer_account": None,
            "description": params.get("description"),
            "ending_balance": customer["balance"],
            "invoice": None,
            "livemode": False,
            "metadata": merged({}, params.get("metadata")),
            "type": "adjustment",
        }
    )


def note_on_balance(ledger: Ledger, customer_id: str, identity: str, params: Json) -> Json:
    """Change the description or metadata of a change to the balance."""
    moved = one(ledger, "customer_balance_transaction", customer_id, identity)
    moved["metadata"] = merged(moved["metadata"], params.get("metadata"))
    moved |= {"description": params["description"]} if "description" in params else {}
    return ledger.store.save(moved)


def add_tax_id(ledger: Ledger, customer_id: str, params: Json) -> Json:
    """Store a tax id. It is never verified."""
    ledger.need("customer", customer_id)
    country = params["value"][:2].upper() if params["type"] == "eu_vat" else params["type"][:2].upper()
    tax_id = {
        "id": new_id("txi"),
        "object": "tax_id",
        "country": country,
        "created": ledger.now,
        "customer": customer_id,
        "customer_account": None,
        "livemode": False,
        "owner": {"customer": customer_id, "type": "customer"},
        "type": params["type"],
        "value": params["value"],
        "verification": {"status": "unavailable", "verified_address": None, "verified_name": None},
    }
    ledger.store.add(tax_id)
    ledger.happened("customer.tax_id.created", tax_id)
    return tax_id


def delete_tax_id(ledger: Ledger, customer_id: str, identity: str) -> Json:
    """Delete a tax id."""
    tax_id = one(ledger, "tax_id", customer_id, identity)
    ledger.store.remove(identity)
    ledger.happened("customer.tax_id.deleted", tax_id)
    return {"id": identity, "object": "tax_id", "deleted": True}


def one(ledger: Ledger, kind: str, customer_id: str, identity: str) -> Json:
    """Return one record of this customer."""
    found = ledger.store.get(identity, kind)
    if found is None or found["customer"] != customer_id:
        raise missing(kind, identity)
    return found


def several(ledger: Ledger, kind: str, customer_id: str, name: str, params: Json) -> Json:
    """Return a page of this customer's records."""
    ledger.need("customer", customer_id)
    return page(ledger.store, kind, f"/v1/customers/{customer_id}/{name}", params | {"customer": customer_id})
