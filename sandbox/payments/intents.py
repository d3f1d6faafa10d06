"""PaymentIntents: the state machine of docs.stripe.com/payments/paymentintents/lifecycle."""

from dataclasses import replace
from typing import Any

from sandbox import objects
from sandbox.customers import confirmation_tokens, granted_tokens, mandates, payment_methods
from sandbox.customers.kinds import KINDS
from sandbox.customers.methods import EXPIRED, Action, TestMethod
from sandbox.errors import invalid, unexpected_state
from sandbox.http.params import check_confirmation, merged
from sandbox.ledger import Ledger
from sandbox.payments import amounts, attempts, authorisations, bank_transfers, line_items, options

Json = dict[str, Any]

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CHANGEABLE = ("description", "receipt_email", "setup_future_usage", "shipping")
ONLY_WITH_CONFIRM = (
    "confirmation_token",
    "error_on_requires_action",
    "mandate",
    "mandate_data",
    "off_session",
    "return_url",
    "use_stripe_sdk",
)


def check_new(params: Json) -> None:
    """Check a new intent's parameters before anything is done. Raises StripeError."""
    amounts.check(params["amount"], params["currency"])
    options.check_types(params)
    check_confirmation(params, ONLY_WITH_CONFIRM)


def create(ledger: Ledger, params: Json) -> Json:
    """Create an intent, and confirm it if the same call asks for that."""
    check_customer(ledger, params)
    intent = objects.payment_intent(ledger.now, params)
    intent["metadata"] = merged({}, params.get("metadata"))
    options.apply(intent, params)
    line_items.apply(ledger, intent, params, intent["amount"])
    if method := payment_methods.chosen(ledger, params):
        payment_methods.check_owner(method, intent["customer"])
        options.check_type(intent, method["type"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    ledger.store.add(intent)
    ledger.happened("payment_intent.created", intent)
    if params.get("confirm"):
        return confirm(ledger, intent["id"], {name: params[name] for name in ONLY_WITH_CONFIRM if name in params})
    return intent


def confirm(ledger: Ledger, identity: str, params: Json) -> Json:
    """Charge or authorize the payment."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "confirmed", CONFIRMABLE)
    params = confirmation_tokens.spend(ledger, intent, params)
    if method := payment_methods.chosen(ledger, params):
        intent["payment_method"] = method["id"]
    if intent["payment_method"] is None:
        error = unexpected_state(intent, "confirmed", CONFIRMABLE)
        error.body["error"]["message"] = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. Name one when you confirm."
        )
        raise error
    intent |= {name: params[name] for name in (*CHANGEABLE, "capture_method") if name in params}
    options.apply(intent, params)
    line_items.apply(ledger, intent, params, intent["amount"])
    method, behaviour = payment_methods.find(ledger, intent["payment_method"])
    _check_method(ledger, intent, method, behaviour)
    _check_return_url(intent, params, behaviour)
    granted_tokens.check_limits(ledger, method, intent["amount"], intent["currency"])
    if payment_methods.is_expired(method, ledger.now):
        behaviour = replace(behaviour, action=Action.NEVER, decline=EXPIRED)
    waits = _needs_payer(ledger, method, behaviour, params)
    multi_use = options.kept_for(intent, behaviour.type) is not None
    mandate = mandates.agreed(ledger, intent, method, params, multi_use=multi_use, waits=waits)
    ledger.store.remember(identity, mandate=mandate)
    bank_transfers.release(ledger, intent)  # what came for an earlier attempt is the customer's again
    if waits:
        asked = attempts.ask_payer(ledger, intent, method, behaviour, params)
        if behaviour.type == "customer_balance":
            bank_transfers.reconcile(ledger, intent["customer"], intent["currency"])
        return ledger.need("payment_intent", asked["id"])
    return attempts.attempt(ledger, intent, method, behaviour)


def check_customer(ledger: Ledger, params: Json) -> None:
    """Check that the named customer exists."""
    if params.get("customer"):
        ledger.need("customer", params["customer"], param="customer")


def _check_method(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod) -> None:
    """Check that the method may pay this intent: its type, and its customer."""
    manual = authorisations.is_manual(intent, behaviour.type)
    options.check_type(intent, behaviour.type)
    if manual and not KINDS[behaviour.type].manual:
        raise invalid(
            f"The payment method type {behaviour.type} cannot be used with this PaymentIntent.",
            param="payment_method",
            code="payment_intent_incompatible_payment_method",
        )
    payment_methods.check_owner(method, intent["customer"])
    payment_methods.check_unused(ledger, method)
    if behaviour.type == "card" and intent["statement_descriptor"]:
        raise invalid(
            "`statement_descriptor` cannot be set for a card; set `statement_descriptor_suffix` instead.",
            param="statement_descriptor",
        )


def _check_return_url(intent: Json, params: Json, behaviour: TestMethod) -> None:
    if KINDS[behaviour.type].redirects and not params.get("return_url"):
        raise invalid(f"A `return_url` must be specified to confirm with {behaviour.type}.", param="return_url")
    redirects = (intent["automatic_payment_methods"] or {}).get("allow_redirects", "never")
    if redirects == "always" and not params.get("return_url") and not params.get("off_session"):
        raise invalid(
            "This PaymentIntent accepts payment methods that may redirect the payer: pass a `return_url`, or create it"
            " with automatic_payment_methods[allow_redirects]=never.",
            param="return_url",
        )


def _needs_payer(ledger: Ledger, method: Json, behaviour: TestMethod, params: Json) -> bool:
    facts = ledger.store.hidden(method["id"])
    if facts.get("unverified") and not facts.get("set_up"):
        return True
    if behaviour.type == "card" and ledger.store.setting("challenges", "never") == "always":
        return True
    if behaviour.action is Action.ON_SESSION:
        return not params.get("off_session")
    if behaviour.action is Action.UNTIL_SET_UP:
        return not facts.get("set_up")
    return behaviour.action is Action.ALWAYS
