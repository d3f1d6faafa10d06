"""Refunds: never above what was captured and not given back. Source: docs.stripe.com/refunds."""

from typing import Any

from sandbox import objects
from sandbox.errors import invalid
from sandbox.ledger import Ledger

Json = dict[str, Any]

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
PENDING_SECONDS = 3 * 86_400
FAILURE_SECONDS = 5 * 86_400


def create(ledger: Ledger, params: Json) -> Json:
    """Give back all or part of a charge."""
    charge = _charge(ledger, params)
    if params.get("reason") not in (None, *REASONS):
        raise invalid("Invalid reason", param="reason")
    if any(d["charge"] == charge["id"] and not d["is_charge_refundable"] for d in ledger.store.every("dispute")):
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount", left)
    if not isinstance(amount, int) or amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
            code="amount_too_large",
        )
    refund = objects.refund(ledger.now, charge, amount, params)
    _, behaviour = ledger.method(charge["payment_method"])
    if behaviour.refund == "pending" or behaviour.type != "card":
        refund["status"] = "pending"
        ledger.later(PENDING_SECONDS, "finish_refund", refund["id"])
    if behaviour.refund == "fails_later":
        ledger.later(FAILURE_SECONDS, "fail_refund", refund["id"])
    moved = objects.balance_transaction(
        ledger.now, amount=-amount, fee=0, currency=charge["currency"], source=refund["id"], kind="refund"
    )
    ledger.store.add(moved)
    refund["balance_transaction"] = moved["id"]
    ledger.store.add(refund)
    _count(ledger, charge, amount)
    ledger.happened("refund.created", refund)
    ledger.happened("charge.refunded", charge)
    return refund


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change a refund's metadata."""
    refund = ledger.need("refund", identity)
    refund["metadata"] |= params.get("metadata", {})
    ledger.store.save(refund)
    ledger.happened("refund.updated", refund)
    return refund


def cancel(ledger: Ledger, identity: str) -> Json:
    """Only a refund that waits for the customer can be canceled; none of the test methods makes one."""
    refund = ledger.need("refund", identity)
    raise invalid(f"Refund {refund['id']} cannot be canceled in status {refund['status']}.")


def finish(ledger: Ledger, identity: str) -> None:
    """A pending refund has arrived."""
    refund = ledger.need("refund", identity)
    if refund["status"] == "pending":
        refund["status"] = "succeeded"
        ledger.store.save(refund)
        ledger.happened("refund.updated", refund)


def fail(ledger: Ledger, identity: str) -> None:
    """A refund comes back: the customer's account could not take it."""
    refund = ledger.need("refund", identity)
    if refund["status"] in ("failed", "canceled"):
        return
    moved = objects.balance_transaction(
        ledger.now,
        amount=refund["amount"],
        fee=0,
        currency=refund["currency"],
        source=refund["id"],
        kind="refund_failure",
    )
    ledger.store.add(moved)
    refund |= {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": moved["id"],
    }
    ledger.store.save(refund)
    _count(ledger, ledger.need("charge", refund["charge"]), -refund["amount"])
    ledger.happened("refund.updated", refund)
    ledger.happened("refund.failed", refund)


def _charge(ledger: Ledger, params: Json) -> Json:
    if "charge" in params:
        charge = ledger.need("charge", params["charge"], param="charge")
    elif "payment_intent" in params:
        intent = ledger.need("payment_intent", params["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded" or intent["latest_charge"] is None:
            raise invalid(f"The PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
        charge = ledger.need("charge", intent["latest_charge"])
    else:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if not charge["captured"]:
        raise invalid(f"Charge {charge['id']} is not captured.", code="charge_not_captured")
    return charge


def _count(ledger: Ledger, charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    ledger.store.save(charge)
