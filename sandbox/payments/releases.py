"""The release of an authorized amount that is not captured: a partial capture, a cancellation, an expiry.

Stripe's record of it depends on the account's API version. Since 2025-03-31.basil there is none: `amount_refunded`
counts only returned money, and an expired payment is canceled as `expired`. Before, a Refund was made of the released
part. Source: docs.stripe.com/changelog, 2025-03-31.basil, "Partially capturing or canceling payments no longer creates
a Refund".
"""

from typing import Any

from sandbox import objects
from sandbox.ledger import Ledger

Json = dict[str, Any]

NONE, REFUNDS, BOOKED = "none", "refunds", "booked"
RECORDS = (NONE, REFUNDS, BOOKED)  # `booked`: with a balance transaction where something was captured


def release(
    ledger: Ledger, charge: Json, amount: int, *, expired: bool = False, captures: bool = False
) -> list[tuple[str, Json, Json | None]]:
    """Release `amount` of a charge; returns the events of it, to be sent after those of the charge itself.

    `captures` says that the rest of the charge is captured at the same moment.
    """
    if amount <= 0 or ledger.store.setting("releases", NONE) == NONE:
        return []
    before = dict(charge)
    refund = objects.refund(ledger.now, charge, amount, {"reason": "expired_uncaptured_charge" if expired else None})
    if charge["payment_method_details"]["type"] == "card":
        refund["destination_details"]["card"] = {"type": "reversal"}
    if captures and is_booked(ledger):
        refund["balance_transaction"] = ledger.move(
            amount=-amount, fee=0, currency=charge["currency"], source=refund["id"], kind="refund"
        )
    ledger.store.add(refund)
    ledger.store.remember(charge["id"], released=released(ledger, charge) + amount)
    charge["amount_refunded"] += amount
    count(ledger, charge, 0)
    if expired:
        return []
    return [("charge.refunded", charge, before), ("charge.refund.updated", refund, None)]


def is_booked(ledger: Ledger) -> bool:
    """Return True if a partial capture books the whole authorized amount, and then the release of the rest."""
    return ledger.store.setting("releases", NONE) == BOOKED


def released(ledger: Ledger, charge: Json) -> int:
    """Return the part of `amount_refunded` that was never captured."""
    return int(ledger.store.hidden(charge["id"]).get("released", 0))


def refundable(ledger: Ledger, charge: Json) -> int:
    """Return the captured amount that is not refunded yet."""
    return int(charge["amount_captured"] - charge["amount_refunded"] + released(ledger, charge))


def count(ledger: Ledger, charge: Json, amount: int) -> None:
    """Add to the refunded amount; a negative amount when a refund failed."""
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] > 0 and refundable(ledger, charge) == 0
    ledger.store.save(charge)


def expiry_reason(ledger: Ledger) -> str:
    """Return the cancellation reason of an authorization that was not captured in time."""
    return "expired" if ledger.store.setting("releases", NONE) == NONE else "automatic"
