"""The state writer: nothing else sets a payment's status. API answers, webhooks, recovery and refreshes all use it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from database.row_writer import set_fields
from database.statements import Insert, Update
from database.unit_of_work import UnitOfWork
from domain.errors import DomainError
from domain.states import (
    PAYMENT_FINAL,
    REFUND_RESERVES,
    CancellationReason,
    CancelReason,
    PaymentStatus,
    RefundStatus,
    Transition,
    payment_transition,
)
from models import Order, Payment, PaymentFailure, Refund, Revision
from provider import ProviderMethod, ProviderPayment
from services.audit.failed_attempts import (
    build_failure,
    facts,
    failed_request,
    find_new_failure,
    find_reported_failure,
    is_same,
)
from services.audit.trail import Cause, Change, record
from services.money.state import locking
from services.money.state.customer_state import keep_method
from services.money.state.divergence import is_not_as_asked, report_not_as_asked
from services.money.state.next_action import storable_action
from services.money.state.order_state import recompute_order
from services.money.state.stale import StaleSnapshot, synced_after

log = structlog.get_logger(__name__)

TAKEN_OR_HELD: Final = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_CAPTURE})
AS_ASKED: Final = frozenset({"provider_currency", "provider_amount_minor", "capturable_minor", "captured_minor"})


async def apply_provider_state(
    work: UnitOfWork,
    order: Order,
    payment: Payment,
    seen: ProviderPayment,
    *,
    since: Revision | None,
    fetched: bool,
    cause: Cause,
) -> bool:
    """Merge Stripe's snapshot of a payment into our row; return True if anything changed.

    The caller holds the order's and the payment's locks. `since` is the payment's revision when Stripe was asked (None:
    an older one): if the row has changed since, the snapshot may be older than the row, and `StaleSnapshot` is raised.

    `fetched` marks a snapshot that Stripe was asked for: it is the truth and is written as it is. Without it, the
    snapshot comes from an answer to an operation or from an event, and may be old: a late one changes nothing, and one
    that contradicts a final status raises `StaleSnapshot`. A snapshot of another intent changes nothing.
    """
    if payment.stripe_payment_intent_id not in (None, seen.id):
        log.error("payment.orphan_intent", payment=str(payment.id), intent=seen.id)
        return False
    transition = payment_transition(payment.status, seen.status)
    if transition is Transition.LATE and not fetched:
        await keep_failed_attempt(work, order, payment, seen, cause)
        return False
    if transition is Transition.CONFLICT and not fetched:
        raise StaleSnapshot
    if seen.status is PaymentStatus.UNKNOWN:
        log.error("payment.status_not_known_to_us", payment=str(payment.id), intent=seen.id)
    if seen.kept_method is not None and seen.status in TAKEN_OR_HELD:
        await _keep_method(work, payment, seen.kept_method, cause.answered_by(seen.request_id))
    changes = _differences(payment, seen, cause)
    if not changes:
        return False
    is_first_end = transition is Transition.FORWARD and seen.status in PAYMENT_FINAL and not fetched
    if payment.revision != since and not is_first_end:
        raise StaleSnapshot
    is_known = seen.status is not PaymentStatus.UNKNOWN
    is_correction = payment.is_final and is_known and transition is not Transition.REPEAT
    if is_correction:
        log.error("payment.conflict", payment=str(payment.id), ours=payment.status.value, stripe=seen.status.value)
        changes["reopened_at"] = cause.occurred_at if seen.status not in PAYMENT_FINAL else payment.reopened_at
    failure = await find_new_failure(payment, seen, cause)
    if changes.get("last_error"):
        changes["last_error"] |= {"request_id": failed_request(cause)}
    is_other = bool(changes.keys() & AS_ASKED) and is_not_as_asked(payment, seen)
    more = changes.get("amount_minor", payment.amount_minor) - payment.amount_minor
    if "provider_currency" in changes:  # sums in the other currency mean nothing in this one
        changes |= {"disputed_minor": 0, **await sum_refunds(payment, currency=seen.currency)}
    kind = "payment.corrected" if is_correction else _event_type(payment, seen, changes)
    await change_payment(
        work, order, payment, changes, type=kind, cause=cause.answered_by(seen.request_id), failure=failure, more=more
    )
    if is_other:
        await report_not_as_asked(payment, seen)
    return True


async def _keep_method(work: UnitOfWork, payment: Payment, method: ProviderMethod, cause: Cause) -> None:
    """Record the method that the payer agreed to keep, if it is in the hands of the payment's customer."""
    if payment.customer_id is None:
        return
    customer = await locking.lock_customer(payment.customer_id)
    if customer.stripe_customer_id is not None and customer.stripe_customer_id == method.customer_id:
        await keep_method(work, customer, method, cause, usage=payment.setup_future_usage)


async def change_payment(
    work: UnitOfWork,
    order: Order,
    payment: Payment,
    changes: Mapping[str, Any],
    *,
    type: str,
    cause: Cause,
    of_refund: Insert[Refund] | Update[Refund] | None = None,
    failure: PaymentFailure | None = None,
    more: int = 0,
) -> None:
    """Write fields of a payment with its event, and recompute the order. The caller holds both locks.

    `payment` is one of the order's `locked_payments`; `of_refund` is the refund that the event is about, `failure` the
    failed attempt, if any. The order's total grows by `more`, in minor units: it moves with a payment's amount.
    """
    refund = of_refund.row if of_refund is not None else None
    before, old_status = payment.facts(), payment.status
    if failure is not None:
        changes = {**changes, "failed_at": _latest(payment.failed_at, failure.failed_at)}
    set_fields(payment, changes)
    payment.version += 1
    payment.last_synced_at = synced_after(payment.last_synced_at)
    about = refund.facts() if refund is not None else facts(failure) if failure is not None else {}
    if more:
        before["order_total_minor"], order.total_minor = order.total_minor, order.total_minor + more
        about = {**about, "order_total_minor": order.total_minor}
    changed = ("total_minor", *recompute_order(order)) if more else recompute_order(order)
    await record(
        work,
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


async def begin_update(work: UnitOfWork, order: Order, payment: Payment, amount_minor: int, cause: Cause) -> None:
    """Note the amount that Stripe is about to be asked for: until its answer is known, either amount is as asked."""
    changes = {"next_amount_minor": amount_minor}
    await change_payment(work, order, payment, changes, type="payment.update_requested", cause=cause)


async def give_update_up(work: UnitOfWork, order: Order, payment: Payment, cause: Cause) -> None:
    """Forget the amount of an update that Stripe has refused: payment and order stay as they were."""
    if payment.next_amount_minor is not None:
        changes = {"next_amount_minor": None}
        await change_payment(work, order, payment, changes, type="payment.update_refused", cause=cause)


async def mark_payment_unknown(work: UnitOfWork, order: Order, payment: Payment, cause: Cause) -> None:
    """Mark a payment whose outcome nobody knows. A final status stays."""
    if payment_transition(payment.status, PaymentStatus.UNKNOWN) is Transition.FORWARD:
        await change_payment(
            work, order, payment, {"status": PaymentStatus.UNKNOWN}, type="payment.unknown", cause=cause
        )


async def mark_payment_missing(work: UnitOfWork, order: Order, payment: Payment, cause: Cause) -> None:
    """Cancel a payment whose intent Stripe no longer knows, with an alarm: the order may be paid by another payment.

    A final status stays: losing the record at Stripe does not undo a charge or a cancellation.
    """
    log.error("payment.missing_at_provider", payment=str(payment.id), intent=payment.stripe_payment_intent_id)
    if not payment.is_final:
        none_left = {"capturable_minor": 0, "capture_before": None, "next_action": None, "next_amount_minor": None}
        changes = {"status": PaymentStatus.CANCELED, "canceled_at": cause.occurred_at, **none_left}
        await change_payment(work, order, payment, changes, type="payment.missing_at_provider", cause=cause)


async def abandon_payment(work: UnitOfWork, order: Order, payment: Payment, error: DomainError, cause: Cause) -> None:
    """Cancel a payment that Stripe refused to create: it never existed, so the order may be paid by another."""
    if payment.stripe_payment_intent_id is None and not payment.is_final:
        failure = build_failure(payment, error, cause)
        last_error = error.to_record() | {"request_id": failure.request_id}
        changes = {"status": PaymentStatus.CANCELED, "canceled_at": cause.occurred_at, "last_error": last_error}
        await change_payment(work, order, payment, changes, type="payment.refused", cause=cause, failure=failure)


async def cancel_unsent_payment(
    work: UnitOfWork, order: Order, payment: Payment, reason: CancelReason | None, cause: Cause
) -> None:
    """Cancel a payment that was never sent to Stripe: the order may be paid by another."""
    assert payment.stripe_payment_intent_id is None, "Stripe knows of it"
    kept = CancellationReason(reason.value) if reason is not None else None
    changes = {"status": PaymentStatus.CANCELED, "canceled_at": cause.occurred_at, "cancel_reason": kept}
    await change_payment(work, order, payment, changes, type="payment.canceled", cause=cause)


async def keep_failed_attempt(
    work: UnitOfWork, order: Order, payment: Payment, seen: ProviderPayment, cause: Cause
) -> None:
    """Record once a failed attempt that is reported after the payment has moved on. The status stays.

    The caller holds the order's and the payment's locks.
    """
    failure = await find_reported_failure(payment, seen, cause)
    if failure is not None:
        await _keep(work, order, payment, failure, cause)


async def keep_refused_attempt(
    work: UnitOfWork, order: Order, payment: Payment, error: DomainError, cause: Cause
) -> None:
    """Record an attempt that Stripe refused without a decline: the payment stays. The caller holds the locks."""
    await _keep(work, order, payment, build_failure(payment, error, cause), cause)


async def _keep(work: UnitOfWork, order: Order, payment: Payment, failure: PaymentFailure, cause: Cause) -> None:
    """Write a failed attempt with its event. The payment itself does not change, so its version does not grow."""
    known = payment.facts()
    payment.failed_at = _latest(payment.failed_at, failure.failed_at)
    change = Change(
        type="payment.attempt_failed",
        before=known,
        after={**known, **facts(failure)},
        amount=payment.amount,
        payment_id=payment.id,
    )
    await record(work, order, change, cause, Insert(failure), Update(payment, ("failed_at",)))


async def set_disputed(work: UnitOfWork, order: Order, payment: Payment, disputed_minor: int, cause: Cause) -> None:
    """Write the disputed amount of a payment, if it changed. The caller holds the locks."""
    if payment.disputed_minor != disputed_minor:
        kind = "payment.disputed" if disputed_minor > payment.disputed_minor else "payment.dispute_released"
        await change_payment(work, order, payment, {"disputed_minor": disputed_minor}, type=kind, cause=cause)


def _differences(payment: Payment, seen: ProviderPayment, cause: Cause) -> dict[str, Any]:
    """Return the fields of the row that this snapshot would change. A status not known to us ends nothing."""
    status = payment.status if seen.status is PaymentStatus.UNKNOWN and payment.is_final else seen.status
    is_canceled = status is PaymentStatus.CANCELED
    is_updated = (seen.amount_minor, seen.currency) == (payment.next_amount_minor, payment.currency)
    is_update_over = is_updated or status in PAYMENT_FINAL  # nothing can be updated after the end
    merged = {
        "status": status,
        "stripe_payment_intent_id": seen.id,
        "amount_minor": seen.amount_minor if is_updated else payment.amount_minor,
        "next_amount_minor": None if is_update_over else payment.next_amount_minor,
        "provider_currency": seen.currency if seen.currency != payment.currency else None,
        "provider_amount_minor": seen.amount_minor if is_not_as_asked(payment, seen) else None,
        "capturable_minor": seen.capturable_minor,
        "captured_minor": seen.captured_minor,
        "captured_at": _captured_at(payment, seen, cause),
        "canceled_at": (seen.canceled_at or payment.canceled_at or cause.occurred_at) if is_canceled else None,
        "cancel_reason": (seen.cancel_reason or payment.cancel_reason) if is_canceled else None,
        "statement_descriptor": seen.statement_descriptor or payment.statement_descriptor,
        "stripe_charge_id": seen.charge_id or payment.stripe_charge_id,
        "method": seen.method or payment.method,
        # A charge that was not expanded lacks it: the moment that is known stays while money is held.
        "capture_before": (seen.capture_before or payment.capture_before)
        if seen.status is PaymentStatus.REQUIRES_CAPTURE
        else None,
        "next_action": storable_action(seen.next_action) if seen.next_action else None,
        "last_error": payment.last_error
        if is_same(payment.last_error, seen.last_error)
        else seen.last_error and seen.last_error.to_record(),
    }
    changes = {name: value for name, value in merged.items() if getattr(payment, name) != value}
    if changes and seen.receipt_url is not None:  # Stripe makes another address for each answer: by itself no change
        changes["receipt_url"] = seen.receipt_url
    return changes


def _captured_at(payment: Payment, seen: ProviderPayment, cause: Cause) -> datetime | None:
    """Return the moment at which money was last taken: Stripe's, where it tells; once known, it stays.

    Stripe tells when a charge was booked. For another capture of it, and where it tells nothing, the moment of what
    brought the news stands in.
    """
    if seen.captured_minor == 0:
        return None
    if seen.captured_minor <= payment.captured_minor:
        return payment.captured_at or seen.captured_at
    is_first = payment.captured_minor == 0
    return (seen.captured_at if is_first else None) or cause.occurred_at


def _latest(known: datetime | None, other: datetime) -> datetime:
    return other if known is None else max(known, other)


def _event_type(payment: Payment, seen: ProviderPayment, changes: Mapping[str, Any]) -> str:
    if seen.status is PaymentStatus.REQUIRES_PAYMENT_METHOD and changes.get("last_error"):
        return "payment.declined"
    if "status" not in changes:
        if "amount_minor" in changes:
            return "payment.repriced"
        return "payment.partially_funded" if _has_come_in_part(payment, seen) else "payment.updated"
    return f"payment.{seen.status.value.lower()}"


def _has_come_in_part(payment: Payment, seen: ProviderPayment) -> bool:
    """Return True if more of a bank transfer has arrived than is known, and not all."""
    before, remaining = payment.remaining_minor, seen.next_action.remaining_minor if seen.next_action else None
    return before is not None and remaining is not None and remaining < before


async def sum_refunds(
    payment: Payment, changed: Refund | None = None, *, currency: str | None = None
) -> dict[str, Any]:
    """Sum up the refunded and the reserved amounts from the refunds themselves, with `changed` in place of its row.

    A refund in another currency than the payment's money is left out and logged; Stripe makes none.
    """
    found = await Refund.filter(payment_id=payment.id).only("id", "status", "amount_minor", "currency")
    current = [refund for refund in found if changed is None or refund.id != changed.id]
    current += [changed] if changed is not None else []
    refunds = [refund for refund in current if refund.currency == (currency or payment.held_currency)]
    if len(refunds) < len(current):
        log.error("refund.in_another_currency", payment=str(payment.id))
    return {
        "refunded_minor": sum(r.amount_minor for r in refunds if r.status is RefundStatus.SUCCEEDED),
        "refund_pending_minor": sum(r.amount_minor for r in refunds if r.status in REFUND_RESERVES),
    }
