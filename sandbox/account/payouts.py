"""Payouts: money of the balance goes to the account's bank. Source: docs.stripe.com/payouts."""

from typing import Any

from sandbox.errors import invalid
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.store import new_id

Json = dict[str, Any]

BANK = "ba_sandbox"
ARRIVAL_SECONDS = 2 * 86_400
ENDS = ("paid", "pending", "in_transit", "failed")
BANK_SAYS_NO = {"failure_code": "account_closed", "failure_message": "The bank account has been closed."}


def create(ledger: Ledger, params: Json) -> Json:
    """Pay out now. The balance is not checked."""
    payout = _new(ledger.now, params["amount"], params["currency"], automatic=False)
    payout |= {name: params[name] for name in ("description", "statement_descriptor") if name in params}
    payout["metadata"] = merged({}, params.get("metadata"))
    return _pay(ledger, payout, "pending")


def by_stripe(ledger: Ledger, amount: int, currency: str, status: str) -> Json:
    """Create an automatic payout, which ends in `status`."""
    if status not in ENDS:
        raise invalid(f"A payout is one of {', '.join(ENDS)}.", param="status")
    return _pay(ledger, _new(ledger.now, amount, currency, automatic=True), status)


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Change a payout's metadata."""
    payout = ledger.need("payout", identity)
    before = dict(payout)
    payout["metadata"] = merged(payout["metadata"], params.get("metadata"))
    ledger.store.save(payout)
    ledger.happened("payout.updated", payout, before=before)
    return payout


def cancel(ledger: Ledger, identity: str) -> Json:
    """Cancel a pending payout; its money returns to the balance."""
    payout = ledger.need("payout", identity)
    if payout["status"] != "pending":
        raise invalid("Payouts can only be canceled while they are pending.")
    payout["status"] = "canceled"
    payout["failure_balance_transaction"] = _book(ledger, payout, payout["amount"], "payout_cancel")
    ledger.store.save(payout)
    ledger.happened("payout.canceled", payout)
    return payout


def reverse(ledger: Ledger, identity: str, params: Json) -> Json:
    """Reverse a paid payout, by a payout of its own in the other direction."""
    payout = ledger.need("payout", identity)
    if payout["status"] != "paid" or payout["reversed_by"]:
        raise invalid("Only a payout that was paid, and not yet reversed, can be reversed.")
    back = _new(ledger.now, -payout["amount"], payout["currency"], automatic=False)
    back |= {"original_payout": identity, "metadata": merged({}, params.get("metadata"))}
    _pay(ledger, back, "pending")
    ledger.store.save(payout | {"reversed_by": back["id"]})
    return back


def _pay(ledger: Ledger, payout: Json, status: str) -> Json:
    payout |= {"status": status, "balance_transaction": _book(ledger, payout, -payout["amount"], "payout")}
    ledger.store.add(payout)
    ledger.happened("payout.created", payout)
    if status == "failed":
        payout |= BANK_SAYS_NO
        payout["failure_balance_transaction"] = _book(ledger, payout, payout["amount"], "payout_failure")
        ledger.store.save(payout)
    if status in ("paid", "failed"):
        ledger.happened(f"payout.{status}", payout)
    return payout


def _book(ledger: Ledger, payout: Json, amount: int, kind: str) -> str:
    return ledger.move(amount=amount, fee=0, currency=payout["currency"], source=payout["id"], kind=kind)


def _new(now: int, amount: int, currency: str, *, automatic: bool) -> Json:
    return {
        "id": new_id("po"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": now + ARRIVAL_SECONDS,
        "automatic": automatic,
        "balance_transaction": None,
        "created": now,
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": BANK,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "completed" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "trace_id": {"status": "unsupported", "value": None},
        "type": "bank_account",
    }
