"""Resolution of a discrepancy: repaired by the state writer and the inbox, accepted by a person, or left open."""

from datetime import UTC, datetime
from uuid import UUID

import structlog

from database.transactions import DatabaseUnavailable, run_in_transaction
from domain.caller import Actor
from domain.errors import ErrorCode, ProviderProblem, Refused
from domain.states import ActorKind, DiscrepancyKind, DiscrepancyState, EventSource, WebhookState
from models import Discrepancy, Operation, Payment, ReconciliationRun, Refund, WebhookEvent
from provider import Provider, ProviderFailure, Unreadable
from services.audit.trail import Cause
from services.inbox import inbox
from services.money.setup_sync import refresh_setup
from services.money.sync import refresh_payment
from services.reconciliation.comparisons import (
    compare_balance_transactions,
    compare_disputed_payments,
    compare_funds,
    compare_payments,
    compare_refunds,
    compare_setups,
    compare_unlisted_payments,
    compare_unlisted_refunds,
    find_balance_transaction,
    find_dispute,
    find_payment,
    find_refund,
    find_setup,
)
from services.reconciliation.findings import OVERDUE, Finding, operation_finding, unreadable
from services.reconciliation.ledger import (
    OF_A_CUSTOMER,
    compare_customer_chains,
    compare_orders,
    find_expiring_authorizations,
)

log = structlog.get_logger(__name__)
Kind = DiscrepancyKind

REFRESHED = frozenset(
    {Kind.STATUS_DRIFT, Kind.AMOUNT_DRIFT, Kind.CURRENCY_DRIFT, Kind.REFUND_DRIFT, Kind.DISPUTE_DRIFT}
)
REPAIRED_BY_RUN = "Repaired by the reconciler; the two sides agree."
REPAIRED_WITH_ANOTHER = "Repaired by the reconciler together with another finding of the same payment."
AGREED_BY_ITSELF = "Agreed by itself: a second look found no difference, and nothing was repaired."
RECONCILER = "reconciler"


async def resolve_by_run(discrepancy: Discrepancy, *, provider: Provider, run: ReconciliationRun) -> bool:
    """Close a discrepancy that no longer differs, after a repair if the run may repair; True if the run repaired it.

    A discrepancy that cannot be compared now stays open. Raises DatabaseUnavailable.
    """
    try:
        if not await is_still_different(discrepancy, provider=provider):
            repaired = await _is_repaired(discrepancy, run)
            await _close_by_run(discrepancy, REPAIRED_WITH_ANOTHER if repaired else AGREED_BY_ITSELF)
            return repaired
        if not run.repair or not await _repair(discrepancy, provider=provider):
            return False
        if await is_still_different(discrepancy, provider=provider):
            return False
    except (ProviderFailure, ProviderProblem) as failure:
        log.warning("reconcile.not_settled", discrepancy=str(discrepancy.id), reason=str(failure))
        return False
    except DatabaseUnavailable:
        raise
    except Exception:  # a bug in one discrepancy must not keep the others from being repaired: it stays open
        log.exception("reconcile.settling_failed", discrepancy=str(discrepancy.id))
        return False
    await _close_by_run(discrepancy, REPAIRED_BY_RUN)
    return True


async def resolve(discrepancy: Discrepancy, *, resolution: str, repair: bool, by: Actor, provider: Provider) -> None:
    """Close a discrepancy by hand: repaired when that makes the two sides agree, else accepted as it is.

    Raises Refused(INVALID_STATE) when it is closed already or when the repair did not help; then it stays open. Raises
    Refused(PROVIDER_UNAVAILABLE) when Stripe cannot be asked.
    """
    if discrepancy.state is not DiscrepancyState.OPEN:
        raise Refused(ErrorCode.INVALID_STATE, "This discrepancy is closed already.", ("id",))
    state = DiscrepancyState.ACCEPTED
    if repair:
        try:
            await _repair(discrepancy, provider=provider)
            differs = await is_still_different(discrepancy, provider=provider)
        except ProviderFailure:
            raise Refused(ErrorCode.PROVIDER_UNAVAILABLE, "Stripe cannot be asked at the moment.") from None
        if differs:
            message = (
                "No repair makes the two sides agree. It stays open; see the runbook, then accept it with a reason."
            )
            raise Refused(ErrorCode.INVALID_STATE, message, ("repair",))
        state = DiscrepancyState.REPAIRED
    if not await _close(discrepancy, state, resolution, by):
        raise Refused(ErrorCode.INVALID_STATE, "This discrepancy is closed already.", ("id",))
    log.info("reconcile.resolved", discrepancy=str(discrepancy.id), state=state.value)


async def is_still_different(discrepancy: Discrepancy, *, provider: Provider) -> bool:
    """Return True if a new comparison finds the difference again, or is undecided. Raises ProviderFailure."""
    findings = await _compare_again(discrepancy, provider=provider)
    return any(
        found.is_unreadable or (found.kind is discrepancy.kind and found.subject == discrepancy.subject)
        for found in findings
    )


async def _compare_again(discrepancy: Discrepancy, *, provider: Provider) -> list[Finding]:
    subject, livemode = discrepancy.subject, discrepancy.livemode
    row_id = _row_id(subject)
    match discrepancy.kind:
        case Kind.UNRESOLVED_OPERATION:
            operation = await Operation.get(id=row_id)
            found = operation_finding(operation, now=datetime.now(UTC))
            return [found] if found is not None else []
        case Kind.BROKEN_CHAIN if subject.startswith(OF_A_CUSTOMER):
            return await compare_customer_chains([UUID(subject.removeprefix(OF_A_CUSTOMER))])
        case Kind.LEDGER_IMBALANCE | Kind.DUPLICATE_CHARGE | Kind.BROKEN_CHAIN:
            return await compare_orders([UUID(subject)], chains=[UUID(subject)])
        case Kind.WEBHOOK_GAP:
            return [Finding(Kind.WEBHOOK_GAP, subject)] if await _is_gap(subject, livemode) else []
        case Kind.EXPIRING_AUTHORIZATION:
            held = await Payment.filter(id=discrepancy.payment_id)
            return await find_expiring_authorizations(held, provider=provider, now=datetime.now(UTC))
        case Kind.UNAPPLIED_FUNDS:
            return await compare_funds([subject.partition(" ")[0]], provider=provider)
        case Kind.BALANCE_DRIFT:
            transaction = await find_balance_transaction(subject, provider=provider)
            return await compare_balance_transactions(
                [transaction] if transaction is not None else [], provider=provider, livemode=livemode
            )
        case Kind.DISPUTE_DRIFT if discrepancy.payment_id is None:
            dispute = await find_dispute(subject, provider=provider)
            return [unreadable(discrepancy.kind, dispute)] if isinstance(dispute, Unreadable) else []
        case Kind.DISPUTE_DRIFT:
            return await compare_disputed_payments(await Payment.filter(id=discrepancy.payment_id), provider=provider)
        case Kind.SETUP_DRIFT:
            setup = await find_setup(subject, provider=provider)
            return await compare_setups([setup], livemode=livemode) if setup is not None else []
        case Kind.REFUND_DRIFT:
            refund = await find_refund(subject, provider=provider) if row_id is None else None
            if refund is not None:
                return await compare_refunds([refund], livemode=livemode)
            refunds = Refund.filter(id=row_id) if row_id else Refund.filter(stripe_refund_id=subject, livemode=livemode)
            return await compare_unlisted_refunds(await refunds, provider=provider)
        case _:
            payment = await find_payment(subject, provider=provider) if row_id is None else None
            if payment is not None:
                return await compare_payments([payment], livemode=livemode)
            paid = Payment.filter(stripe_payment_intent_id=subject, livemode=livemode)
            return await compare_unlisted_payments(
                await (Payment.filter(id=row_id) if row_id else paid), provider=provider
            )


async def _is_repaired(discrepancy: Discrepancy, run: ReconciliationRun) -> bool:
    """Return True if the run repaired another finding of the payment, which brought all of the payment up to date."""
    if discrepancy.kind not in REFRESHED or discrepancy.payment_id is None:
        return False
    others = Discrepancy.filter(payment_id=discrepancy.payment_id, resolution=REPAIRED_BY_RUN)
    return await others.filter(resolved_at__gte=run.started_at).exists()


async def _is_gap(event_id: str, livemode: bool) -> bool:
    row = await WebhookEvent.get_or_none(stripe_event_id=event_id, livemode=livemode)
    if row is None or row.state is WebhookState.DEAD:
        return True
    return row.due is not None and datetime.now(UTC) - row.due > OVERDUE


async def _repair(discrepancy: Discrepancy, *, provider: Provider) -> bool:
    """Refresh the payment or the setup, or give the inbox its event. False if no repair is known to be safe."""
    try:
        if discrepancy.kind in REFRESHED and discrepancy.payment_id is not None:
            intent = discrepancy.subject if discrepancy.kind is not Kind.REFUND_DRIFT else None
            cause = Cause(actor=_actor(discrepancy))
            await refresh_payment(discrepancy.payment_id, provider=provider, cause=cause, intent_id=intent)
            return True
        if discrepancy.kind is Kind.SETUP_DRIFT and (known := discrepancy.local.get("setup_intent_id")) is not None:
            cause = Cause(actor=_actor(discrepancy))
            await refresh_setup(UUID(known), provider=provider, cause=cause, intent_id=discrepancy.subject)
            return True
        if discrepancy.kind is Kind.WEBHOOK_GAP:
            return await _receive_again(discrepancy, provider=provider)
    except ProviderProblem as refusal:
        log.warning("reconcile.repair_refused", discrepancy=str(discrepancy.id), reason=type(refusal).__name__)
    return False


async def _receive_again(discrepancy: Discrepancy, *, provider: Provider) -> bool:
    row = await WebhookEvent.get_or_none(stripe_event_id=discrepancy.subject, livemode=discrepancy.livemode)
    if row is None:
        event = await provider.retrieve_event(discrepancy.subject)
        handled = inbox.Endpoint(livemode=provider.livemode, account=provider.account, types=frozenset({event.type}))
        return await inbox.receive(
            event, handled, EventSource.SWEEP
        )  # only events of a type that is handled are ever found missing
    if row.state is not WebhookState.DEAD:
        return False  # it waits in the queue: a worker is missing, not the event
    return await inbox.replay(discrepancy.subject) > 0


async def _close_by_run(discrepancy: Discrepancy, resolution: str) -> None:
    await _close(discrepancy, DiscrepancyState.REPAIRED, resolution, _actor(discrepancy))


async def _close(discrepancy: Discrepancy, state: DiscrepancyState, resolution: str, by: Actor) -> bool:
    """Close the discrepancy, once; False when it was closed already."""
    identity = discrepancy.id

    async def close_once() -> int:
        row = await Discrepancy.select_for_update(no_key=True).get(id=identity)
        if row.state is not DiscrepancyState.OPEN:
            # If the answer to COMMIT was lost, this body runs again: the end that it finds is its own.
            return int(row.state is state and row.resolution == resolution and row.resolved_by == by.to_record())
        return await Discrepancy.filter(id=identity).update(
            state=state, resolution=resolution, resolved_by=by.to_record(), resolved_at=datetime.now(UTC)
        )

    return bool(await run_in_transaction(close_once))


def _actor(discrepancy: Discrepancy) -> Actor:
    """Return the reconciler, in the run that found the discrepancy, as an actor."""
    return Actor(kind=ActorKind.RECONCILER, id=str(discrepancy.run_id), label=RECONCILER)


def _row_id(subject: str) -> UUID | None:
    try:
        return UUID(subject)
    except ValueError:
        return None
