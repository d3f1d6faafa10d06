"""Bank transfers: money that a customer sends is matched with the payments that wait for it.

Source: docs.stripe.com/payments/bank-transfers, …/customer-balance/reconciliation. A transfer that names a payment's
reference pays that one first, then one of just its amount, then the oldest. Less than the amount is a partial funding;
what is too much stays in the customer's cash balance.
"""

from typing import Any

from sandbox.customers import cash
from sandbox.errors import invalid, unexpected_state
from sandbox.ledger import Ledger
from sandbox.payments import attempts

Json = dict[str, Any]

ACTION = "display_bank_transfer_instructions"


def fund(ledger: Ledger, customer_id: str, params: Json) -> Json:
    """Let a transfer of the customer's arrive; a test helper."""
    ledger.need("customer", customer_id)
    currency, reference = params["currency"], params.get("reference")
    details = cash.funded(currency, reference)
    moved = cash.move(ledger, customer_id, params["amount"], currency, "funded", details)
    if cash.is_automatic(ledger, customer_id):
        reconcile(ledger, customer_id, currency, reference=reference, amount=params["amount"])
    if cash.available(ledger, customer_id, currency):
        ledger.happened("cash_balance.funds_available", cash.retrieve(ledger, customer_id))
    return moved


def reconcile(
    ledger: Ledger, customer_id: str, currency: str, *, reference: str | None = None, amount: int | None = None
) -> None:
    """Apply the customer's cash balance to the payments that wait for it."""

    def rank(intent: Json) -> tuple[bool, bool]:
        told = intent["next_action"][ACTION]
        is_named = reference is not None and told["reference"].lower() in reference.lower()
        return not is_named, told["amount_remaining"] != amount

    waiting = [
        intent
        for intent in ledger.store.every("payment_intent")
        if intent["customer"] == customer_id and intent["currency"] == currency and _waits(intent)
    ]
    for intent in sorted(waiting, key=rank):  # oldest first within a rank
        left = cash.available(ledger, customer_id, currency)
        if left > 0:
            _apply(ledger, intent, min(left, intent["next_action"][ACTION]["amount_remaining"]))


def apply_balance(ledger: Ledger, identity: str, params: Json) -> Json:
    """Apply the customer's cash balance to one payment, by hand."""
    intent = ledger.need("payment_intent", identity, param="intent")
    if not _waits(intent):
        raise unexpected_state(intent, "reconciled", ("requires_action",))
    remaining = intent["next_action"][ACTION]["amount_remaining"]
    amount = params.get("amount", remaining)
    if params.get("currency", intent["currency"]) != intent["currency"]:
        raise invalid("The currency is not that of the PaymentIntent.", param="currency")
    if amount > min(remaining, cash.available(ledger, intent["customer"], intent["currency"])):
        raise invalid(f"The amount ({amount}) is more than remains, or than the balance.", param="amount")
    return _apply(ledger, intent, amount)


def release(ledger: Ledger, intent: Json) -> None:
    """Return what was applied to a payment that is given up to the customer's cash balance."""
    if amount := ledger.store.hidden(intent["id"]).get("funded", 0):
        details = {"payment_intent": intent["id"]}
        cash.move(ledger, intent["customer"], amount, intent["currency"], "unapplied_from_payment", details)
        ledger.store.remember(intent["id"], funded=0)


def _waits(intent: Json) -> bool:
    return bool(intent["status"] == "requires_action" and intent["next_action"]["type"] == ACTION)


def _apply(ledger: Ledger, intent: Json, amount: int) -> Json:
    details = {"payment_intent": intent["id"]}
    cash.move(ledger, intent["customer"], -amount, intent["currency"], "applied_to_payment", details)
    told = intent["next_action"][ACTION]
    remaining = told["amount_remaining"] - amount
    if remaining == 0:
        ledger.store.remember(intent["id"], funded=0)
        return attempts.finish_action(ledger, intent["id"], passed=True)
    ledger.store.remember(intent["id"], funded=intent["amount"] - remaining)
    intent["next_action"] = intent["next_action"] | {ACTION: told | {"amount_remaining": remaining}}
    ledger.store.save(intent)
    ledger.happened("payment_intent.partially_funded", intent)
    return intent
