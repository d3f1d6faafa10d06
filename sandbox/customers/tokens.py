"""Keys for a shop's pages and apps: ephemeral keys, customer sessions, confirmation tokens."""

from typing import Any

from sandbox.customers import payment_methods
from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]

KEY_SECONDS = 3600
SESSION_SECONDS = 1800
TOKEN_SECONDS = 12 * 3600
PREVIEWED = ("allow_redisplay", "billing_details", "customer", "customer_account", "type")
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
    return {
        "object": "customer_session",
        "client_secret": f"cuss_secret_{new_id('s', 48)[2:]}",
        "components": {name: _component(name, params["components"].get(name)) for name in (*PLAIN, *FEATURES)},
        "created": ledger.now,
        "customer": params["customer"],
        "customer_account": None,
        "expires_at": ledger.now + SESSION_SECONDS,
        "livemode": False,
    }


def create_token(ledger: Ledger, params: Json) -> Json:
    """Create a confirmation token, as Stripe.js makes it of the payer's input; here of a test method."""
    method = payment_methods.chosen(ledger, params)
    preview = {name: method[name] for name in (*PREVIEWED, method["type"])} if method else None
    identity = new_id("ctoken")
    token = {
        "id": identity,
        "object": "confirmation_token",
        "created": ledger.now,
        "expires_at": ledger.now + TOKEN_SECONDS,
        "livemode": False,
        "mandate_data": None,
        "metadata": None,
        "payment_intent": None,
        "payment_method_options": None,
        "payment_method_preview": preview,
        "return_url": params.get("return_url"),
        "setup_future_usage": params.get("setup_future_usage"),
        "setup_intent": None,
        "shipping": params.get("shipping"),
        "use_stripe_sdk": True,
    }
    ledger.store.add(token)
    ledger.store.remember(identity, method=method["id"] if method else None)
    return token


def spend(ledger: Ledger, intent: Json, params: Json) -> Json:
    """Add the data of its token to the parameters of a confirmation. Raises StripeError for a used token."""
    if "confirmation_token" not in params:
        return params
    token = ledger.need("confirmation_token", params["confirmation_token"], param="confirmation_token")
    if token["payment_intent"] is not None or token["expires_at"] <= ledger.now:
        raise invalid("This ConfirmationToken was used or has expired.", param="confirmation_token")
    method = ledger.store.hidden(token["id"])["method"]
    ledger.store.save(token | {"payment_intent": intent["id"]})
    from_token = {name: token[name] for name in ("return_url", "setup_future_usage", "shipping")} | {
        "payment_method": method
    }
    return {name: value for name, value in from_token.items() if value is not None} | params


def _component(name: str, requested: Json | None) -> Json:
    enabled = bool((requested or {}).get("enabled", False))
    if name in PLAIN:
        return {"enabled": enabled}
    return {"enabled": enabled, "features": FEATURES[name] | (requested or {}).get("features", {}) if enabled else None}
