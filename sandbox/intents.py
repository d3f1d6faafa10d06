"""PaymentIntents: the state machine of docs.stripe.com/payments/paymentintents/lifecycle."""

from typing import Any

from domain.currencies import CURRENCIES
from sandbox import attempts, objects, payment_methods, releases
from sandbox.errors import invalid, unexpected_state
from sandbox.ledger import Ledger
from sandbox.methods import Action, TestMethod
from sandbox.params import merged

Json = dict[str, Any]

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
CANCELABLE_DEBIT = (*CANCELABLE, "processing")
CANCEL_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
CHANGEABLE = ("description", "receipt_email", "setup_future_usage", "shipping")
ONLY_WITH_CONFIRM = ("error_on_requires_action", "off_session", "return_url", "use_stripe_sdk")


def check_new(params: Json) -> None:
    """What can be said against a new intent before anything is done. Raises StripeError."""
    amount, currency = params["amount"], params["currency"]
    known = CURRENCIES.get(currency.upper())
    if known is None or currency != currency.lower():
        raise invalid(f"Invalid currency: {currency}. Currencies are written in lower case.", param="currency")
    if amount < (known.min_minor or 1):
        raise invalid(f"Amount must be at least {known.min_minor} {currency}", param="amount", code="amount_too_small")
    if amount > known.max_minor:
        raise invalid(
            f"Amount must be no more than {known.max_minor} {currency}", param="amount", code="amount_too_large"
        )
    if amount % known.step:
        raise invalid(f"Amounts in {currency} must be multiples of {known.step}.", param="amount")
    for name in ONLY_WITH_CONFIRM:
        if params.get(name) and not params.get("confirm"):
            raise invalid(f"`{name}` can only be used with confirm=true.", param=name)


def create(ledger: Ledger, params: Json) -> Json:
    """A new intent, and its confirmation if that is asked in the same call."""
    check_customer(ledger, params)
    intent = objects.payment_intent(ledger.now, params)
    intent["metadata"] = merged({}, params.get("metadata"))
    if params.get("payment_method"):
        method, _ = payment_methods.find(ledger, params["payment_method"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    ledger.store.add(intent)
    ledger.happened("payment_intent.created", intent)
    if params.get("confirm"):
        return confirm(ledger, intent["id"], {name: params[name] for name in ONLY_WITH_CONFIRM if name in params})
    return intent


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change what may be changed of an intent. Stripe makes no event of it."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if set(params) - {"metadata", "description"} and intent["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "updated", CONFIRMABLE)
    check_customer(ledger, params)
    intent["metadata"] = merged(intent["metadata"], params.get("metadata"))
    intent |= {name: params[name] for name in (*CHANGEABLE, "customer") if name in params}
    if "payment_method" in params:
        named = params["payment_method"]
        intent["payment_method"] = payment_methods.find(ledger, named)[0]["id"] if named else None
        intent["status"] = "requires_confirmation" if named else "requires_payment_method"
    return ledger.store.save(intent)


def confirm(ledger: Ledger, identity: str, params: Json) -> Json:
    """Try to take the money, or to hold it."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "confirmed", CONFIRMABLE)
    if params.get("payment_method"):
        intent["payment_method"] = payment_methods.find(ledger, params["payment_method"])[0]["id"]
    if intent["payment_method"] is None:
        error = unexpected_state(intent, "confirmed", CONFIRMABLE)
        error.body["error"]["message"] = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. Name one when you confirm."
        )
        raise error
    intent |= {name: params[name] for name in (*CHANGEABLE, "capture_method") if name in params}
    method, behaviour = payment_methods.find(ledger, intent["payment_method"])
    _check_method(ledger, intent, method, behaviour)
    _check_return_url(intent, params)
    if _needs_payer(ledger, method, behaviour):
        return attempts.ask_payer(ledger, intent, method, behaviour, params)
    return attempts.attempt(ledger, intent, method, behaviour)


def capture(ledger: Ledger, identity: str, params: Json) -> Json:
    """Take held money, all or part; the rest is released."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "captured", ("requires_capture",))
    amount = params.get("amount_to_capture") or intent["amount_capturable"]
    if amount > intent["amount_capturable"]:
        raise invalid(
            f"The amount to capture ({amount}) is greater than what can be captured ({intent['amount_capturable']}).",
            param="amount_to_capture",
            code="amount_too_large",
        )
    if params.get("final_capture") is False:
        raise invalid("This PaymentIntent cannot be captured several times.", param="final_capture")
    intent["metadata"] = merged(intent["metadata"], params.get("metadata"))
    charge = ledger.need("charge", intent["latest_charge"])
    attempts.take(ledger, intent, charge, amount, said="charge.captured")
    return intent


def cancel(ledger: Ledger, identity: str, params: Json, *, expired: bool = False) -> Json:
    """Give an intent up and release what it holds: because somebody asked, or because the authorisation expired."""
    intent = ledger.need("payment_intent", identity, param="intent")
    debit = intent["status"] == "processing"
    if intent["status"] not in CANCELABLE_DEBIT:
        raise unexpected_state(intent, "canceled", CANCELABLE)
    charge = ledger.need("charge", intent["latest_charge"]) if intent["latest_charge"] else None
    if charge is not None and debit:
        charge |= {"status": "failed", "failure_message": "The debit was canceled before it was collected."}
        ledger.store.save(charge)
        ledger.happened("charge.failed", charge)
    elif charge is not None and intent["status"] == "requires_capture":
        released = releases.release(ledger, charge, charge["amount"], expired=expired)
        if expired:
            ledger.happened("charge.expired", charge)
        ledger.all_happened(released)
    intent |= {
        "status": "canceled",
        "canceled_at": ledger.now,
        "cancellation_reason": releases.expiry_reason(ledger) if expired else params.get("cancellation_reason"),
        "amount_capturable": 0,
        "next_action": None,
    }
    ledger.store.save(intent)
    ledger.happened("payment_intent.canceled", intent)
    return intent


def expire(ledger: Ledger, identity: str) -> None:
    """An authorisation that nobody captured ends."""
    if ledger.need("payment_intent", identity)["status"] == "requires_capture":
        cancel(ledger, identity, {}, expired=True)


def check_customer(ledger: Ledger, params: Json) -> None:
    """The customer that is named exists."""
    if params.get("customer"):
        ledger.need("customer", params["customer"], param="customer")


def _check_method(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod) -> None:
    """The method may pay this intent: its kind, and whose it is."""
    manual = intent["capture_method"] == "manual"
    if behaviour.type not in intent["payment_method_types"] or (manual and behaviour.type != "card"):
        raise invalid(
            f"The payment method type {behaviour.type} cannot be used with this PaymentIntent.",
            param="payment_method",
            code="payment_intent_incompatible_payment_method",
        )
    if method["customer"] not in (None, intent["customer"]):
        raise invalid(
            "The payment method belongs to a customer; name that customer on the PaymentIntent to use it.",
            param="payment_method",
            code="payment_intent_invalid_parameter",
        )
    payment_methods.check_unused(ledger, method)


def _check_return_url(intent: Json, params: Json) -> None:
    redirects = (intent["automatic_payment_methods"] or {}).get("allow_redirects", "never")
    if redirects == "always" and not params.get("return_url") and not params.get("off_session"):
        raise invalid(
            "This PaymentIntent accepts payment methods that may redirect the payer: pass a `return_url`, or create it"
            " with automatic_payment_methods[allow_redirects]=never.",
            param="return_url",
        )


def _needs_payer(ledger: Ledger, method: Json, behaviour: TestMethod) -> bool:
    if behaviour.action is Action.UNTIL_SET_UP:
        return not ledger.store.hidden(method["id"]).get("set_up")
    return behaviour.action is Action.ALWAYS
