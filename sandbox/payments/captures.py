"""Authorized money: capture in one or several parts, increments, and cancellation.

Source: docs.stripe.com/payments/place-a-hold-on-a-payment-method, …/overcapture, …/multicapture,
…/incremental-authorization.
"""

from typing import Any

from sandbox.customers import granted_tokens
from sandbox.customers.methods import GENERIC
from sandbox.errors import StripeError, invalid, unexpected_state
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.payments import amounts, attempts, authorisations, bank_transfers, descriptors, line_items, releases

Json = dict[str, Any]

CANCELABLE = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action")
CANCELABLE_DEBIT = (*CANCELABLE, "processing")
CANCEL_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
MOST_CAPTURES = 50
MOST_INCREMENTS = 10


def capture(ledger: Ledger, identity: str, params: Json) -> Json:
    """Capture all, a part, or more where the card allows it. The last capture releases the rest."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "captured", ("requires_capture",))
    charge = ledger.need("charge", intent["latest_charge"])
    amount = int(params["amount_to_capture"] if "amount_to_capture" in params else intent["amount_capturable"])
    final = bool(params.get("final_capture", True))
    _check_amount(intent, charge, amount, final=final)
    _check_grant(ledger, intent, amount - intent["amount_capturable"])
    _count_up(ledger, intent, charge, "captures", MOST_CAPTURES, final=final)
    intent["metadata"] = merged(intent["metadata"], params.get("metadata"))
    line_items.apply(ledger, intent, params, amount)
    _describe(intent, charge, params)
    attempts.take(ledger, intent, charge, amount, event="charge.captured", final=final)
    return intent


def increment(ledger: Ledger, identity: str, params: Json) -> Json:
    """Increment the authorization. Raises StripeError (402) when the bank declines; the old amount stays authorized."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if intent["status"] != "requires_capture":
        raise unexpected_state(intent, "incremented", ("requires_capture",))
    charge = ledger.need("charge", intent["latest_charge"])
    if not authorisations.may(charge, "incremental_authorization"):
        raise invalid("This PaymentIntent does not support incremental authorization: its card does not offer it.")
    amounts.check(params["amount"], intent["currency"])
    if params["amount"] <= intent["amount"]:
        raise invalid(f"The amount must be greater than the authorized amount ({intent['amount']}).", param="amount")
    _check_grant(ledger, intent, params["amount"] - intent["amount"])
    _count_up(ledger, intent, charge, "increments", MOST_INCREMENTS)
    if ledger.store.setting("increments", "approved") == "declined":
        raise _declined(charge)
    return _raise(ledger, intent, charge, params)


def cancel(ledger: Ledger, identity: str, params: Json, *, expired: bool = False) -> Json:
    """Cancel an intent and release its authorization: by a request, or because the authorization expired."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if intent["status"] not in CANCELABLE_DEBIT:
        raise unexpected_state(intent, "canceled", CANCELABLE)
    charge = ledger.need("charge", intent["latest_charge"]) if intent["latest_charge"] else None
    if charge is not None and intent["status"] == "processing":
        granted_tokens.hold(ledger, charge["payment_method"], -intent["amount"])
        charge |= {"status": "failed", "failure_message": "The debit was canceled before it was collected."}
        ledger.store.save(charge)
        ledger.happened("charge.failed", charge)
    elif charge is not None and intent["status"] == "requires_capture":
        granted_tokens.hold(ledger, charge["payment_method"], -intent["amount_capturable"])
        released = releases.release(ledger, charge, intent["amount_capturable"], expired=expired)
        if expired:
            ledger.happened("charge.expired", charge)
        ledger.all_happened(released)
    bank_transfers.release(ledger, intent)
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
    """Expire an authorization: nothing was captured, or only a part, which then is the whole payment."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if intent["status"] != "requires_capture":
        return
    if intent["amount_received"]:
        charge = ledger.need("charge", intent["latest_charge"])
        attempts.take(ledger, intent, charge, 0, event="charge.captured")
        return
    cancel(ledger, identity, {}, expired=True)


def _check_grant(ledger: Ledger, intent: Json, more: int) -> None:
    """Check that a token by which the method was shared, if any, allows so much more."""
    if more > 0:
        method = ledger.need("payment_method", intent["payment_method"])
        granted_tokens.check_limits(ledger, method, more, intent["currency"])


def _check_amount(intent: Json, charge: Json, amount: int, *, final: bool) -> None:
    several = authorisations.may(charge, "multicapture")
    most = intent["amount_capturable"]
    if authorisations.may(charge, "overcapture") and final and not intent["amount_received"]:
        most = charge["payment_method_details"]["card"]["overcapture"]["maximum_amount_capturable"]
    if amount > most:
        raise invalid(
            f"The amount to capture ({amount}) is greater than what can be captured ({most}).",
            param="amount_to_capture",
            code="amount_too_large",
        )
    if not final and not several:
        raise invalid("This PaymentIntent cannot be captured several times.", param="final_capture")
    if amount < 1 and not (final and intent["amount_received"]):
        raise invalid("Only the last of several captures may be of 0.", param="amount_to_capture")


def _count_up(ledger: Ledger, intent: Json, charge: Json, what: str, most: int, *, final: bool = False) -> None:
    done = ledger.store.hidden(charge["id"]).get(what, 0) + 1
    if done > most - (what == "captures" and not final):
        raise invalid(f"PaymentIntent {intent['id']} has had all of its {most} {what}.")
    ledger.store.remember(charge["id"], **{what: done})


def _describe(intent: Json, charge: Json, params: Json) -> None:
    """Change the text on the payer's statement."""
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        if name in params:
            intent[name] = charge[name] = params[name]
    if charge["calculated_statement_descriptor"] is not None:
        charge["calculated_statement_descriptor"] = descriptors.calculated(charge["statement_descriptor_suffix"])


def _raise(ledger: Ledger, intent: Json, charge: Json, params: Json) -> Json:
    amount, before = params["amount"], dict(charge)
    granted_tokens.hold(ledger, charge["payment_method"], amount - intent["amount"])
    intent |= {name: params[name] for name in ("description", "statement_descriptor") if name in params}
    intent["metadata"] = merged(intent["metadata"], params.get("metadata"))
    line_items.apply(ledger, intent, params, amount)
    intent |= {"amount": amount, "amount_capturable": amount - intent["amount_received"]}
    card = charge["payment_method_details"]["card"]
    more = {
        "amount_authorized": amount,
        "overcapture": authorisations.overcapture(amount, card["overcapture"]["status"]),
    }
    charge |= {"amount": amount, "payment_method_details": {"type": "card", "card": card | more}}
    ledger.store.save(charge)
    ledger.store.save(intent)
    ledger.happened("charge.updated", charge, before=before)
    ledger.happened("payment_intent.amount_capturable_updated", intent)
    return intent


def _declined(charge: Json) -> StripeError:
    return StripeError(
        402,
        {
            "type": "card_error",
            "code": GENERIC.code,
            "decline_code": GENERIC.reason,
            "message": GENERIC.message,
            "charge": charge["id"],
        },
    )
