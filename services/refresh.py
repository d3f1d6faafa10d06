"""Ask Stripe how a payment stands now, and merge the answer. Webhooks, sync and the janitor all look this way."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from domain.errors import ErrorCode, ProviderProblem
from domain.states import ProviderEffect
from models import Payment
from models.atomic import atomic
from models.sql import fetch
from provider import Provider, ProviderFailure, ProviderPayment, ProviderRefund
from provider.facts import ProviderDispute
from provider.failures import DEFINITE
from services import rows
from services.audit import Cause
from services.missing import knows_another_payment
from services.state import (
    Outrun,
    apply_provider_refund,
    apply_provider_state,
    keep_failed_attempt,
    mark_payment_missing,
    set_disputed,
)

REFETCHES = 5
SYNCED = "UPDATE payment SET last_synced_at = $2 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Picture:
    """What Stripe has of one payment, asked when our row had `since_version`."""

    since_version: int
    payment: ProviderPayment
    refunds: tuple[ProviderRefund, ...]
    disputes: tuple[ProviderDispute, ...] | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A payment as it once stood, and what told us so."""

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
    snapshots that are only kept if they tell of failed attempts. `within` runs in the same transaction as the change.
    Raises ProviderFailure, and `NotYet` when a fact cannot be written beside a reservation of ours.
    """
    for _ in range(REFETCHES):
        row = known or await rows.read_payment(payment_id)
        intent = row.stripe_payment_intent_id or intent_id
        if intent is None:
            return row
        picture = await _ask(intent, row, provider)
        try:
            return await atomic(lambda p=picture: _merge(payment_id, p, cause, earlier, within))  # type: ignore[misc]
        except Outrun:
            known = None
    raise ProviderProblem(
        ErrorCode.PROVIDER_UNAVAILABLE,
        "The payment is changing too fast to be read. Ask again.",
        effect=ProviderEffect.NONE,
        retry_after_ms=1000,
        retryable=True,
    )


async def _ask(intent: str, row: Payment, provider: Provider) -> Picture:
    payment = await provider.retrieve_payment(intent)
    refunds = await provider.list_refunds(intent) if payment.captured_minor else []
    disputes = None
    if payment.disputed or row.disputed_minor:
        disputes = tuple(await provider.list_disputes(intent))
    return Picture(row.version, payment, tuple(refunds), disputes)


async def _merge(
    payment_id: UUID,
    picture: Picture,
    cause: Cause,
    earlier: Sequence[Earlier],
    within: Callable[[], Awaitable[None]] | None,
) -> Payment:
    order, payment = await rows.lock_payment(payment_id)
    if payment.version != picture.since_version and not payment.is_final:
        raise Outrun
    since, synced_before = picture.since_version, payment.last_synced_at
    await apply_provider_state(order, payment, picture.payment, since_version=since, fetched=True, cause=cause)
    for seen in reversed(picture.refunds):  # Stripe lists the newest first; the trail reads better the other way
        await apply_provider_refund(order, payment, seen, cause=cause)
    if picture.disputes is not None:
        disputed = sum(dispute.amount_minor for dispute in picture.disputes if dispute.is_open_or_lost)
        await set_disputed(order, payment, disputed, cause)
    for told in earlier:
        await keep_failed_attempt(order, payment, told.seen, told.cause)
    if payment.last_synced_at == synced_before:  # no change has written it
        payment.last_synced_at = datetime.now(UTC)
        await fetch(SYNCED, payment.id, payment.last_synced_at)
    if within is not None:
        await within()
    return payment


async def close_if_gone(payment: Payment, *, provider: Provider, cause: Cause) -> Payment | None:
    """Close a payment that Stripe says it does not know, if Stripe knows another one of ours; None if it does not.

    The payment as it is then. Raises ProviderFailure when Stripe cannot be asked.
    """
    if not await knows_another_payment(payment, provider):
        return None

    async def body() -> Payment:
        order, row = await rows.lock_payment(payment.id)
        if row.stripe_payment_intent_id == payment.stripe_payment_intent_id:
            await mark_payment_missing(order, row, cause)
        return row

    return await atomic(body)


def unavailable(failure: ProviderFailure) -> ProviderProblem:
    """A failed look, as a caller is told it: nothing was changed."""
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
