"""SetupIntents: save a method for later without a payment. Source: docs.stripe.com/payments/setup-intents."""

from typing import Any

from sandbox.customers import payment_methods
from sandbox.customers.methods import NOT_AUTHENTICATED, Action, CardDecline
from sandbox.errors import StripeError, doc_url, invalid, unexpected_state
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.payments import actions
from sandbox.store import new_id

Json = dict[str, Any]

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCEL_REASONS = ("abandoned", "duplicate", "requested_by_customer")
CHANGEABLE = ("customer", "description", "flow_directions")


def create(ledger: Ledger, params: Json) -> Json:
    """Create a setup, and confirm it if the same call asks for that."""
    _check(ledger, params)
    setup = _new(ledger.now, params)
    setup["metadata"] = merged({}, params.get("metadata"))
    if method := payment_methods.chosen(ledger, params):
        setup |= {"payment_method": method["id"], "status": "requires_confirmation"}
    ledger.store.add(setup)
    ledger.happened("setup_intent.created", setup)
    return confirm(ledger, setup["id"], {"return_url": params.get("return_url")}) if params.get("confirm") else setup


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Update a setup that is not complete. Stripe makes no event of it."""
    setup = _open(ledger, identity, "updated")
    _check(ledger, params)
    setup["metadata"] = merged(setup["metadata"], params.get("metadata"))
    setup |= {name: params[name] for name in CHANGEABLE if name in params}
    if method := payment_methods.chosen(ledger, params):
        setup |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    return ledger.store.save(setup)


def confirm(ledger: Ledger, identity: str, params: Json) -> Json:
    """Set the method up. Raises StripeError (402) when its bank declines."""
    setup = _open(ledger, identity, "confirmed")
    if method := payment_methods.chosen(ledger, params):
        setup["payment_method"] = method["id"]
    if setup["payment_method"] is None:
        raise invalid("You cannot confirm this SetupIntent because it's missing a payment method.")
    method, behaviour = payment_methods.find(ledger, setup["payment_method"])
    payment_methods.check_unused(ledger, method)
    if behaviour.decline is not None and not behaviour.attaches:
        error = _failed(ledger, setup, method, behaviour.decline)
        raise StripeError(402, {**error, "setup_intent": setup})
    if behaviour.action is Action.NEVER:
        return _succeed(ledger, setup, method)
    page, back = f"{ledger.public_url}/_sandbox/3ds/{identity}", params.get("return_url")
    if behaviour.type == "us_bank_account":
        action = actions.microdeposits(page, ledger.now)
    elif back:
        action = actions.of("redirect_to_url", setup, page, ledger.now, back=back)
    else:
        sdk = {"type": "three_d_secure_redirect", "stripe_js": page}
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    setup |= {"status": "requires_action", "next_action": action, "last_setup_error": None}
    ledger.store.save(setup)
    ledger.store.remember(identity, return_url=back)
    ledger.happened("setup_intent.requires_action", setup)
    return setup


def cancel(ledger: Ledger, identity: str, params: Json) -> Json:
    """Cancel a setup."""
    setup = _open(ledger, identity, "canceled")
    reason = params.get("cancellation_reason")
    setup |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    ledger.store.save(setup)
    ledger.happened("setup_intent.canceled", setup)
    return setup


def finish_action(ledger: Ledger, identity: str, *, passed: bool) -> Json:
    """Apply the payer's answer."""
    setup = ledger.need("setup_intent", identity, param="intent")
    if setup["status"] != "requires_action":
        raise unexpected_state(setup, "authenticated", ("requires_action",))
    method, _ = payment_methods.find(ledger, setup["payment_method"])
    setup["next_action"] = None
    if passed:
        return _succeed(ledger, setup, method)
    _failed(ledger, setup, method, NOT_AUTHENTICATED)
    return setup


def verify(ledger: Ledger, identity: str, params: Json) -> Json:
    """Check the microdeposits, or the code, that arrived at the bank account."""
    if params.get("descriptor_code") != "SM11AA" and params.get("amounts") != [32, 45]:
        raise invalid("The microdeposits do not match. Please try again.")
    return finish_action(ledger, identity, passed=True)


def _open(ledger: Ledger, identity: str, action: str) -> Json:
    setup = ledger.need("setup_intent", identity, param="intent")
    if setup["status"] not in OPEN:
        raise unexpected_state(setup, action, OPEN)
    return setup


def _check(ledger: Ledger, params: Json) -> None:
    if params.get("customer"):
        ledger.need("customer", params["customer"], param="customer")


def _succeed(ledger: Ledger, setup: Json, method: Json) -> Json:
    if setup["customer"] and method["customer"] is None:
        payment_methods.attach(ledger, method["id"], {"customer": setup["customer"]})
    ledger.store.remember(method["id"], set_up=True)
    setup |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    ledger.store.save(setup)
    ledger.happened("setup_intent.succeeded", setup)
    return setup


def _failed(ledger: Ledger, setup: Json, method: Json, decline: CardDecline) -> Json:
    error: Json = {
        "type": "card_error" if decline.type != "not_asked" else "invalid_request_error",
        "code": decline.code,
        "doc_url": doc_url(decline.code),
        "message": decline.message,
        "payment_method": method,
    }
    if decline.type != "not_asked":
        error["decline_code"] = decline.reason
    setup |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
    ledger.store.save(setup)
    ledger.happened("setup_intent.setup_failed", setup)
    return error


def _new(now: int, params: Json) -> Json:
    identity = new_id("seti")
    automatic = params.get("automatic_payment_methods") or {"enabled": "payment_method_types" not in params}
    redirects = automatic.get("allow_redirects", "always")
    return {
        "id": identity,
        "object": "setup_intent",
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": {"allow_redirects": redirects, "enabled": True} if automatic["enabled"] else None,
        "cancellation_reason": None,
        "client_secret": f"{identity}_secret_{new_id('s', 25)[2:]}",
        "created": now,
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "flow_directions": params.get("flow_directions"),
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "managed_payments": None,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"mandate_options": None, "network": None, "request_three_d_secure": None}},
        "payment_method_types": params.get("payment_method_types") or ["card", "us_bank_account"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
