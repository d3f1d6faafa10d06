"""Application of Stripe's events: each is only a reason to refresh its payment, its customer or its setup."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog

from database.leases import LeaseLost
from database.transactions import run_in_transaction
from domain.caller import Actor
from domain.errors import ProviderProblem
from domain.states import ActorKind, WebhookState
from models import WebhookEvent
from provider import Outcome, Provider, ProviderFailure, ProviderPayment
from provider.events import object_of
from provider.mapping import payment_if_readable
from provider.thin_events import related_to
from services.audit.trail import Cause
from services.inbox import inbox
from services.inbox.topics import FUNDS_MOVED
from services.money.customer_sync import refresh_customer
from services.money.setup_sync import refresh_setup
from services.money.sync import Earlier, refresh_payment
from webhooks.customer_subjects import CUSTOMER_EVENTS, find_customer
from webhooks.setup_subjects import SETUP_EVENTS, find_setup
from webhooks.subjects import find_subject

log = structlog.get_logger(__name__)

STRIPE = Actor(kind=ActorKind.STRIPE_WEBHOOK, id=None, label="Stripe")

FAILED = "payment_intent.payment_failed"
FAILURES = frozenset({FAILED, "setup_intent.setup_failed"})
LONGEST_ID = 255

# Stripe lists events of at most 20 types at a time.
PAYMENT_EVENTS = frozenset(
    {
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.partially_funded",
        "payment_intent.processing",
        "payment_intent.amount_capturable_updated",
        FAILED,
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
HANDLED = PAYMENT_EVENTS | CUSTOMER_EVENTS | SETUP_EVENTS


async def handle(events: Sequence[WebhookEvent], *, provider: Provider) -> None:
    """Apply the leased events of one payment, customer or setup by one refresh: each exactly once, or put back."""
    newest = events[-1]
    refresh = _refresh_payment
    if newest.type in CUSTOMER_EVENTS:
        refresh = _refresh_customer
    elif newest.type in SETUP_EVENTS:
        refresh = _refresh_setup
    try:
        refreshed = await refresh(events, provider)
    except ProviderFailure as failure:
        await _put_back_unasked(events, failure)
    except ProviderProblem as problem:
        await _put_back(events, problem.message)
    except LeaseLost:
        log.warning("webhook.fenced", stripe_events=[event.stripe_event_id for event in events])
    else:
        if refreshed is None:
            return
        log.info(
            "webhook.applied",
            stripe_events=[event.stripe_event_id for event in events],
            type=newest.type,
            lag_ms=int((datetime.now(UTC) - min(event.received_at for event in events)).total_seconds() * 1000),
            **refreshed,
        )


async def _refresh_payment(events: Sequence[WebhookEvent], provider: Provider) -> dict[str, str] | None:
    """Refresh the payment of these events, and return it for the log; None if there is none, and they were put back."""
    newest, subject = events[-1], await find_subject(events, provider)
    payment = subject.payment
    if payment is None:
        await _park(events, subject.is_ours)
        return None
    await refresh_payment(
        payment.id,
        provider=provider,
        cause=_cause(newest),
        intent_id=subject.intent_id,
        known=payment,
        earlier=[Earlier(seen, _cause(event)) for event in events if (seen := _snapshot(event)) is not None],
        within=_record(events),
    )
    return {"payment": str(payment.id)}


async def _refresh_customer(events: Sequence[WebhookEvent], provider: Provider) -> dict[str, str] | None:
    """Refresh the customer of these events, and return them for the log; None if they are nobody of ours."""
    newest = events[-1]
    customer = await find_customer(newest, provider)
    if customer is None:
        await _park(events, is_ours=False)
        return None
    have_moved = any(event.type == FUNDS_MOVED for event in events)
    cause, within = _cause(newest), _record(events)
    await refresh_customer(customer.id, provider=provider, cause=cause, within=within, with_funds=have_moved)
    return {"customer": str(customer.id)}


async def _refresh_setup(events: Sequence[WebhookEvent], provider: Provider) -> dict[str, str] | None:
    """Refresh the setup of these events, and return it for the log; None if there is none, and they were put back."""
    newest, subject = events[-1], await find_setup(events, provider)
    setup = subject.setup
    if setup is None:
        await _park(events, subject.is_ours)
        return None
    within = _record(events)
    await refresh_setup(setup.id, provider=provider, cause=_cause(newest), intent_id=newest.subject, within=within)
    return {"setup": str(setup.id)}


def _cause(event: WebhookEvent) -> Cause:
    return Cause(
        actor=STRIPE,
        stripe_event_id=event.stripe_event_id,
        request_id=_payers_request(event),
        occurred_at=event.stripe_created_at,
    )


def _payers_request(event: WebhookEvent) -> str | None:
    """Return Stripe's id of the request with which the payer's attempt failed."""
    request = event.payload.get("request")
    identity = request.get("id") if isinstance(request, dict) and event.type in FAILURES else None
    return identity if isinstance(identity, str) and len(identity) <= LONGEST_ID else None


def _record(events: Sequence[WebhookEvent]) -> Callable[[], Awaitable[None]]:
    async def finish() -> None:
        await inbox.finish_events(events, WebhookState.PROCESSED)

    return finish


async def _put_back_unasked(events: Sequence[WebhookEvent], failure: ProviderFailure) -> None:
    """Put events back after a failed refresh; it counts as a try only if Stripe gave an answer that cannot be used."""
    if failure.outcome is Outcome.MISCONFIGURED:
        log.error("stripe.misconfigured", status=failure.http_status, request=failure.request_id)
    if not failure.is_undecided:
        await _put_back(events, str(failure))
        return
    for event in events:
        await inbox.wait_for_stripe(event, failure)


async def _put_back(events: Sequence[WebhookEvent], reason: str, *, parked: bool = False) -> None:
    for event in events:
        await inbox.retry(event, reason, parked=parked)


async def _park(events: Sequence[WebhookEvent], is_ours: bool) -> None:
    """Put back events without a row if they carry our ids, for they may be early; otherwise ignore them."""
    if is_ours:
        await _put_back(events, "nothing with these ids yet", parked=True)
        return

    async def ignore() -> None:
        await inbox.finish_events(events, WebhookState.IGNORED, "not made by this application")

    try:
        await run_in_transaction(ignore)
    except LeaseLost:
        log.warning("webhook.fenced", stripe_events=[event.stripe_event_id for event in events])


def _snapshot(event: WebhookEvent) -> ProviderPayment | None:
    """Return the snapshot in a failed attempt's event, for the trail; an unreadable one is only logged."""
    if event.type != FAILED:
        return None
    seen = payment_if_readable(object_of(event.payload))
    if seen is None and related_to(event.payload) is None:
        log.warning("webhook.snapshot_unreadable", stripe_event=event.stripe_event_id)
    return seen
