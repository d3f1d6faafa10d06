"""SetupIntents: save a method for later without a payment. Source: docs.stripe.com/payments/setup-intents."""

from dataclasses import replace
from typing import Any

from sandbox.customers import confirmation_tokens, mandates, payment_methods
from sandbox.customers.kinds import KINDS
from sandbox.customers.methods import NOT_AUTHENTICATED, Action, CardDecline, TestMethod
from sandbox.errors import StripeError, doc_url, invalid, unexpected_state
from sandbox.http.params import check_confirmation, merged
from sandbox.ledger import Ledger
from sandbox.payments import actions, options
from sandbox.setups import setup_attempts
from sandbox.store import new_id

Json = dict[str, Any]

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCEL_REASONS = ("abandoned", "duplicate", "requested_by_customer")
CHANGEABLE = ("customer", "description", "flow_directions")
TYPES = ("card", "sepa_debit", "us_bank_account")  # that can be saved without a payment
ONLY_WITH_CONFIRM = ("confirmation_token", "mandate_data", "return_url", "use_stripe_sdk")
UNAUTHENTICATED = replace(NOT_AUTHENTICATED, code="setup_intent_authentication_failure")
SHOWN: Json = {
    "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"},
    "sepa_debit": {},
    "us_bank_account": {"verification_method": "automatic"},
}


def check_new(params: Json) -> None:
    """Check a new setup's parameters before anything is done. Raises StripeError."""
    options.check_types(params)
    check_confirmation(params, ONLY_WITH_CONFIRM)


def create(ledger: Ledger, params: Json) -> Json:
    """Create a setup, and confirm it if the same call asks for that."""
    _check(ledger, params)
    setup = _new(ledger.now, params)
    setup["metadata"] = merged({}, params.get("metadata"))
    _offer(setup, params)
    if method := payment_methods.chosen(ledger, params):
        payment_methods.check_owner(method, setup["customer"])
        setup |= {"payment_method": method["id"], "status": "requires_confirmation"}
    ledger.store.add(setup)
    ledger.happened("setup_intent.created", setup)
    if params.get("confirm"):
        return confirm(ledger, setup["id"], {name: params[name] for name in ONLY_WITH_CONFIRM if name in params})
    return setup


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Update a setup that is not complete. Stripe makes no event of it."""
    setup = _open(ledger, identity, "updated")
    _check(ledger, params)
    setup["metadata"] = merged(setup["metadata"], params.get("metadata"))
    setup |= {name: params[name] for name in CHANGEABLE if name in params}
    _offer(setup, params)
    if method := payment_methods.chosen(ledger, params):
        payment_methods.check_owner(method, setup["customer"])
        setup |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}
    return ledger.store.save(setup)


def confirm(ledger: Ledger, identity: str, params: Json) -> Json:
    """Set the method up. Raises StripeError (402) when its bank declines."""
    setup = _open(ledger, identity, "confirmed")
    params = confirmation_tokens.spend(ledger, setup, params)
    _offer(setup, params)
    if method := payment_methods.chosen(ledger, params):
        setup["payment_method"] = method["id"]
    if setup["payment_method"] is None:
        raise invalid("You cannot confirm this SetupIntent because it's missing a payment method.")
    method, behaviour = payment_methods.find(ledger, setup["payment_method"])
    _check_method(ledger, setup, method, behaviour, params)
    waits = _needs_payer(ledger, method, behaviour)
    setup["mandate"] = mandates.agreed(ledger, setup, method, params, multi_use=True, waits=waits)
    setup["latest_attempt"] = setup_attempts.begin(ledger, setup, method)["id"]
    if behaviour.decline is not None and not behaviour.attaches:
        raise StripeError(402, {**_failed(ledger, setup, method, behaviour.decline), "setup_intent": setup})
    if not waits:
        return _succeed(ledger, setup, method, authenticated=False)
    page, back = f"{ledger.public_url}/_sandbox/3ds/{identity}", params.get("return_url")
    if behaviour.type == "us_bank_account":
        action = actions.microdeposits(page, ledger.now)
    elif back and not params.get("use_stripe_sdk"):
        action = actions.of("redirect_to_url", setup, page, ledger.now, back=back)
    else:
        sdk = {"type": "three_d_secure_redirect", "stripe_js": page}
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}
    setup |= {"status": "requires_action", "next_action": action, "last_setup_error": None}
    ledger.store.save(setup)
    setup_attempts.move(ledger, setup, "requires_action")
    ledger.store.remember(identity, return_url=back)
    ledger.happened("setup_intent.requires_action", setup)
    return setup


def cancel(ledger: Ledger, identity: str, params: Json) -> Json:
    """Cancel a setup."""
    setup = _open(ledger, identity, "canceled")
    reason = params.get("cancellation_reason")
    setup |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    ledger.store.save(setup)
    setup_attempts.move(ledger, setup, "abandoned")
    ledger.happened("setup_intent.canceled", setup)
    return setup


def finish_action(ledger: Ledger, identity: str, *, passed: bool, refusal: CardDecline | None = None) -> Json:
    """Apply the payer's answer; `refusal` is why it failed, if not by the payer."""
    setup = ledger.need("setup_intent", identity, param="intent")
    if setup["status"] != "requires_action":
        raise unexpected_state(setup, "authenticated", ("requires_action",))
    method, _ = payment_methods.find(ledger, setup["payment_method"])
    setup["next_action"] = None
    if passed:
        return _succeed(ledger, setup, method, authenticated=True)
    _failed(ledger, setup, method, refusal or UNAUTHENTICATED)
    return setup


def _open(ledger: Ledger, identity: str, action: str) -> Json:
    setup = ledger.need("setup_intent", identity, param="intent")
    if setup["status"] not in OPEN:
        raise unexpected_state(setup, action, OPEN)
    return setup


def _check(ledger: Ledger, params: Json) -> None:
    if params.get("customer"):
        ledger.need("customer", params["customer"], param="customer")


def _check_method(ledger: Ledger, setup: Json, method: Json, behaviour: TestMethod, params: Json) -> None:
    """Check that the method may be set up: its type, its customer, its first use, and the way back for the payer."""
    if behaviour.type not in setup["payment_method_types"]:
        raise invalid(
            f"The PaymentMethod provided ({behaviour.type}) is not allowed for this SetupIntent.",
            param="payment_method",
            code="setup_intent_invalid_parameter",
        )
    payment_methods.check_owner(method, setup["customer"])
    payment_methods.check_unused(ledger, method)
    redirects = (setup["automatic_payment_methods"] or {}).get("allow_redirects", "never")
    if redirects == "always" and not params.get("return_url"):
        raise invalid(
            "This SetupIntent accepts payment methods that may redirect the payer: pass a `return_url`, or create it"
            " with automatic_payment_methods[allow_redirects]=never.",
            param="return_url",
        )


def _needs_payer(ledger: Ledger, method: Json, behaviour: TestMethod) -> bool:
    facts = ledger.store.hidden(method["id"])
    if behaviour.type == "us_bank_account":
        is_new = behaviour.action is not Action.NEVER or facts.get("unverified", False)
        return is_new and not facts.get("set_up")
    return behaviour.action in (Action.ALWAYS, Action.UNTIL_SET_UP)


def _succeed(ledger: Ledger, setup: Json, method: Json, *, authenticated: bool) -> Json:
    saves = setup["customer"] and ledger.store.get(setup["customer"], "customer")  # it may be deleted meanwhile
    if saves and method["customer"] is None:
        payment_methods.attach(ledger, method["id"], {"customer": setup["customer"]})
    is_kept = setup["usage"] == "off_session" or KINDS[method["type"]].debits is not None
    done = ledger.store.hidden(method["id"]).get("set_up", False) or (authenticated and is_kept)
    ledger.store.remember(method["id"], set_up=done, used=True, for_later=True)
    if setup["mandate"]:
        mandates.move(ledger, setup["mandate"], "active")
    setup |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    ledger.store.save(setup)
    setup_attempts.move(ledger, setup, "succeeded", authenticated=authenticated)
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
    if decline.advice:
        error["advice_code"] = decline.advice
    if setup["mandate"]:
        mandates.move(ledger, setup["mandate"], "inactive")
    setup |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error, "mandate": None}
    ledger.store.save(setup)
    setup_attempts.move(ledger, setup, "failed", error=error)
    ledger.happened("setup_intent.setup_failed", setup)
    return error


def _offer(setup: Json, params: Json) -> None:
    """Write the allowed types and their options on the setup."""
    options.write_named(setup, params)
    if params.get("payment_method_types"):
        setup |= {"payment_method_types": params["payment_method_types"], "automatic_payment_methods": None}
        if bad := [kind for kind in params["payment_method_types"] if kind not in TYPES]:
            raise invalid(
                f"The payment method type {bad[0]} cannot be set up by the offline Stripe.",
                param="payment_method_types",
            )
    elif (
        setup["automatic_payment_methods"]
        or not setup["payment_method_types"]
        or "allowed_payment_method_types" in params
    ):
        allowed, excluded = setup["allowed_payment_method_types"], setup["excluded_payment_method_types"] or ()
        offered = [kind for kind in TYPES if (allowed is None or kind in allowed) and kind not in excluded]
        if not offered:
            raise invalid("No payment method type is left that can be set up.", param="allowed_payment_method_types")
        setup["payment_method_types"] = offered if setup["automatic_payment_methods"] or allowed else ["card"]
    old, new = setup["payment_method_options"], params.get("payment_method_options", {})
    setup["payment_method_options"] = {
        kind: SHOWN[kind] | old.get(kind, {}) | new.get(kind, {}) for kind in setup["payment_method_types"]
    }


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
        "payment_method_options": {},
        "payment_method_types": [],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
