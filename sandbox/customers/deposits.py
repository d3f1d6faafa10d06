"""Verification of a bank account by microdeposits.

Source: docs.stripe.com/payments/ach-direct-debit/accept-a-payment, with the amounts and codes of its tests. Of two
amounts three wrong answers end it, of a code ten; unverified after ten days, the payment waits for another method.
"""

from typing import Any

from sandbox.customers.methods import DEPOSITS_FAILED
from sandbox.errors import invalid, unexpected_state
from sandbox.ledger import Ledger
from sandbox.payments import attempts
from sandbox.setups import setups

Json = dict[str, Any]

VERIFIED = ([32, 45], "SM11AA")
TOO_OFTEN = ([10, 11], "SM33CC")
MOST_ATTEMPTS = {"amounts": 3, "descriptor_code": 10}


def verify(ledger: Ledger, identity: str, params: Json) -> Json:
    """Check the amounts or the code that the payer received. When they match, the debit is collected, or set up."""
    kind = "setup_intent" if identity.startswith("seti_") else "payment_intent"
    finish_action = setups.finish_action if kind == "setup_intent" else attempts.finish_action
    intent = ledger.need(kind, identity, param="intent")
    if (intent["next_action"] or {}).get("type") != "verify_with_microdeposits":
        raise unexpected_state(intent, "verified", ("requires_action",))
    if ("amounts" in params) == ("descriptor_code" in params):
        raise invalid("Send `amounts` or `descriptor_code`.", param="amounts")
    sent = "amounts" if "amounts" in params else "descriptor_code"
    answer = params[sent]
    if answer in VERIFIED:
        return finish_action(ledger, identity, passed=True)
    tries = ledger.store.hidden(identity).get("deposits", 0) + 1
    if answer in TOO_OFTEN or tries >= MOST_ATTEMPTS[sent]:
        finish_action(ledger, identity, passed=False, refusal=DEPOSITS_FAILED)
        error = invalid(DEPOSITS_FAILED.message, code=DEPOSITS_FAILED.code)
        error.keeps = True
        raise error
    ledger.store.remember(identity, deposits=tries)
    code = f"payment_method_microdeposit_verification_{sent}_mismatch"
    error = invalid("The microdeposits do not match. Please try again.", param=sent, code=code)
    error.keeps = True
    raise error
