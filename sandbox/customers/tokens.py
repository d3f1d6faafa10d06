"""Keys for a shop's pages and apps: ephemeral keys and customer sessions.

Source: docs.stripe.com/api/customer_sessions.
"""

from typing import Any

from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]

KEY_SECONDS = 3600
SESSION_SECONDS = 1800
FEATURES: dict[str, Json] = {  # Stripe's defaults for the features of a component
    "payment_element": {
        "payment_method_allow_redisplay_filters": ["always"],
        "payment_method_redisplay": "disabled",
        "payment_method_redisplay_limit": 3,
        "payment_method_remove": "disabled",
        "payment_method_save": "disabled",
        "payment_method_save_usage": None,
    },
    "mobile_payment_element": {
        "payment_method_allow_redisplay_filters": ["always"],
        "payment_method_redisplay": "disabled",
        "payment_method_remove": "disabled",
        "payment_method_save": "disabled",
        "payment_method_save_allow_redisplay_override": None,
    },
    "customer_sheet": {"payment_method_allow_redisplay_filters": ["always"], "payment_method_remove": "disabled"},
}
PLAIN = ("active_entitlements", "buy_button", "customer_portal", "pricing_table")


def create_key(ledger: Ledger, params: Json) -> Json:
    """Create a key that shows a customer's app that customer for an hour. Its secret is shown only now."""
    ledger.need("customer", params["customer"], param="customer")
    key = {
        "id": new_id("ephkey"),
        "object": "ephemeral_key",
        "created": ledger.now,
        "expires": ledger.now + KEY_SECONDS,
        "livemode": False,
    }
    ledger.store.add(key)
    shown = {"associated_objects": [{"id": params["customer"], "type": "customer"}], "secret": new_id("ek_test", 32)}
    return key | shown


def delete_key(ledger: Ledger, identity: str) -> Json:
    """End a key at once."""
    key = ledger.need("ephemeral_key", identity)
    ledger.store.remove(identity)
    return key | {"expires": ledger.now}


def create_session(ledger: Ledger, params: Json) -> Json:
    """Create a session in which Stripe's elements act for a customer for half an hour."""
    if "customer" not in params:
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    ledger.need("customer", params["customer"], param="customer")
    secret = f"cuss_secret_{new_id('s', 48)[2:]}"
    ledger.store.remember(secret, customer=params["customer"], expires_at=ledger.now + SESSION_SECONDS)
    return {
        "object": "customer_session",
        "client_secret": secret,
        "components": {name: _component(name, params["components"].get(name)) for name in (*PLAIN, *FEATURES)},
        "created": ledger.now,
        "customer": params["customer"],
        "customer_account": None,
        "expires_at": ledger.now + SESSION_SECONDS,
        "livemode": False,
    }


def _component(name: str, requested: Json | None) -> Json:
    enabled = bool((requested or {}).get("enabled", False))
    if name in PLAIN:
        return {"enabled": enabled}
    return {"enabled": enabled, "features": FEATURES[name] | (requested or {}).get("features", {}) if enabled else None}
