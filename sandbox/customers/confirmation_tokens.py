"""Confirmation tokens: a payer's input, collected before there is an intent.

Source: docs.stripe.com/payments/finalize-payments-on-the-server, docs.stripe.com/api/confirmation_tokens.

Stripe.js makes them with a publishable key, tests by a helper. A token confirms one intent, within twelve hours.
"""

from typing import Any

from sandbox.customers import payment_methods
from sandbox.customers.kinds import KINDS
from sandbox.errors import invalid
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]

TOKEN_SECONDS = 12 * 3600
PREVIEWED = ("allow_redisplay", "billing_details", "customer", "customer_account", "type")
CARRIED = ("mandate_data", "return_url", "setup_future_usage", "shipping")
NOT_BESIDE = ("payment_method", "payment_method_data")


def create(ledger: Ledger, params: Json) -> Json:
    """Create a token of a method and what else the payer's page knows."""
    if all(name in params for name in NOT_BESIDE) or not any(name in params for name in NOT_BESIDE):
        raise invalid("Send `payment_method` or `payment_method_data`.", param="payment_method")
    method = payment_methods.chosen(ledger, params)
    assert method is not None  # one of the two was sent
    payment_methods.check_unused(ledger, method)
    identity = new_id("ctoken")
    token = {
        "id": identity,
        "object": "confirmation_token",
        "created": ledger.now,
        "expires_at": ledger.now + TOKEN_SECONDS,
        "livemode": False,
        "mandate_data": params.get("mandate_data") or _mandate_data(method),
        "metadata": None,
        "payment_intent": None,
        "payment_method_options": None,
        "payment_method_preview": {name: method[name] for name in (*PREVIEWED, method["type"])},
        "return_url": params.get("return_url"),
        "setup_future_usage": params.get("setup_future_usage"),
        "setup_intent": None,
        "shipping": _shipping(params.get("shipping")),
        "use_stripe_sdk": True,
    }
    ledger.store.remember(identity, method=method["id"])
    return ledger.store.add(token)


def create_in_browser(ledger: Ledger, params: Json) -> Json:
    """Create a token for a payer's page, which may name a saved method only within a session of its customer."""
    session = ledger.store.hidden(params.pop("customer_session_client_secret", ""))
    if "payment_method" in params:
        owner = payment_methods.find(ledger, params["payment_method"])[0]["customer"]
        if owner is not None and (session.get("customer") != owner or session["expires_at"] <= ledger.now):
            raise payment_methods.not_of_customer(params["payment_method"], param="payment_method")
    params.pop("client_context", None)
    return create(ledger, params)


def spend(ledger: Ledger, intent: Json, params: Json) -> Json:
    """Add the data of its token to the parameters of a confirmation.

    What the call says itself goes before what the token says. Raises StripeError for a token that was used or has
    expired, and beside another method.
    """
    if "confirmation_token" not in params:
        return params
    for name in NOT_BESIDE:
        if name in params:
            raise invalid(
                f"You may only specify one of these parameters: confirmation_token, {name}.", param="confirmation_token"
            )
    token = ledger.need("confirmation_token", params["confirmation_token"], param="confirmation_token")
    used = token["payment_intent"] or token["setup_intent"]
    if used is not None:
        raise invalid(f"This ConfirmationToken was already used to confirm {used}.", param="confirmation_token")
    if token["expires_at"] <= ledger.now:
        raise invalid("This ConfirmationToken has expired.", param="confirmation_token")
    ledger.store.save(token | {intent["object"]: intent["id"]})
    carried = [name for name in CARRIED if token[name] is not None]
    if intent["object"] == "setup_intent":
        carried = [name for name in carried if name in ("mandate_data", "return_url")]
    method = ledger.store.hidden(token["id"])["method"]
    from_token = {name: token[name] for name in carried} | {"payment_method": method}
    if "shipping" in from_token:
        from_token["shipping"] = {"carrier": None, "tracking_number": None} | token["shipping"]
    return from_token | params


def _shipping(given: Json | None) -> Json | None:
    """Return the address that a payer's page knows: nothing about the parcel."""
    return given and {name: given[name] for name in ("address", "name", "phone")}


def _mandate_data(method: Json) -> Json | None:
    """Return the payer's agreement, which Stripe.js collects for a debit."""
    if not KINDS[method["type"]].debits:
        return None
    online = {"ip_address": "127.0.0.1", "user_agent": "Stripe.js"}
    return {"customer_acceptance": {"online": online, "type": "online"}}
