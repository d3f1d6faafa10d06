"""Releasing what an authorisation holds and nobody takes: a partial capture, a cancellation, an expiry.

Stripe's record of it depends on the account's API version. Since 2025-03-31.basil there is none: `amount_refunded` says
only what was given back, and an expired payment is canceled as `expired`. Before, a Refund was made of the released
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
    """Release `amount` of a charge; the events that tell it, to be sent when the charge itself has been told.

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
    """True if a partial capture books all that was held, and takes back the part that it releases."""
    return ledger.store.setting("releases", NONE) == BOOKED


def released(ledger: Ledger, charge: Json) -> int:
    """The part of `amount_refunded` that was never taken from anybody."""
    return int(ledger.store.hidden(charge["id"]).get("released", 0))


def refundable(ledger: Ledger, charge: Json) -> int:
    """The rest that was taken and not given back."""
    return int(charge["amount_captured"] - charge["amount_refunded"] + released(ledger, charge))


def count(ledger: Ledger, charge: Json, amount: int) -> None:
    """Add to what was given back; less than nothing when a refund failed."""
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] > 0 and refundable(ledger, charge) == 0
    ledger.store.save(charge)


def expiry_reason(ledger: Ledger) -> str:
    """The cancellation reason of an authorisation that nobody captured in time."""
    return "expired" if ledger.store.setting("releases", NONE) == NONE else "automatic"
