"""PaymentIntents: the state machine of docs.stripe.com/payments/paymentintents/lifecycle."""

from typing import Any

from domain.currencies import CURRENCIES
from sandbox import objects
from sandbox.errors import StripeError, invalid, unexpected_state
from sandbox.ledger import Ledger
from sandbox.methods import ADVICE, DECLINED, MESSAGES, TestMethod

Json = dict[str, Any]

AUTHORISATION_SECONDS = 7 * 86_400
SETTLEMENT_SECONDS = 4 * 86_400
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
CANCEL_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")


def create(ledger: Ledger, params: Json) -> Json:
    """A new intent, and its confirmation if that is asked in the same call."""
    amount, currency = params.get("amount"), params.get("currency")
    if not isinstance(amount, int) or amount < 1:
        raise invalid(
            "Invalid integer: amount must be greater than zero", param="amount", code="parameter_invalid_integer"
        )
    known = CURRENCIES.get(str(currency).upper())
    if known is None or str(currency) != str(currency).lower():
        raise invalid(f"Invalid currency: {currency}.", param="currency")
    if amount < (known.min_minor or 1):
        raise invalid(f"Amount must be at least {known.min_minor} {currency}", param="amount", code="amount_too_small")
    if params.get("capture_method", "automatic") not in ("automatic", "automatic_async", "manual"):
        raise invalid("Invalid capture_method", param="capture_method")
    intent = objects.payment_intent(ledger.now, params)
    if "payment_method" in params:
        method, _ = ledger.method(params["payment_method"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    ledger.store.add(intent)
    ledger.happened("payment_intent.created", intent)
    if params.get("confirm"):
        rest = {k: v for k, v in params.items() if k in ("return_url", "off_session", "error_on_requires_action")}
        return confirm(ledger, intent["id"], rest)
    return intent


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change what may be changed of an intent; here: its metadata and description."""
    intent = ledger.need("payment_intent", identity)
    if unknown := set(params) - {"metadata", "description"}:
        raise invalid(f"Received unknown parameter: {min(unknown)}", param=min(unknown), code="parameter_unknown")
    intent["metadata"] |= params.get("metadata", {})
    intent["description"] = params.get("description", intent["description"])
    return ledger.store.save(intent)


def confirm(ledger: Ledger, identity: str, params: Json) -> Json:
    """Try to take the money, or to hold it."""
    intent = ledger.need("payment_intent", identity)
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(intent, "confirmed", "requires_payment_method, requires_confirmation, requires_action")
    if "payment_method" in params:
        method, behaviour = ledger.method(params["payment_method"])
        intent["payment_method"] = method["id"]
    elif intent["payment_method"] is not None:
        method, behaviour = ledger.method(intent["payment_method"])
    else:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            param="payment_method",
            code="parameter_missing",
        )
    redirects = (intent["automatic_payment_methods"] or {}).get("allow_redirects", "always")
    if redirects == "always" and not params.get("return_url") and not params.get("off_session"):
        raise invalid(
            "This PaymentIntent is configured to accept payment methods that may redirect; pass a `return_url`, or set"
            " automatic_payment_methods[allow_redirects] to never.",
            param="return_url",
        )
    if behaviour.needs_action:
        return _ask_payer(ledger, intent, method, behaviour, params)
    return _attempt(ledger, intent, method, behaviour)


def finish_action(ledger: Ledger, identity: str, *, passed: bool) -> Json:
    """The payer came back from the 3DS page."""
    intent = ledger.need("payment_intent", identity)
    if intent["status"] != "requires_action":
        raise unexpected_state(intent, "authenticated", "requires_action")
    method, behaviour = ledger.method(intent["payment_method"])
    intent["next_action"] = None
    if not passed:
        failure = ("payment_intent_authentication_failure", "authentication_failed")
        return _fail(ledger, intent, method, behaviour, failure, raising=False, charged=False)
    if behaviour.declines_after_action:
        return _fail(ledger, intent, method, behaviour, DECLINED, raising=False)
    return _charge(ledger, intent, method, behaviour)


def capture(ledger: Ledger, identity: str, params: Json) -> Json:
    """Take held money, all or part; the rest is released."""
    intent = ledger.need("payment_intent", identity)
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "captured", "requires_capture")
    amount = params.get("amount_to_capture", intent["amount_capturable"])
    if not isinstance(amount, int) or amount < 1:
        raise invalid("Invalid integer: amount_to_capture", param="amount_to_capture")
    if amount > intent["amount_capturable"]:
        raise invalid(
            "The amount to capture is greater than the amount that can be captured.",
            param="amount_to_capture",
            code="amount_too_large",
        )
    _take(ledger, intent, ledger.need("charge", intent["latest_charge"]), amount)
    return intent


def cancel(ledger: Ledger, identity: str, params: Json, *, reason: str | None = None) -> Json:
    """Give an intent up and release what it holds."""
    intent = ledger.need("payment_intent", identity)
    given = params.get("cancellation_reason", reason)
    if reason is None and given is not None and given not in CANCEL_REASONS:
        raise invalid("Invalid cancellation_reason", param="cancellation_reason")
    if intent["status"] not in CANCELABLE:
        raise unexpected_state(intent, "canceled", ", ".join(CANCELABLE))
    if intent["latest_charge"] and intent["status"] == "requires_capture":
        charge = ledger.need("charge", intent["latest_charge"])
        charge |= {"amount_refunded": charge["amount"], "refunded": True}
        ledger.store.save(charge)
        ledger.happened("charge.expired" if reason == "automatic" else "charge.refunded", charge)
    intent |= {
        "status": "canceled",
        "canceled_at": ledger.now,
        "cancellation_reason": given,
        "amount_capturable": 0,
        "next_action": None,
    }
    ledger.store.save(intent)
    ledger.happened("payment_intent.canceled", intent)
    return intent


def settle(ledger: Ledger, identity: str) -> None:
    """Days later, a bank debit comes in, or comes back."""
    intent = ledger.need("payment_intent", identity)
    if intent["status"] != "processing":
        return
    method, behaviour = ledger.method(intent["payment_method"])
    intent["processing"] = None
    charge = ledger.need("charge", intent["latest_charge"])
    if behaviour.settles == "failed":
        charge |= {
            "status": "failed",
            "paid": False,
            "failure_code": "insufficient_funds",
            "failure_message": "No funds.",
        }
        ledger.store.save(charge)
        _failed(ledger, intent, method, ("insufficient_funds", "insufficient_funds"), charge)
        return
    charge["status"] = "succeeded"
    _take(ledger, intent, charge, intent["amount"])


def expire(ledger: Ledger, identity: str) -> None:
    """An authorisation that nobody captured ends."""
    intent = ledger.need("payment_intent", identity)
    if intent["status"] == "requires_capture":
        cancel(ledger, identity, {}, reason="automatic")


def _ask_payer(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod, params: Json) -> Json:
    if params.get("off_session") or params.get("error_on_requires_action"):
        failure = ("authentication_required", "authentication_required")
        return _fail(ledger, intent, method, behaviour, failure, raising=True)
    back = params.get("return_url")
    action: Json = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    if back:
        page = f"{ledger.public_url}/_sandbox/3ds/{intent['id']}"
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": back, "url": page}}
    intent |= {"status": "requires_action", "next_action": action, "last_payment_error": None}
    ledger.store.save(intent)
    ledger.happened("payment_intent.requires_action", intent)
    return intent


def _attempt(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod) -> Json:
    if behaviour.decline is not None:
        return _fail(ledger, intent, method, behaviour, behaviour.decline, raising=True)
    return _charge(ledger, intent, method, behaviour)


def _charge(ledger: Ledger, intent: Json, method: Json, behaviour: TestMethod) -> Json:
    charge = objects.charge(ledger.now, intent, method, behaviour, failure=None)
    intent |= {"latest_charge": charge["id"], "last_payment_error": None, "next_action": None}
    if behaviour.settles is not None:
        charge |= {"status": "pending", "paid": False}
        intent |= {"status": "processing", "processing": None}
        ledger.store.add(charge)
        ledger.store.save(intent)
        ledger.later(SETTLEMENT_SECONDS, "settle", intent["id"])
        ledger.happened("payment_intent.processing", intent)
        return intent
    ledger.store.add(charge)
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        ledger.store.save(intent)
        ledger.later(AUTHORISATION_SECONDS, "expire", intent["id"])
        ledger.happened("payment_intent.amount_capturable_updated", intent)
        return intent
    _take(ledger, intent, charge, intent["amount"])
    if behaviour.dispute is not None:
        open_dispute(ledger, charge, behaviour.dispute)
    return intent


def _take(ledger: Ledger, intent: Json, charge: Json, amount: int) -> None:
    fee = round(amount * 0.029) + 30
    moved = objects.balance_transaction(
        ledger.now, amount=amount, fee=fee, currency=charge["currency"], source=charge["id"], kind="charge"
    )
    ledger.store.add(moved)
    charge |= {"amount_captured": amount, "captured": True, "paid": True, "balance_transaction": moved["id"]}
    if amount < charge["amount"]:
        charge["amount_refunded"] = charge["amount"] - amount
    ledger.store.save(charge)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    ledger.store.save(intent)
    ledger.happened("payment_intent.succeeded", intent)
    ledger.happened("charge.succeeded", charge)


def _fail(
    ledger: Ledger,
    intent: Json,
    method: Json,
    behaviour: TestMethod,
    failure: tuple[str, str],
    *,
    raising: bool,
    charged: bool = True,
) -> Json:
    charge: Json | None = None
    if charged:
        charge = objects.charge(ledger.now, intent, method, behaviour, failure=failure)
        ledger.store.add(charge)
        intent["latest_charge"] = charge["id"]
        ledger.happened("charge.failed", charge)
    error = _failed(ledger, intent, method, failure, charge)
    if raising:
        raise StripeError(402, {**error, "payment_intent": intent}, executed=True)
    return intent


def _failed(ledger: Ledger, intent: Json, method: Json, failure: tuple[str, str], charge: Json | None) -> Json:
    """Write an attempt's failure on the intent; the error as Stripe words it."""
    code, reason = failure
    error: Json = {
        "type": "card_error",
        "code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": MESSAGES.get(reason, MESSAGES["generic_decline"]),
        "payment_method": method,
    }
    if code != "payment_intent_authentication_failure":
        error["decline_code"] = reason
        if reason in ADVICE:
            error["advice_code"] = ADVICE[reason]
    if charge is not None:
        error["charge"] = charge["id"]
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error,
        "next_action": None,
        "processing": None,
    }
    ledger.store.save(intent)
    ledger.happened("payment_intent.payment_failed", intent)
    return error


def open_dispute(ledger: Ledger, charge: Json, status: str) -> Json:
    """The payer's bank contests a charge; unless it only asks, the money is taken back at once."""
    dispute = objects.dispute(ledger.now, charge, status)
    charge["disputed"] = True
    ledger.store.save(charge)
    withdrawn = not status.startswith("warning")
    if withdrawn:
        moved = objects.balance_transaction(
            ledger.now,
            amount=-dispute["amount"],
            fee=1500,
            currency=charge["currency"],
            source=dispute["id"],
            kind="adjustment",
        )
        ledger.store.add(moved)
        dispute["balance_transactions"] = [moved]
    ledger.store.add(dispute)
    ledger.happened("charge.dispute.created", dispute)
    if withdrawn:
        ledger.happened("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(ledger: Ledger, identity: str, status: str) -> Json:
    """The bank has decided: won, lost, or the inquiry is closed."""
    dispute = ledger.need("dispute", identity)
    dispute["status"] = status
    ledger.store.save(dispute)
    ledger.happened("charge.dispute.closed", dispute)
    if status == "won":
        ledger.happened("charge.dispute.funds_reinstated", dispute)
    return dispute
