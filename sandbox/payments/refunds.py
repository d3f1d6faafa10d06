"""Refunds: never more than the captured amount less earlier refunds. Source: docs.stripe.com/refunds."""

from typing import Any

from sandbox import objects
from sandbox.customers import cash
from sandbox.customers.kinds import KINDS
from sandbox.customers.payment_methods import find
from sandbox.errors import invalid
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.payments.releases import count, refundable

Json = dict[str, Any]

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
PENDING_SECONDS = 3 * 86_400
FAILURE_SECONDS = 5 * 86_400
OVER = ("failed", "canceled")
MOVES = {
    "pending": ("succeeded", "failed", "canceled", "requires_action"),
    "requires_action": ("pending", "succeeded", "failed", "canceled"),
    "succeeded": ("failed", "requires_action"),
}


def create(ledger: Ledger, params: Json) -> Json:
    """Refund all or part of a charge."""
    charge = _charge(ledger, params)
    _check_refundable(ledger, charge)
    left = refundable(ledger, charge)
    amount = params.get("amount", left)
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
            code="amount_too_large",
        )
    kind_of = ledger.store.setting("card_refunds", "refund")
    refund = objects.refund(ledger.now, charge, amount, params, kind_of=kind_of)
    refund["metadata"] = merged({}, params.get("metadata"))
    _, behaviour = find(ledger, charge["payment_method"])
    if behaviour.refund == "pending" or KINDS[behaviour.type].debits:
        refund |= {"status": "pending", "pending_reason": "processing"}
        ledger.later(PENDING_SECONDS, "finish_refund", refund["id"])
    if behaviour.refund == "fails_later":
        ledger.later(FAILURE_SECONDS, "fail_refund", refund["id"])
    refund["balance_transaction"] = ledger.move(
        amount=-amount, fee=0, currency=charge["currency"], source=refund["id"], kind="refund"
    )
    ledger.store.add(refund)
    before = dict(charge)
    count(ledger, charge, amount)
    ledger.happened("refund.created", refund)
    if behaviour.type == "customer_balance" and charge["customer"]:
        details = {"refund": refund["id"]}
        cash.move(ledger, charge["customer"], amount, charge["currency"], "refunded_from_payment", details)
    ledger.happened("charge.refunded", charge, before=before)
    return refund


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change a refund's metadata."""
    refund = ledger.need("refund", identity)
    before = dict(refund)
    refund["metadata"] = merged(refund["metadata"], params.get("metadata"))
    return _changed(ledger, refund, before)


def cancel(ledger: Ledger, identity: str) -> Json:
    """Cancel a refund that requires an action of the customer; no other can be canceled."""
    refund = ledger.need("refund", identity)
    if refund["status"] != "requires_action":
        raise invalid(
            f"Refund {refund['id']} has a status of {refund['status']}; only one that requires action can be canceled."
        )
    return move(ledger, identity, "canceled")


def move(ledger: Ledger, identity: str, status: str, *, reason: str = "expired_or_canceled_card") -> Json:
    """Change the status of a refund: succeeded, requires_action, failed or canceled.

    A failed or canceled refund returns its money to the balance, and the charge can be refunded by that amount again.
    """
    refund = ledger.need("refund", identity)
    if status not in MOVES.get(refund["status"], ()):
        raise invalid(f"A refund cannot go from {refund['status']} to {status}.", param="status")
    before = dict(refund)
    refund["status"] = status
    refund.pop("pending_reason", None)
    if status in OVER:
        back = ledger.move(
            amount=refund["amount"], fee=0, currency=refund["currency"], source=refund["id"], kind="refund_failure"
        )
        refund["failure_balance_transaction"] = back
        refund |= {"failure_reason": reason} if status == "failed" else {}
        count(ledger, ledger.need("charge", refund["charge"]), -refund["amount"])
    _changed(ledger, refund, before)
    if status == "failed":
        ledger.happened("refund.failed", refund)
    return refund


def finish(ledger: Ledger, identity: str) -> None:
    """Let a pending refund succeed, if it is still pending."""
    if ledger.need("refund", identity)["status"] == "pending":
        move(ledger, identity, "succeeded")


def fail(ledger: Ledger, identity: str) -> None:
    """Let a refund fail: the customer's account could not receive it."""
    if ledger.need("refund", identity)["status"] not in OVER:
        move(ledger, identity, "failed")


def fail_pending(ledger: Ledger, charge: Json, reason: str) -> None:
    """Let the pending refunds of a charge fail."""
    for refund in ledger.store.of_charge("refund", charge["id"]):
        if refund["status"] == "pending":
            move(ledger, refund["id"], "failed", reason=reason)


def _charge(ledger: Ledger, params: Json) -> Json:
    if "charge" in params and "payment_intent" in params:
        intent_id = ledger.need("charge", params["charge"], param="charge")["payment_intent"]
        if intent_id != params["payment_intent"]:
            raise invalid("The charge does not belong to the payment_intent.", param="payment_intent")
    if "charge" in params:
        return ledger.need("charge", params["charge"], param="charge")
    if "payment_intent" not in params:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    intent = ledger.need("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["status"] == "requires_capture" and not intent["amount_received"]:
        raise invalid(
            f"This PaymentIntent ({intent['id']}) is not captured; cancel it to release what it holds.",
            code="charge_not_refundable",
        )
    if intent["status"] not in ("succeeded", "requires_capture") or intent["latest_charge"] is None:
        raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return ledger.need("charge", intent["latest_charge"])


def _check_refundable(ledger: Ledger, charge: Json) -> None:
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise invalid(f"Charge {charge['id']} has not been captured.", code="charge_not_refundable")
    disputes = ledger.store.of_charge("dispute", charge["id"])
    if any(not dispute["is_charge_refundable"] for dispute in disputes):
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if refundable(ledger, charge) == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")


def _changed(ledger: Ledger, refund: Json, before: Json) -> Json:
    ledger.store.save(refund)
    ledger.happened("refund.updated", refund, before=before)
    ledger.happened("charge.refund.updated", refund, before=before)
    return refund
