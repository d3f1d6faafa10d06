"""Declines on request: what a bank says to the next card payments, with any of Stripe's codes.

Source: docs.stripe.com/declines/codes, docs.stripe.com/error-codes.
"""

import json
from typing import Any

from sandbox.customers.methods import CardDecline
from sandbox.errors import invalid
from sandbox.ledger import Ledger

Json = dict[str, Any]

NAME = "next_declines"
FIELDS = ("advice_code", "code", "decline_code", "message", "network_decline_code", "times")


def plan(ledger: Ledger, given: Json) -> Json:
    """Let the next `times` card payments be declined so, whatever the card."""
    if unknown := set(given) - set(FIELDS):
        raise invalid(f"A decline has {', '.join(FIELDS)}, and not {', '.join(sorted(unknown))}.")
    decline = {
        "code": given.get("code", "card_declined"),
        "reason": given.get("decline_code", "generic_decline"),
        "message": given.get("message", "Your card was declined."),
        "advice": given.get("advice_code"),
        "network": given.get("network_decline_code"),
    }
    planned = [*_planned(ledger), *[decline] * int(given.get("times", 1))]
    ledger.store.set_up(NAME, json.dumps(planned))
    return {"planned": len(planned)}


def next_one(ledger: Ledger, kind: str) -> CardDecline | None:
    """Return the decline that is planned for this payment, once."""
    if kind != "card":
        return None
    planned = _planned(ledger)
    if not planned:
        return None
    first, *rest = planned
    ledger.store.set_up(NAME, json.dumps(rest))
    return CardDecline(**first)


def _planned(ledger: Ledger) -> list[dict[str, Any]]:
    return list(json.loads(ledger.store.setting(NAME, "[]")))
