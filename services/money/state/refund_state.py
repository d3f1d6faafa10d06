"""The state writer of refunds: Stripe's snapshots and our own requests, each with the payment's totals."""

from uuid import UUID

import structlog

from database.statements import Insert, Update
from database.unit_of_work import UnitOfWork
from domain.ids import new_id
from domain.states import ActorKind, RefundStatus, Transition, refund_transition
from models import Order, Payment, Refund, Revision
from provider import ProviderRefund
from services.audit.trail import Cause
from services.money.state.payment_state import change_payment, sum_refunds
from services.money.state.stale import StaleSnapshot

log = structlog.get_logger(__name__)


async def apply_provider_refund(
    work: UnitOfWork,
    order: Order,
    payment: Payment,
    seen: ProviderRefund,
    *,
    since: Revision | None,
    fetched: bool,
    cause: Cause,
) -> Refund | None:
    """Merge Stripe's snapshot of a refund, adopting a refund that was made elsewhere (the Dashboard).

    The caller holds the order's and the payment's locks; `since`, `fetched` and `StaleSnapshot` are as in
    `apply_provider_state`. Returns None for a released part of a hold, which Stripe lists among the refunds although no
    money is returned.
    """
    refund = await _find_refund(payment, seen)
    status = RefundStatus.CANCELED if seen.is_release else seen.status
    if refund is None and seen.is_release:
        return None
    if refund is None:
        if payment.revision != since:
            raise StaleSnapshot
        return await _adopt_refund(work, order, payment, seen, cause)
    transition = refund_transition(refund.status, status)
    is_correction = transition in (Transition.LATE, Transition.CONFLICT)
    if (transition is Transition.REPEAT and refund.stripe_refund_id == seen.id) or (is_correction and not fetched):
        return refund
    if fetched and payment.revision != since:
        raise StaleSnapshot
    if status is RefundStatus.UNKNOWN:
        log.error("refund.status_not_known_to_us", refund=str(refund.id), stripe_refund=seen.id)
    refund.stripe_refund_id = seen.id
    refund.failure_reason = seen.failure_reason
    if is_correction:
        log.error("refund.conflict", refund=str(refund.id), ours=refund.status.value, stripe=status.value)
    elif status is RefundStatus.FAILED and refund.status is RefundStatus.SUCCEEDED:
        log.error("refund.failed_after_success", refund=str(refund.id), reason=seen.failure_reason)
    kind = "refund.corrected" if is_correction else None
    await change_refund(work, order, payment, refund, status, cause=cause.answered_by(seen.request_id), type=kind)
    return refund


async def change_refund(
    work: UnitOfWork,
    order: Order,
    payment: Payment,
    refund: Refund,
    status: RefundStatus,
    *,
    cause: Cause,
    type: str | None = None,
) -> None:
    """Write a refund's status, the payment's refund totals and the event. The caller holds the locks."""
    refund.status = status
    written = Update(refund, ("status", "stripe_refund_id", "failure_reason"))
    totals = await sum_refunds(payment, refund)
    kind = type or f"refund.{status.value.lower()}"
    await change_payment(work, order, payment, totals, type=kind, cause=cause, of_refund=written)


async def add_refund(work: UnitOfWork, order: Order, payment: Payment, refund: Refund, cause: Cause) -> None:
    """Insert a refund with the payment's refund totals. The caller holds the locks.

    The caller has checked a refund of ours against the refundable amount; a refund that Stripe reports is written
    whatever is left.
    """
    totals = await sum_refunds(payment, refund)
    kind = f"refund.{refund.status.value.lower()}"
    await change_payment(work, order, payment, totals, type=kind, cause=cause, of_refund=Insert(refund))


async def _find_refund(payment: Payment, seen: ProviderRefund) -> Refund | None:
    known = await Refund.select_for_update(no_key=True).get_or_none(stripe_refund_id=seen.id, livemode=payment.livemode)
    if known is not None:
        return known
    try:
        ours = UUID(seen.metadata.get("refund_id", ""))
    except ValueError:
        return None
    # Metadata is only a hint: it counts for a refund of this payment that has no id at Stripe yet.
    return await Refund.select_for_update(no_key=True).get_or_none(
        id=ours, payment_id=payment.id, stripe_refund_id=None, amount_minor=seen.amount_minor
    )


async def _adopt_refund(work: UnitOfWork, order: Order, payment: Payment, seen: ProviderRefund, cause: Cause) -> Refund:
    lost = await _find_lost_id(payment, seen)
    refund = Refund(
        id=lost or new_id(),
        payment_id=payment.id,
        livemode=payment.livemode,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        status=seen.status,
        reason=seen.reason,
        failure_reason=seen.failure_reason,
        requested_by={
            "kind": ActorKind.STRIPE_WEBHOOK.value,
            "id": None,
            "label": "made here, and lost" if lost else "made outside this API",
        },
        stripe_refund_id=seen.id,
    )
    await add_refund(work, order, payment, refund, cause.answered_by(seen.request_id))
    return refund


async def _find_lost_id(payment: Payment, seen: ProviderRefund) -> UUID | None:
    """Return the id that a refund had here before it was lost, by its metadata; None where it was made elsewhere."""
    try:
        ours = UUID(seen.metadata.get("refund_id", ""))
    except ValueError:
        return None
    is_of_payment = seen.metadata.get("payment_id") == str(payment.id)
    return ours if is_of_payment and not await Refund.filter(id=ours).exists() else None
