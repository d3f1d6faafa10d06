"""Mandates: a payer's permission to debit a bank account.

Source: docs.stripe.com/payments/sepa-debit, …/ach-direct-debit, and the Mandate of the API reference. A payment that
keeps nothing has a mandate of a single use; a setup, or a payment that keeps its method, one of many uses, which later
payments with the method need no further permission for.
"""

from typing import Any

from sandbox.customers.kinds import KINDS
from sandbox.errors import StripeError, invalid
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]

STATUSES = ("active", "inactive", "pending")


def agreed(ledger: Ledger, intent: Json, method: Json, params: Json, *, multi_use: bool, waits: bool) -> str | None:
    """Return the mandate under which the method of an intent is debited; None for a method that needs none.

    `waits` says that the bank account must be verified first. Raises StripeError where the payer has not agreed.
    """
    if not KINDS[method["type"]].debits:
        return None
    named = params.get("mandate") or ledger.store.hidden(method["id"]).get("mandate")
    if "mandate_data" in params:
        return _create(ledger, intent, method, params["mandate_data"], multi_use=multi_use, waits=waits)
    if named is not None:
        mandate = ledger.need("mandate", named, param="mandate")
        if mandate["status"] == "inactive" or mandate["payment_method"] != method["id"]:
            raise _invalid(intent, "The mandate is not active, or is of another payment method.")
        return str(mandate["id"])
    if method["type"] == "us_bank_account" and ledger.store.setting("ach_mandates", "implied") == "implied":
        return _create(ledger, intent, method, {}, multi_use=multi_use, waits=waits)
    raise _invalid(
        intent,
        "It requires a mandate, but no existing mandate was found. Collect mandate acceptance from the customer and try"
        " again, providing acceptance data in the mandate_data parameter.",
    )


def move(ledger: Ledger, identity: str, status: str) -> Json:
    """Change a mandate's status, as its bank or its payer does."""
    mandate = ledger.need("mandate", identity)
    if status not in STATUSES:
        raise invalid(f"A mandate is {', '.join(STATUSES)}.", param="status")
    before = dict(mandate)
    mandate["status"] = status
    ledger.store.save(mandate)
    if before != mandate:
        ledger.happened("mandate.updated", mandate, before=before)
    return mandate


def _create(ledger: Ledger, intent: Json, method: Json, given: Json, *, multi_use: bool, waits: bool) -> str:
    acceptance = given.get("customer_acceptance") or {"type": "online"}
    online = acceptance.get("online") or {}
    kind = acceptance["type"]
    identity = new_id("mandate")
    details: Json = {}
    if method["type"] == "sepa_debit":
        details = {"reference": new_id("r", 16)[2:].upper(), "url": f"{ledger.public_url}/_sandbox/mandate/{identity}"}
    mandate = {
        "id": identity,
        "object": "mandate",
        "customer_acceptance": {
            "accepted_at": acceptance.get("accepted_at", ledger.now),
            "type": kind,
            kind: {name: online.get(name) for name in ("ip_address", "user_agent")} if kind == "online" else {},
        },
        "livemode": False,
        "on_behalf_of": None,
        "payment_method": method["id"],
        "payment_method_details": {"type": method["type"], method["type"]: details},
        "status": "pending" if waits else "active",
        "type": "multi_use" if multi_use else "single_use",
    }
    if multi_use:
        mandate["multi_use"] = {}
        ledger.store.remember(method["id"], mandate=identity)
    else:
        mandate["single_use"] = {"amount": intent["amount"], "currency": intent["currency"]}
    ledger.store.add(mandate)
    return identity


def _invalid(intent: Json, why: str) -> StripeError:
    kind = intent["object"]
    name = "PaymentIntent" if kind == "payment_intent" else "SetupIntent"
    return invalid(f"This {name} cannot be confirmed. {why}", param="mandate_data", code=f"{kind}_mandate_invalid")
