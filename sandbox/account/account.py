"""The account's records besides its payments: webhook endpoints, reviews, early fraud warnings."""

from typing import Any

from sandbox.errors import invalid
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]


def create_endpoint(ledger: Ledger, params: Json) -> Json:
    """Register a webhook endpoint; its secret is shown only now. Events still go to the sandbox's own address."""
    endpoint = {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "application": None,
        "created": ledger.now,
        "description": params.get("description"),
        "enabled_events": params["enabled_events"],
        "livemode": False,
        "metadata": merged({}, params.get("metadata")),
        "status": "enabled",
        "url": params["url"],
    }
    ledger.store.add(endpoint)
    return endpoint | {"secret": f"whsec_{new_id('s', 32)[2:]}"}


def update_endpoint(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change an endpoint."""
    endpoint = ledger.need("webhook_endpoint", identity)
    endpoint["metadata"] = merged(endpoint["metadata"], params.get("metadata"))
    endpoint |= {name: params[name] for name in ("description", "enabled_events", "url") if name in params}
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    return ledger.store.save(endpoint)


def delete_endpoint(ledger: Ledger, identity: str) -> Json:
    """Delete an endpoint."""
    ledger.need("webhook_endpoint", identity)
    ledger.store.remove(identity)
    return {"id": identity, "object": "webhook_endpoint", "deleted": True}


def open_review(ledger: Ledger, charge: Json) -> Json:
    """Open a review of a payment by a person."""
    review = {
        "id": new_id("prv"),
        "object": "review",
        "billing_zip": None,
        "charge": charge["id"],
        "closed_reason": None,
        "created": ledger.now,
        "ip_address": None,
        "ip_address_location": None,
        "livemode": False,
        "open": True,
        "opened_reason": "rule",
        "payment_intent": charge["payment_intent"],
        "reason": "rule",
        "session": None,
    }
    ledger.store.add(review)
    ledger.store.save(charge | {"review": review["id"]})
    intent = ledger.need("payment_intent", charge["payment_intent"])
    ledger.store.save(intent | {"review": review["id"]})
    ledger.happened("review.opened", review)
    return review


def approve_review(ledger: Ledger, identity: str) -> Json:
    """Approve a review: the payment is good."""
    review = ledger.need("review", identity)
    if not review["open"]:
        raise invalid("This review is closed already.")
    ledger.store.save(review | {"open": False, "reason": "approved", "closed_reason": "approved"})
    review = ledger.need("review", identity)
    ledger.happened("review.closed", review)
    return review


def warn_of_fraud(ledger: Ledger, charge: Json) -> Json:
    """Create an early fraud warning: the card's bank reports that its customer did not make this payment."""
    warning = {
        "id": new_id("issfr"),
        "object": "radar.early_fraud_warning",
        "actionable": not charge["refunded"] and not charge["disputed"],
        "charge": charge["id"],
        "created": ledger.now,
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }
    ledger.store.add(warning)
    ledger.happened("radar.early_fraud_warning.created", warning)
    return warning
