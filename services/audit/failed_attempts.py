"""Attempts that failed, found in what Stripe says: each is kept once, whoever tells of it first and how often.

Only rows are found and made here; the state writer writes them, each with its event.
"""

from collections.abc import Mapping
from typing import Any, Final

from database.row_writer import build_row
from database.statements import query_rows
from domain.errors import DomainError
from domain.ids import new_id
from models import Payment, PaymentFailure
from provider import ProviderPayment
from services.audit.trail import Cause

KNOWN_CHARGE: Final = "SELECT 1 FROM payment_failure WHERE payment_id = $1 AND stripe_charge_id = $2"
KNOWN_EVENT: Final = "SELECT 1 FROM payment_failure WHERE payment_id = $1 AND stripe_event_id = $2"
# A failure without a charge that somebody else than an event told us of is the one that its event comes to tell.
CLAIM: Final = """
UPDATE payment_failure SET stripe_event_id = $2
WHERE id = (
  SELECT id FROM payment_failure
  WHERE payment_id = $1 AND stripe_charge_id IS NULL AND stripe_event_id IS NULL AND code = $3
  ORDER BY failed_at, id LIMIT 1
)
RETURNING 1
"""


async def new_failure(payment: Payment, seen: ProviderPayment, cause: Cause) -> PaymentFailure | None:
    """The failed attempt that this state of a payment shows, if it is not kept already. Holds the payment's lock."""
    if seen.last_error is None:
        return None
    if seen.failed_charge_id is None:
        return None if is_same(payment.last_error, seen.last_error) else made(payment, seen.last_error, cause, seen)
    known = await query_rows(KNOWN_CHARGE, [payment.id, seen.failed_charge_id])
    return None if known else made(payment, seen.last_error, cause, seen)


async def told_failure(payment: Payment, seen: ProviderPayment, cause: Cause) -> PaymentFailure | None:
    """The failed attempt that an event tells of, if it is not kept already. Holds the payment's lock."""
    if seen.last_error is None:
        return None
    if seen.failed_charge_id is not None:
        return await new_failure(payment, seen, cause)
    if cause.stripe_event_id is None or await query_rows(KNOWN_EVENT, [payment.id, cause.stripe_event_id]):
        return None
    if await query_rows(CLAIM, [payment.id, cause.stripe_event_id, seen.last_error.code.value]):
        return None
    failure = made(payment, seen.last_error, cause, seen)
    failure.stripe_event_id = cause.stripe_event_id
    return failure


def made(payment: Payment, error: DomainError, cause: Cause, seen: ProviderPayment | None = None) -> PaymentFailure:
    """The row of an attempt that failed with this error."""
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
    """The request that failed: of the operation that made the attempt, or as Stripe's event names it."""
    return cause.request_id or cause.stripe_event_id or cause.stripe_request_id


def facts(failure: PaymentFailure) -> dict[str, Any]:
    """What an event tells of a failed attempt."""
    return {
        "failure": {
            "id": str(failure.id),
            "error": failure.error,
            "request_id": failure.request_id,
            "stripe_charge_id": failure.stripe_charge_id,
        }
    }


def is_same(kept: Mapping[str, Any] | None, error: DomainError | None) -> bool:
    """Whether a payment's last error, which has its request beside it, is this one."""
    if kept is None or error is None:
        return kept is None and error is None
    return {name: value for name, value in kept.items() if name != "request_id"} == error.to_record()
