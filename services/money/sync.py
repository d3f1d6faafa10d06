"""Refresh a payment: ask Stripe for its state, and merge the answer. Webhooks, `syncPayment` and readers use it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import structlog

from database.statements import fetch
from database.unit_of_work import UnitOfWork, transact
from domain.errors import ErrorCode, ProviderProblem
from domain.states import ProviderEffect
from models import Order, Payment, Revision
from provider import Provider, ProviderFailure, ProviderPayment, ProviderRefund
from provider.failures import DEFINITE
from provider.objects import ProviderDispute
from services.audit.trail import Cause
from services.money.operations.ends import end_operations
from services.money.state import locking
from services.money.state.missing_payment import knows_another_payment
from services.money.state.payment_state import (
    apply_provider_state,
    keep_failed_attempt,
    mark_payment_missing,
    set_disputed,
)
from services.money.state.refund_state import apply_provider_refund
from services.money.state.stale import StaleSnapshot, refresh_until_merged, synced_after
from services.reconciliation.findings import contested_in

log = structlog.get_logger(__name__)

SYNCED = "UPDATE payment SET last_synced_at = $2, receipt_url = $3 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class ProviderSnapshot:
    """Stripe's objects of one payment, fetched when our row had the revision `since`."""

    since: Revision
    payment: ProviderPayment
    refunds: tuple[ProviderRefund, ...]
    disputes: tuple[ProviderDispute, ...] | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An older snapshot of a payment, and its source."""

    seen: ProviderPayment
    cause: Cause


async def refresh_payment(
    payment_id: UUID,
    *,
    provider: Provider,
    cause: Cause,
    intent_id: str | None = None,
    known: Payment | None = None,
    earlier: Sequence[Earlier] = (),
    within: Callable[[], Awaitable[None]] | None = None,
) -> Payment:
    """Bring a payment, its refunds and its disputed amount to what Stripe has now.

    `intent_id` is for a payment that has none yet. `known` is the row as it was read just now. `earlier` are older
    snapshots, from which only failed attempts are recorded. `within` runs in the same transaction as the change. Raises
    ProviderFailure.

    Two refreshes may run at once, and the slower one may have asked Stripe first. A write since then, even of a refresh
    that found nothing new, is not undone: if the slower one would change anything, it asks again.
    """

    async def refresh() -> Payment:
        nonlocal known
        row, known = known or await locking.read_payment(payment_id), None
        intent = row.stripe_payment_intent_id or intent_id
        if intent is None:
            return row
        snapshot = await _fetch_snapshot(intent, row, provider)
        return await transact(partial(_merge, payment_id, snapshot, cause, earlier, within))

    return await refresh_until_merged(refresh, subject="payment")


async def _fetch_snapshot(intent: str, row: Payment, provider: Provider) -> ProviderSnapshot:
    payment = await provider.retrieve_payment(intent)
    has_refunds = payment.captured_minor > 0 or row.refunded_minor > 0 or row.refund_pending_minor > 0
    refunds = await provider.list_refunds(intent) if has_refunds else []
    disputes = None
    if payment.disputed or row.disputed_minor:
        disputes = tuple(await provider.list_disputes(intent))
    return ProviderSnapshot(row.revision, payment, tuple(refunds), disputes)


async def _merge(
    payment_id: UUID,
    snapshot: ProviderSnapshot,
    cause: Cause,
    earlier: Sequence[Earlier],
    within: Callable[[], Awaitable[None]] | None,
    work: UnitOfWork,
) -> Payment:
    order, payment = await locking.lock_payment(payment_id)
    is_latest = payment.revision == snapshot.since

    def since() -> Revision | None:
        """Return the payment's current revision, with our own changes, while the snapshot is the latest; else None."""
        return payment.revision if is_latest else None

    await apply_provider_state(work, order, payment, snapshot.payment, since=since(), fetched=True, cause=cause)
    for seen in reversed(snapshot.refunds):  # Stripe lists the newest first; the trail reads better oldest first
        await apply_provider_refund(work, order, payment, seen, since=since(), fetched=True, cause=cause)
    if snapshot.disputes is not None:
        await _apply_disputes(work, order, payment, snapshot.disputes, since=since(), cause=cause)
    for one in earlier:
        await keep_failed_attempt(work, order, payment, one.seen, one.cause)
    if payment.version != snapshot.since[0]:
        await end_operations(work, order, payment, cause)
    if payment.last_synced_at == snapshot.since[1]:  # no change has written it
        payment.last_synced_at = synced_after(payment.last_synced_at)
        payment.receipt_url = snapshot.payment.receipt_url or payment.receipt_url
        await fetch(SYNCED, payment.id, payment.last_synced_at, payment.receipt_url)
    if within is not None:
        await within()
    return payment


async def _apply_disputes(
    work: UnitOfWork,
    order: Order,
    payment: Payment,
    disputes: Sequence[ProviderDispute],
    *,
    since: Revision | None,
    cause: Cause,
) -> None:
    """Write the sum of all disputes of a payment. A dispute in another currency is logged and left out."""
    if any(dispute.is_open_or_lost and dispute.currency != payment.held_currency for dispute in disputes):
        log.error("dispute.in_another_currency", payment=str(payment.id))
    disputed_minor = contested_in(payment.held_currency, disputes)
    if payment.disputed_minor != disputed_minor and payment.revision != since:
        raise StaleSnapshot
    await set_disputed(work, order, payment, disputed_minor, cause)


async def close_if_gone(payment: Payment, *, provider: Provider, cause: Cause) -> Payment | None:
    """Cancel a payment that Stripe does not know, if Stripe knows another one of ours; None if it does not.

    Returns the payment as it is then. Raises ProviderFailure when Stripe cannot be asked.
    """
    if not await knows_another_payment(payment, provider):
        return None

    async def close(work: UnitOfWork) -> Payment:
        order, row = await locking.lock_payment(payment.id)
        if row.stripe_payment_intent_id == payment.stripe_payment_intent_id:
            await mark_payment_missing(work, order, row, cause)
        return row

    return await transact(close)


def unavailable(failure: ProviderFailure) -> ProviderProblem:
    """Make the caller's error of a failed lookup: nothing was changed."""
    if failure.outcome in DEFINITE:
        does_not_know = "Stripe does not know this payment. Nothing was changed."
        return ProviderProblem(
            ErrorCode.PROVIDER_REJECTED,
            does_not_know if failure.is_missing_payment else "Stripe refused to be asked this. Nothing was changed.",
            effect=ProviderEffect.NONE,
            stripe_request_id=failure.request_id,
            stripe_code=failure.code,
            stripe_param=failure.param,
        )
    return ProviderProblem(
        ErrorCode.PROVIDER_UNAVAILABLE,
        "Stripe cannot be asked at the moment. Nothing was changed; ask again.",
        effect=ProviderEffect.NONE,
        retry_after_ms=1000,
        stripe_request_id=failure.request_id,
        retryable=True,
    )
