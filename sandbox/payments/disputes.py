"""Disputes: a payer's bank contests a charge. Source: docs.stripe.com/disputes."""

from typing import Any

from sandbox.customers import mandates
from sandbox.customers.kinds import KINDS
from sandbox.errors import invalid
from sandbox.http.params import merged
from sandbox.ledger import Ledger
from sandbox.payments import refunds
from sandbox.payments.releases import refundable
from sandbox.store import new_id

Json = dict[str, Any]

FEE = 1500  # Stripe's dispute fee, in minor units
ANSWER_SECONDS = 7 * 86_400
RETURNED = {  # of debits: a bank takes the money back, and nothing can be answered
    "bank_cannot_process",
    "customer_initiated",
    "debit_not_authorized",
    "incorrect_account_details",
    "insufficient_funds",
}
ENDS_MANDATE = ("account_closed", "debit_not_authorized", "no_account")
FIRST = ("needs_response", "warning_needs_response")
CLOSED = ("won", "lost", "warning_closed", "prevented")
OPEN = (*FIRST, "under_review", "warning_under_review")
EVIDENCE = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
]


def open_dispute(
    ledger: Ledger, charge: Json, status: str, *, reason: str = "fraudulent", amount: int | None = None
) -> Json:
    """Open a dispute. Unless it is an inquiry (`warning_…`), the money is withdrawn at once."""
    kind = charge["payment_method_details"]["type"]
    if (status in FIRST) is bool(KINDS[kind].debits) or status not in (*FIRST, "lost"):
        raise invalid(f"A dispute begins as one of {', '.join(FIRST)}; of a bank debit, as lost.", param="status")
    if not charge["captured"]:
        raise invalid(f"Charge {charge['id']} has not been captured; there is nothing to contest.", param="charge")
    dispute = _new(ledger.now, charge, status, reason, amount or _contested(ledger, charge))
    charge["disputed"] = True
    ledger.store.save(charge)
    ledger.store.add(dispute)
    if not status.startswith("warning"):
        _withdraw(ledger, dispute)
    ledger.happened("charge.dispute.created", dispute)
    if not status.startswith("warning"):
        ledger.happened("charge.dispute.funds_withdrawn", dispute)
        refunds.fail_pending(ledger, charge, "charge_for_pending_refund_disputed")
    if status == "lost":
        ledger.happened("charge.dispute.closed", dispute)
        _end_mandate(ledger, charge, reason)
    return dispute


def take_back(ledger: Ledger, charge: Json, reason: str) -> Json:
    """Let a bank take back a debit that had succeeded: a dispute that is lost at once.

    Source: docs.stripe.com/payments/ach-direct-debit, "Disputed payments"; …/sepa-debit, "Disputes".
    """
    if not KINDS[charge["payment_method_details"]["type"]].debits or reason not in RETURNED:
        raise invalid(f"A bank takes back a debit, for one of {', '.join(sorted(RETURNED))}.", param="reason")
    return open_dispute(ledger, charge, "lost", reason=reason)


def update(ledger: Ledger, identity: str, params: Json) -> Json:
    """Submit evidence, or change the metadata."""
    dispute = ledger.need("dispute", identity)
    if dispute["status"] in CLOSED:
        raise invalid(f"This dispute is already closed with a status of {dispute['status']}.")
    before = dict(dispute)
    dispute["metadata"] = merged(dispute["metadata"], params.get("metadata"))
    if evidence := params.get("evidence"):
        dispute["evidence"] = dispute["evidence"] | evidence
        details = dispute["evidence_details"]
        dispute["evidence_details"] = details | {"has_evidence": True}
    if evidence and params.get("submit", True):
        dispute["status"] = dispute["status"].replace("needs_response", "under_review")
        count = dispute["evidence_details"]["submission_count"] + 1
        dispute["evidence_details"] |= {"submission_count": count, "submission_method": "manual"}
    return _saved(ledger, dispute, before)


def move(ledger: Ledger, identity: str, status: str) -> Json:
    """Apply the bank's next step: a review, a chargeback after an inquiry, or the decision.

    `lost` may become `won` later; no other closed dispute changes, and a chargeback never becomes an inquiry again.
    Money moves as the status says.
    """
    dispute = ledger.need("dispute", identity)
    old = dispute["status"]
    unfiled = not old.startswith("warning") and status.startswith(("warning", "prevented"))
    if status not in (*OPEN, *CLOSED) or (old in CLOSED and (old, status) != ("lost", "won")) or unfiled:
        raise invalid(f"A dispute cannot go from {old} to {status}.", param="status")
    before = dict(dispute)
    dispute["status"] = status
    inquiry = old.startswith("warning")
    escalated = inquiry and not status.startswith("warning") and status in (*OPEN, "lost", "won")
    if escalated:
        _withdraw(ledger, dispute)
    if status == "won":
        _give_back(ledger, dispute)
    if status in CLOSED:
        dispute["is_charge_refundable"] = status != "lost"
        ledger.store.save(dispute)
        ledger.happened("charge.dispute.closed", dispute)
    else:
        _saved(ledger, dispute, before)
    if escalated:
        ledger.happened("charge.dispute.funds_withdrawn", dispute)
    if status == "won":
        ledger.happened("charge.dispute.funds_reinstated", dispute)
    return dispute


def accept(ledger: Ledger, identity: str) -> Json:
    """Accept the dispute: it is lost."""
    return move(ledger, identity, "lost")


def _end_mandate(ledger: Ledger, charge: Json, reason: str) -> None:
    details = charge["payment_method_details"]
    if reason in ENDS_MANDATE and (mandate := details[details["type"]].get("mandate")):
        mandates.move(ledger, mandate, "inactive")


def _saved(ledger: Ledger, dispute: Json, before: Json) -> Json:
    ledger.store.save(dispute)
    ledger.happened("charge.dispute.updated", dispute, before=before)
    return dispute


def _withdraw(ledger: Ledger, dispute: Json) -> None:
    dispute["is_charge_refundable"] = False
    _move_money(ledger, dispute, -dispute["amount"], FEE)


def _give_back(ledger: Ledger, dispute: Json) -> None:
    _move_money(ledger, dispute, dispute["amount"], 0)


def _move_money(ledger: Ledger, dispute: Json, amount: int, fee: int) -> None:
    moved = ledger.move(amount=amount, fee=fee, currency=dispute["currency"], source=dispute["id"], kind="adjustment")
    dispute["balance_transactions"] = [
        *dispute["balance_transactions"],
        ledger.need("balance_transaction", moved),
    ]
    ledger.store.save(dispute)


def _contested(ledger: Ledger, charge: Json) -> int:
    """Return the captured amount that was not refunded; all of it if everything was refunded."""
    return refundable(ledger, charge) or int(charge["amount_captured"])


def _new(now: int, charged: Json, status: str, reason: str, amount: int) -> Json:
    card = charged["payment_method_details"].get("card")
    inquiry = status.startswith("warning")
    details: Json = {}
    if card is not None:
        details["payment_method_details"] = {
            "card": {
                "brand": card["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": card["brand"],
                "network_reason_code": "10.4" if reason == "fraudulent" else "13.1",
            },
            "type": "card",
        }
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charged["id"],
        "created": now,
        "currency": charged["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": None if status == "lost" else now + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charged["payment_intent"],
        "reason": reason,
        "status": status,
        **details,
    }
