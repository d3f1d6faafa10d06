"""Failed payment attempts in Stripe's snapshots: each is recorded once, whichever source reports it and how often.

This module only finds and builds rows; the state writer writes them, each with its event.
"""

from collections.abc import Mapping
from typing import Any, Final

from database.row_writer import build_row
from database.statements import query_rows
from domain.errors import CardDeclined, DomainError
from domain.ids import new_id
from models import Payment, PaymentFailure
from provider import ProviderPayment
from services.audit.trail import Cause

STRIPES_CODES: Final = ("decline_code", "advice_code", "network_decline_code")
KNOWN_CHARGE: Final = "SELECT 1 FROM payment_failure WHERE payment_id = $1 AND stripe_charge_id = $2"
KNOWN_EVENT: Final = "SELECT 1 FROM payment_failure WHERE payment_id = $1 AND stripe_event_id = $2"
# An attempt without a charge that was first seen in an answer or a fetch: its event, which comes later, claims it.
CLAIM: Final = """
UPDATE payment_failure SET stripe_event_id = $2
WHERE id = (
  SELECT id FROM payment_failure
  WHERE payment_id = $1 AND stripe_charge_id IS NULL AND stripe_event_id IS NULL AND code = $3
  ORDER BY failed_at, id LIMIT 1
)
RETURNING 1
"""


async def find_new_failure(payment: Payment, seen: ProviderPayment, cause: Cause) -> PaymentFailure | None:
    """Return the failed attempt of this snapshot, if it is not recorded yet. The caller holds the payment's lock."""
    if seen.last_error is None:
        return None
    if seen.failed_charge_id is None:
        return (
            None
            if is_same(payment.last_error, seen.last_error)
            else build_failure(payment, seen.last_error, cause, seen)
        )
    known = await query_rows(KNOWN_CHARGE, [payment.id, seen.failed_charge_id])
    return None if known else build_failure(payment, seen.last_error, cause, seen)


async def find_reported_failure(payment: Payment, seen: ProviderPayment, cause: Cause) -> PaymentFailure | None:
    """Return the failed attempt that an event reports, if it is not recorded yet. The caller holds the lock."""
    if seen.last_error is None:
        return None
    if seen.failed_charge_id is not None:
        return await find_new_failure(payment, seen, cause)
    if cause.stripe_event_id is None or await query_rows(KNOWN_EVENT, [payment.id, cause.stripe_event_id]):
        return None
    if await query_rows(CLAIM, [payment.id, cause.stripe_event_id, seen.last_error.code.value]):
        return None
    failure = build_failure(payment, seen.last_error, cause, seen)
    failure.stripe_event_id = cause.stripe_event_id
    return failure


def build_failure(
    payment: Payment, error: DomainError, cause: Cause, seen: ProviderPayment | None = None
) -> PaymentFailure:
    """Build the row of an attempt that failed with this error."""
    record = error.to_record()
    return build_row(
        PaymentFailure,
        id=new_id(),
        payment_id=payment.id,
        code=error.code.value,
        decline_code=record["details"].get("decline_code"),
        error=record,
        method=seen.failed_method if seen is not None else None,
        request_id=failed_request(cause),
        operation_id=cause.operation_id,
        stripe_charge_id=seen.failed_charge_id if seen is not None else None,
        failed_at=cause.occurred_at,
    )


def failed_request(cause: Cause) -> str | None:
    """Return the id of the request that failed: the operation's, or the one in Stripe's event."""
    return cause.request_id or cause.stripe_event_id or cause.stripe_request_id


def facts(failure: PaymentFailure) -> dict[str, Any]:
    """Return the part of an event that describes a failed attempt."""
    return {
        "failure": {
            "id": str(failure.id),
            "error": failure.error,
            "request_id": failure.request_id,
            "stripe_charge_id": failure.stripe_charge_id,
        }
    }


def is_same(kept: Mapping[str, Any] | None, error: CardDeclined | None) -> bool:
    """Return True if a payment's recorded error is this error: by its codes, for sentences change with the versions."""
    if kept is None or error is None:
        return kept is None and error is None
    return _codes(kept) == _codes(error.to_record())


def _codes(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return record["kind"], record["code"], *(record["details"].get(name) for name in STRIPES_CODES)
