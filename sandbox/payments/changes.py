"""Updates of an existing intent. Source: docs.stripe.com/api/payment_intents/update.

Some fields may always change; most only while nothing is captured or authorized. A new amount, currency or method needs
a new confirmation. Stripe makes no event of an update.
"""

from typing import Any

from sandbox.customers import payment_methods
from sandbox.errors import invalid
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.payments import amounts, line_items, options

Json = dict[str, Any]

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
ALWAYS = ("description", "receipt_email", "shipping", "transfer_group")
WHILE_OPEN = (
    "amount",
    "capture_method",
    "currency",
    "customer",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
)


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Update the fields of an intent that its status allows."""
    intent = ledger.need("payment_intent", identity, param="intent")
    changing = [name for name in params if name not in (*ALWAYS, "metadata")]
    if changing and intent["status"] not in OPEN:
        raise _closed(intent, changing[0])
    new = intent | params
    amounts.check(new["amount"], new["currency"])
    if params.get("customer"):
        ledger.need("customer", params["customer"], param="customer")
    intent["metadata"] = merged(intent["metadata"], params.get("metadata"))
    old = intent["amount"], intent["currency"]
    intent |= {name: params[name] for name in (*ALWAYS, *WHILE_OPEN) if name in params}
    options.apply(intent, params)
    line_items.apply(ledger, intent, params, intent["amount"])
    if "payment_method" in params or "payment_method_data" in params:
        method = payment_methods.chosen(ledger, params)
        if method:
            payment_methods.check_owner(method, intent["customer"])
            options.check_type(intent, method["type"])
        intent["payment_method"] = method["id"] if method else None
        intent |= {"status": "requires_confirmation" if method else "requires_payment_method", "next_action": None}
    elif intent["status"] == "requires_action" and old != (intent["amount"], intent["currency"]):
        intent |= {"status": "requires_confirmation", "next_action": None}
    return ledger.store.save(intent)


def _closed(intent: Json, name: str) -> Exception:
    error = invalid(
        f"This PaymentIntent's {name} could not be updated because it has a status of {intent['status']}. You may only"
        f" update the {name} of a PaymentIntent with one of the following statuses: {', '.join(OPEN)}.",
        param=name,
        code="payment_intent_unexpected_state",
    )
    error.body["error"]["payment_intent"] = intent
    return error
