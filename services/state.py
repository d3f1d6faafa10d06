"""The one door for state: nothing else sets a status. API answers, webhooks, janitor and sync all come through here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from domain.errors import DomainError
from domain.ids import new_id
from domain.sensitive import without_secrets
from domain.states import (
    REFUND_RELEASED,
    REFUND_RESERVES,
    ActorKind,
    Move,
    PaymentStatus,
    RefundStatus,
    order_payment_status,
    payment_move,
    refund_move,
)
from models import Order, Payment, PaymentFailure, Refund
from models.sql import Insert, Update
from models.written import change
from provider import Actionable, ProviderPayment, ProviderRefund
from services.audit import Cause, Change, record
from services.failures import facts, failed_request, is_same, made, new_failure, told_failure

log = structlog.get_logger(__name__)

NEVER_AT_STRIPE = PaymentStatus.INITIATED


class Outrun(Exception):
    """Somebody changed the row after this snapshot was asked for, so its place in time is not known: fetch again."""


class NotYet(Exception):
    """The fact is true but cannot be written now, because our own reservation stands against it. Try later."""


async def apply_provider_state(
    order: Order, payment: Payment, seen: ProviderPayment, *, since_version: int, fetched: bool, cause: Cause
) -> bool:
    """Merge what Stripe said of a payment into our row; True if anything changed.

    The caller holds the order's and the payment's locks. `since_version` is the payment's version when Stripe was
    asked: if the row has moved on since, a snapshot that is not final may be older than the row, and `Outrun` is
    raised instead of guessing. `fetched` says that Stripe was asked just now; only then may a final state be
    contradicted. Late, repeated and foreign facts change nothing.
    """
    if payment.stripe_payment_intent_id not in (None, seen.id):
        log.error("payment.orphan_intent", payment=str(payment.id), intent=seen.id)
        return False
    move = payment_move(payment.status, seen.status)
    if seen.status is PaymentStatus.UNKNOWN:
        log.error("payment.status_not_known_to_us", payment=str(payment.id), intent=seen.id)
        return False
    if move is Move.LATE:
        await keep_failed_attempt(order, payment, seen, cause)
        return False
    if move is Move.CONFLICT and not fetched:
        raise Outrun
    changes = _differences(payment, seen)
    if not changes:
        return False
    if payment.version != since_version and seen.status not in (PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED):
        raise Outrun
    if (seen.amount_minor, seen.currency) != (payment.amount_minor, payment.currency):
        log.error("payment.amount_drift", payment=str(payment.id), intent=seen.id)
    if move is Move.CONFLICT:
        log.error("payment.conflict", payment=str(payment.id), ours=payment.status.value, stripe=seen.status.value)
    failure = await new_failure(payment, seen, cause)
    if changes.get("last_error"):
        changes["last_error"] |= {"request_id": failed_request(cause)}
    kind = "payment.corrected" if move is Move.CONFLICT else _event_type(payment, seen, changes)
    await change_payment(order, payment, changes, type=kind, cause=cause.answered_by(seen.request_id), failure=failure)
    return True


async def change_payment(
    order: Order,
    payment: Payment,
    changes: Mapping[str, Any],
    *,
    type: str,
    cause: Cause,
    of_refund: Insert[Refund] | Update[Refund] | None = None,
    failure: PaymentFailure | None = None,
) -> None:
    """Write fields of a payment with its event, and recompute the order. The caller holds both locks.

    `payment` is one of the order's `locked_payments`; `of_refund` is the refund that the event is about, `failure` the
    attempt that failed, if any.
    """
    refund = of_refund.row if of_refund is not None else None
    before, old_status = payment.facts(), payment.status
    if failure is not None:
        changes = {**changes, "failed_at": _latest(payment.failed_at, failure.failed_at)}
    change(payment, changes)
    payment.version += 1
    payment.last_synced_at = datetime.now(UTC)
    changed = _recompute(order)
    about = refund.facts() if refund is not None else facts(failure) if failure is not None else {}
    await record(
        order,
        Change(
            type=type,
            before=before,
            after={**payment.facts(), **about},
            amount=refund.amount if refund is not None else payment.amount,
            payment_id=payment.id,
            refund_id=refund.id if refund is not None else None,
            from_status=old_status,
            to_status=payment.status,
        ),
        cause,
        Update(payment, (*changes, "version", "last_synced_at")),
        *([of_refund] if of_refund is not None else []),
        *([Insert(failure)] if failure is not None else []),
        order_changed=changed,
    )


async def mark_payment_unknown(order: Order, payment: Payment, cause: Cause) -> None:
    """Say honestly that nobody knows what became of a payment. A final state stays."""
    if payment_move(payment.status, PaymentStatus.UNKNOWN) is Move.FORWARD:
        await change_payment(order, payment, {"status": PaymentStatus.UNKNOWN}, type="payment.unknown", cause=cause)


async def mark_payment_missing(order: Order, payment: Payment, cause: Cause) -> None:
    """Close a payment whose intent Stripe does not know any more, with an alarm: the order may be paid anew.

    A final state stays: what was taken or given up is not undone by its record's loss at Stripe.
    """
    log.error("payment.missing_at_provider", payment=str(payment.id), intent=payment.stripe_payment_intent_id)
    if not payment.is_final:
        changes = {"status": PaymentStatus.CANCELED, "capturable_minor": 0, "capture_before": None, "next_action": None}
        await change_payment(order, payment, changes, type="payment.missing_at_provider", cause=cause)


async def abandon_payment(order: Order, payment: Payment, error: DomainError, cause: Cause) -> None:
    """Close a payment that Stripe refused to create: it never existed there, so the order may be paid anew."""
    if payment.stripe_payment_intent_id is None and not payment.is_final:
        failure = made(payment, error, cause)
        last_error = error.to_record() | {"request_id": failure.request_id}
        changes = {"status": PaymentStatus.CANCELED, "last_error": last_error}
        await change_payment(order, payment, changes, type="payment.refused", cause=cause, failure=failure)


async def keep_failed_attempt(order: Order, payment: Payment, seen: ProviderPayment, cause: Cause) -> None:
    """Keep a failed attempt that is told when the payment has gone on: its state stands, the attempt is kept once.

    The caller holds the order's and the payment's locks.
    """
    failure = await told_failure(payment, seen, cause)
    if failure is not None:
        await _keep(order, payment, failure, cause)


async def keep_refused_attempt(order: Order, payment: Payment, error: DomainError, cause: Cause) -> None:
    """Keep an attempt that Stripe refused without a decline: nothing of the payment has changed. Holds the locks."""
    await _keep(order, payment, made(payment, error, cause), cause)


async def _keep(order: Order, payment: Payment, failure: PaymentFailure, cause: Cause) -> None:
    """Write a failed attempt with its event. The payment stands as it stood, so its version does not grow."""
    known = payment.facts()
    payment.failed_at = _latest(payment.failed_at, failure.failed_at)
    change = Change(
        type="payment.attempt_failed",
        before=known,
        after={**known, **facts(failure)},
        amount=payment.amount,
        payment_id=payment.id,
    )
    await record(order, change, cause, Insert(failure), Update(payment, ("failed_at",)))


async def apply_provider_refund(order: Order, payment: Payment, seen: ProviderRefund, *, cause: Cause) -> Refund:
    """Merge what Stripe said of a refund, adopting one that was made elsewhere (the Dashboard).

    The caller holds the order's and the payment's locks, and asked Stripe after it last looked at the row, or has a
    final answer. Raises `NotYet` when a refund of ours that is still reserved leaves no room for an adopted one.
    """
    refund = await _find_refund(payment, seen)
    if refund is None:
        return await _adopt_refund(order, payment, seen, cause)
    move = refund_move(refund.status, seen.status)
    if seen.status is RefundStatus.UNKNOWN or move in (Move.LATE, Move.CONFLICT):
        return refund
    if move is Move.REPEAT and refund.stripe_refund_id == seen.id:
        return refund
    refund.stripe_refund_id = seen.id
    refund.failure_reason = seen.failure_reason
    if seen.status is RefundStatus.FAILED and refund.status is RefundStatus.SUCCEEDED:
        log.error("refund.failed_after_success", refund=str(refund.id), reason=seen.failure_reason)
    await change_refund(order, payment, refund, seen.status, cause=cause.answered_by(seen.request_id))
    return refund


async def change_refund(order: Order, payment: Payment, refund: Refund, status: RefundStatus, *, cause: Cause) -> None:
    """Write a refund's status, the payment's refund totals and the event. The caller holds the locks."""
    refund.status = status
    written = Update(refund, ("status", "stripe_refund_id", "failure_reason"))
    totals = await _refund_totals(payment, refund)
    await change_payment(order, payment, totals, type=f"refund.{status.value.lower()}", cause=cause, of_refund=written)


async def add_refund(order: Order, payment: Payment, refund: Refund, cause: Cause) -> None:
    """Write a new refund and reserve its amount against the payment. The caller holds the locks.

    Raises `NotYet` when the payment has not that much left.
    """
    already = refund.status in REFUND_RELEASED
    if not already and refund.amount > payment.refundable:
        raise NotYet
    totals = await _refund_totals(payment, refund)
    kind = f"refund.{refund.status.value.lower()}"
    await change_payment(order, payment, totals, type=kind, cause=cause, of_refund=Insert(refund))


async def set_disputed(order: Order, payment: Payment, disputed_minor: int, cause: Cause) -> None:
    """Write how much of a payment is contested, if it changed. The caller holds the locks."""
    if payment.disputed_minor != disputed_minor:
        kind = "payment.disputed" if disputed_minor > payment.disputed_minor else "payment.dispute_released"
        await change_payment(order, payment, {"disputed_minor": disputed_minor}, type=kind, cause=cause)


def _differences(payment: Payment, seen: ProviderPayment) -> dict[str, Any]:
    """The fields of the row that this snapshot would change."""
    told = {
        "status": seen.status,
        "stripe_payment_intent_id": seen.id,
        "capturable_minor": seen.capturable_minor,
        "captured_minor": seen.captured_minor,
        "stripe_charge_id": seen.charge_id or payment.stripe_charge_id,
        "method": seen.method or payment.method,
        # A charge that was not expanded does not tell it: what is held is held until the moment that is known.
        "capture_before": (seen.capture_before or payment.capture_before)
        if seen.status is PaymentStatus.REQUIRES_CAPTURE
        else None,
        "next_action": _kept_action(seen.next_action) if seen.next_action else None,
        "last_error": payment.last_error
        if is_same(payment.last_error, seen.last_error)
        else seen.last_error and seen.last_error.to_record(),
    }
    return {name: value for name, value in told.items() if getattr(payment, name) != value}


def _kept_action(action: Actionable) -> dict[str, Any]:
    """What is stored of the payer's next step. Stripe's 3DS pages carry the client secret in their address, and that
    is never stored: such a page is asked for anew."""
    withheld = action.redirect_url is not None and without_secrets(action.redirect_url) != action.redirect_url
    kept = {
        "type": action.type,
        "redirect_url": None if withheld else action.redirect_url,
        "expires_at": action.expires_at.isoformat() if action.expires_at else None,
    }
    return kept | {"page_withheld": True} if withheld else kept


def _latest(known: datetime | None, other: datetime) -> datetime:
    return other if known is None else max(known, other)


def _event_type(payment: Payment, seen: ProviderPayment, changes: Mapping[str, Any]) -> str:
    if seen.status is PaymentStatus.REQUIRES_PAYMENT_METHOD and changes.get("last_error"):
        return "payment.declined"
    if "status" not in changes:
        return "payment.updated"
    return f"payment.{seen.status.value.lower()}"


async def _find_refund(payment: Payment, seen: ProviderRefund) -> Refund | None:
    known = await Refund.select_for_update(no_key=True).get_or_none(stripe_refund_id=seen.id, livemode=payment.livemode)
    if known is not None:
        return known
    try:
        ours = UUID(seen.metadata.get("refund_id", ""))
    except ValueError:
        return None
    # Metadata is only a hint: it counts for a refund of this payment that has no other id yet.
    return await Refund.select_for_update(no_key=True).get_or_none(
        id=ours, payment_id=payment.id, stripe_refund_id=None, amount_minor=seen.amount_minor
    )


async def _adopt_refund(order: Order, payment: Payment, seen: ProviderRefund, cause: Cause) -> Refund:
    refund = Refund(
        id=new_id(),
        payment_id=payment.id,
        livemode=payment.livemode,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        status=seen.status,
        reason=seen.reason,
        failure_reason=seen.failure_reason,
        requested_by={"kind": ActorKind.STRIPE_WEBHOOK.value, "id": None, "label": "made outside this API"},
        stripe_refund_id=seen.id,
    )
    await add_refund(order, payment, refund, cause.answered_by(seen.request_id))
    return refund


async def _refund_totals(payment: Payment, changed: Refund) -> dict[str, Any]:
    """Given back and reserved, from the refunds themselves, of which one has changed: no sum that could drift."""
    others = Refund.filter(payment_id=payment.id).exclude(id=changed.id).only("id", "status", "amount_minor")
    refunds = [*await others, changed]
    return {
        "refunded_minor": sum(r.amount_minor for r in refunds if r.status is RefundStatus.SUCCEEDED),
        "refund_pending_minor": sum(r.amount_minor for r in refunds if r.status in REFUND_RESERVES),
    }


def _recompute(order: Order) -> tuple[str, ...]:
    """Set the order's sums and status from its payments; the fields that are to be written. The version grows with
    every change of any of them."""
    payments = [payment.as_facts() for payment in order.locked_payments]
    order.paid_minor = sum(facts.captured_minor for facts in payments)
    order.refunded_minor = sum(facts.refunded_minor for facts in payments)
    order.payment_status = order_payment_status(order.total_minor, payments)
    order.version += 1
    return "paid_minor", "refunded_minor", "payment_status", "version"
