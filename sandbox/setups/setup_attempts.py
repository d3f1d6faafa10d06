"""SetupAttempts: each confirmation of a SetupIntent, and its end. Source: docs.stripe.com/api/setup_attempts."""

from typing import Any

from sandbox.ledger import Ledger
from sandbox.payments.authentication import three_d_secure
from sandbox.store import new_id

Json = dict[str, Any]

CARD = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")


def begin(ledger: Ledger, setup: Json, method: Json) -> Json:
    """Write a new attempt of a setup with this method."""
    kind = method["type"]
    shown: Json = {}
    if kind == "card":
        card = method["card"]
        shown = {name: card[name] for name in CARD} | {"network": card["brand"], "three_d_secure": None}
    return ledger.store.add(
        {
            "id": new_id("setatt"),
            "object": "setup_attempt",
            "application": None,
            "created": ledger.now,
            "customer": setup["customer"],
            "customer_account": None,
            "flow_directions": setup["flow_directions"],
            "livemode": False,
            "on_behalf_of": None,
            "payment_method": method["id"],
            "payment_method_details": {"type": kind, kind: shown},
            "setup_error": None,
            "setup_intent": setup["id"],
            "status": "processing",
            "usage": setup["usage"],
        }
    )


def move(ledger: Ledger, setup: Json, status: str, *, error: Json | None = None, authenticated: bool = False) -> None:
    """Write the state of the latest attempt, if there is one."""
    if setup["latest_attempt"] is None:
        return
    attempt = ledger.need("setup_attempt", setup["latest_attempt"])
    if attempt["status"] in ("succeeded", "failed"):
        return
    attempt |= {"status": status, "setup_error": error}
    if authenticated and "card" in attempt["payment_method_details"]:
        attempt["payment_method_details"]["card"]["three_d_secure"] = three_d_secure(without=("exemption_indicator",))
    ledger.store.save(attempt)
