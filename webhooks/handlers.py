"""What each of Stripe's events asks us to do: which payment to look at. The event itself is only a reason to look."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog

from domain.caller import Actor
from domain.states import ActorKind, WebhookState
from models import Payment, WebhookEvent
from models.atomic import atomic
from provider import Provider, ProviderFailure, ProviderPayment
from provider.translate import payment_from
from services import inbox
from services.audit import Cause
from services.refresh import refresh_payment
from services.state import NotYet

log = structlog.get_logger()

STRIPE = Actor(kind=ActorKind.STRIPE_WEBHOOK, id=None, label="Stripe")

HANDLED = frozenset(
    {
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.processing",
        "payment_intent.amount_capturable_updated",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "charge.refunded",
        "charge.updated",
        "charge.expired",
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
    }
)


async def handle(event: WebhookEvent, *, provider: Provider) -> WebhookState:
    """Apply one leased event: exactly once, or put it back. Returns the state in which the event was left."""
    thing = event.payload["data"]["object"]
    intent_id = event.subject if event.subject.startswith("pi_") else None
    payment, is_ours = await _find(thing, intent_id, event.livemode)
    if payment is None:
        return await _park(event, is_ours)
    cause = Cause(
        actor=STRIPE,
        stripe_event_id=event.stripe_event_id,
        occurred_at=event.stripe_created_at,
    )
    try:
        await refresh_payment(
            payment.id,
            provider=provider,
            cause=cause,
            intent_id=intent_id,
            earlier=_earlier(event),
            within=_settled(event),
        )
    except NotYet:
        return await inbox.retry(event, "a reservation of ours stands against it")
    except ProviderFailure as failure:
        return await inbox.retry(event, str(failure))
    except inbox.Fenced:
        return WebhookState.PROCESSING
    log.info(
        "webhook.applied",
        stripe_event=event.stripe_event_id,
        type=event.type,
        payment=str(payment.id),
        lag_ms=int((datetime.now(UTC) - event.received_at).total_seconds() * 1000),
    )
    return WebhookState.PROCESSED


def _settled(event: WebhookEvent) -> Callable[[], Awaitable[None]]:
    async def within() -> None:
        await inbox.settle(event, WebhookState.PROCESSED)

    return within


async def _park(event: WebhookEvent, is_ours: bool) -> WebhookState:
    """An event without a row: it may have overtaken it, if it carries our ids; otherwise it is not ours."""
    if is_ours:
        return await inbox.retry(event, "no payment with these ids yet", parked=True)

    async def body() -> None:
        await inbox.settle(event, WebhookState.IGNORED, "not made by this application")

    try:
        await atomic(body)
    except inbox.Fenced:
        return WebhookState.PROCESSING
    return WebhookState.IGNORED


async def _find(thing: dict[str, object], intent_id: str | None, livemode: bool) -> tuple[Payment | None, bool]:
    """The payment that an object belongs to, by Stripe's id or by ours in its metadata; and whether it is ours."""
    if intent_id is not None:
        known = await Payment.get_or_none(stripe_payment_intent_id=intent_id, livemode=livemode)
        if known is not None:
            return known, True
    metadata = thing.get("metadata")
    ours = metadata.get("payment_id") if isinstance(metadata, dict) else None
    try:
        payment_id = UUID(str(ours))
    except ValueError:
        return None, False
    return await Payment.get_or_none(id=payment_id, livemode=livemode, stripe_payment_intent_id=None), True


def _earlier(event: WebhookEvent) -> ProviderPayment | None:
    """The snapshot in a failed attempt's event, for the trail. We fetch anyway, so an unreadable one is no error."""
    if event.type != "payment_intent.payment_failed":
        return None
    try:
        return payment_from(event.payload["data"]["object"])
    except (KeyError, TypeError, ValueError, AttributeError):
        log.warning("webhook.snapshot_unreadable", stripe_event=event.stripe_event_id)
        return None
