"""Findings: the differences between one object of Stripe's and our row. Pure comparisons, without any request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.states import REFUND_RELEASED, DiscrepancyKind, PaymentStatus, RefundStatus, WebhookState
from models import Customer, Operation, Payment, Refund, SetupIntent, WebhookEvent
from provider import (
    BalanceTransactionKind,
    ProviderBalanceTransaction,
    ProviderDispute,
    ProviderFunds,
    ProviderPayment,
    ProviderRefund,
    ProviderSetup,
    StripeEvent,
    Unreadable,
)

OVERDUE = timedelta(minutes=10)  # the grace of a window: an event that is due for longer is not merely young
STALE = timedelta(hours=1)  # an unknown outcome resolves in minutes; after an hour a person should check
EXPIRES_WITHIN = timedelta(days=1)  # money that a person can still capture today
Kind = DiscrepancyKind


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, with the figures of each side. The figures of a missing side are empty."""

    kind: DiscrepancyKind
    subject: str
    local: Mapping[str, Any] = field(default_factory=dict)
    provider: Mapping[str, Any] = field(default_factory=dict)
    payment_id: UUID | None = None

    @property
    def is_unreadable(self) -> bool:
        """True if Stripe's side could not be read, so that the comparison is undecided."""
        return self.provider.get("unreadable") is True


def unreadable(kind: DiscrepancyKind, thing: Unreadable, row: Payment | Refund | None = None) -> Finding:
    """Make the finding of an object of Stripe's that cannot be read, and so cannot be compared."""
    if isinstance(row, Refund):
        return Finding(kind, thing.id, refund_figures(row), {"unreadable": True}, row.payment_id)
    local, payment_id = (payment_figures(row), row.id) if row is not None else ({}, None)
    return Finding(kind, thing.id, local, {"unreadable": True}, payment_id)


def payment_findings(seen: ProviderPayment | Unreadable, row: Payment | None) -> list[Finding]:
    """Compare an intent with its payment.

    Without a row it is a finding when it carries our metadata, holds or took money, or cannot be read. A status that
    differs explains the sums that differ with it.
    """
    if isinstance(seen, Unreadable):
        return [unreadable(Kind.STATUS_DRIFT if row is not None else Kind.MISSING_LOCALLY, seen, row)]
    if row is None:
        has_money = seen.captured_minor > 0 or seen.capturable_minor > 0
        if "payment_id" in seen.metadata or has_money:
            return [Finding(Kind.MISSING_LOCALLY, seen.id, {}, stripe_figures(seen))]
        return []
    findings = drift_findings(seen, row)
    is_new_status = seen.status is not row.status and not (seen.status is PaymentStatus.UNKNOWN and row.is_final)
    sums = (seen.captured_minor, seen.capturable_minor) != (row.captured_minor, row.capturable_minor)
    if is_new_status or row.stripe_payment_intent_id is None:
        findings.insert(0, _drift(Kind.STATUS_DRIFT, seen, row))
    elif sums and not findings:
        findings.append(_drift(Kind.AMOUNT_DRIFT, seen, row))
    ours = {"payment_id": str(row.id), "order_id": str(row.order_id)}
    theirs = {name: seen.metadata.get(name) for name in ours}
    if theirs != ours:
        findings.append(Finding(Kind.METADATA_DRIFT, seen.id, ours, theirs, row.id))
    return findings


def drift_findings(seen: ProviderPayment, row: Payment) -> list[Finding]:
    """Compare the intent's amount and currency with the payment's.

    The finding stays after the row has taken over Stripe's figures, until a person accepts it.
    """
    kinds = [Kind.AMOUNT_DRIFT] if seen.amount_minor != row.amount_minor else []
    kinds += [Kind.CURRENCY_DRIFT] if seen.currency != row.currency else []
    return [_drift(kind, seen, row) for kind in kinds]


def _drift(kind: DiscrepancyKind, seen: ProviderPayment, row: Payment) -> Finding:
    return Finding(kind, seen.id, payment_figures(row), stripe_figures(seen), row.id)


def refund_findings(seen: ProviderRefund | Unreadable, row: Refund | None, payment: Payment | None) -> list[Finding]:
    """Compare a refund at Stripe with ours.

    A refund of another program's payment is ignored. A released part of a hold is no refund: a row for it has to be
    CANCELED.
    """
    if isinstance(seen, Unreadable):
        return [unreadable(Kind.REFUND_DRIFT, seen, row)]
    if row is None:
        if seen.is_release or (payment is None and "refund_id" not in seen.metadata):
            return []
        payment_id = payment.id if payment is not None else None
        return [Finding(Kind.REFUND_DRIFT, seen.id, {}, stripe_refund_figures(seen), payment_id)]
    status = RefundStatus.CANCELED if seen.is_release else seen.status
    theirs = (status, seen.amount_minor, seen.currency)
    if theirs == (row.status, row.amount_minor, row.currency) and row.stripe_refund_id == seen.id:
        return []
    return [Finding(Kind.REFUND_DRIFT, seen.id, refund_figures(row), stripe_refund_figures(seen), row.payment_id)]


def dispute_finding(intent_id: str, seen: Sequence[ProviderDispute] | Unreadable, row: Payment) -> Finding | None:
    """Compare a payment's disputed amount with the sum of the intent's open and lost disputes."""
    if isinstance(seen, Unreadable):
        return unreadable(Kind.DISPUTE_DRIFT, seen, row)
    contested = contested_minor(seen, row.held_currency)
    others = sorted({dispute.currency for dispute in seen if dispute.is_open_or_lost} - {row.held_currency})
    if contested == row.disputed_minor and not others:
        return None
    local = {"disputed_minor": row.disputed_minor, "currency": row.held_currency}
    theirs: dict[str, Any] = {"disputed_minor": contested, "disputes": sorted(dispute.id for dispute in seen)}
    theirs |= {"other_currencies": others} if others else {}
    return Finding(Kind.DISPUTE_DRIFT, intent_id, local, theirs, row.id)


def contested_minor(disputes: Sequence[ProviderDispute | Unreadable], currency: str) -> int | None:
    """Sum up these disputes in a currency, in minor units; None when one of them cannot be read."""
    read = [dispute for dispute in disputes if isinstance(dispute, ProviderDispute)]
    if len(read) < len(disputes):
        return None
    return contested_in(currency, read)


def contested_in(currency: str, disputes: Iterable[ProviderDispute]) -> int:
    """Sum up the open and lost disputes in a currency, in minor units."""
    return sum(dispute.amount_minor for dispute in disputes if dispute.is_open_or_lost and dispute.currency == currency)


def balance_transaction_finding(
    seen: ProviderBalanceTransaction | Unreadable, row: Payment | Refund | None
) -> Finding | None:
    """Compare a balance transaction with the amount that our payment took or our refund returned.

    An account that keeps its balance in another currency converts amounts; then only the row's existence is checked.
    """
    if isinstance(seen, Unreadable):
        return unreadable(Kind.BALANCE_DRIFT, seen)
    if seen.kind is BalanceTransactionKind.OTHER:
        return None
    theirs = {"currency": seen.currency, "amount_minor": seen.amount_minor, "source": seen.source_id}
    if row is None:
        return Finding(Kind.BALANCE_DRIFT, seen.id, {}, theirs)
    if isinstance(row, Payment):
        expected, figures, payment_id = row.captured_minor, payment_figures(row), row.id
        is_other = row.stripe_charge_id not in (None, seen.source_id)
    else:
        expected, figures, payment_id = -row.amount_minor, refund_figures(row), row.payment_id
        is_other = False
    currency = row.held_currency if isinstance(row, Payment) else row.currency
    is_equal = seen.is_converted or (seen.amount_minor, seen.currency) == (expected, currency)
    if is_equal and not is_other:
        return None
    return Finding(Kind.BALANCE_DRIFT, seen.id, figures, theirs, payment_id)


def unseen_payment(row: Payment, *, is_worked_on: bool) -> Finding | None:
    """Make the finding of a payment that Stripe does not have; None if Stripe refused to create it."""
    if row.stripe_payment_intent_id is None and (is_worked_on or row.status is PaymentStatus.CANCELED):
        return None
    subject = row.stripe_payment_intent_id or str(row.id)
    return Finding(Kind.MISSING_AT_PROVIDER, subject, payment_figures(row), {}, row.id)


def unseen_refund(row: Refund, *, is_worked_on: bool) -> Finding | None:
    """Make the finding of a refund that Stripe does not have; None if Stripe refused to create it."""
    if row.stripe_refund_id is None and (is_worked_on or row.status in REFUND_RELEASED):
        return None
    return Finding(Kind.REFUND_DRIFT, row.stripe_refund_id or str(row.id), refund_figures(row), {}, row.payment_id)


def operation_finding(operation: Operation, *, now: datetime) -> Finding | None:
    """Make the finding of an operation that has been undecided for longer than it should be."""
    if not operation.is_open or now - operation.created_at < STALE:
        return None
    figures = {
        "kind": operation.kind.value,
        "state": operation.state.value,
        "effect": operation.effect.value,
        "step": operation.step,
        "attempt": operation.attempt,
        "created_at": operation.created_at.isoformat(),
    }
    return Finding(Kind.UNRESOLVED_OPERATION, str(operation.id), figures, {}, operation.payment_id)


def expiring_finding(row: Payment, *, now: datetime) -> Finding | None:
    """Make the finding of held money whose capture ends within a day, or has ended."""
    held = row.status is PaymentStatus.REQUIRES_CAPTURE
    if not held or row.capture_before is None or row.capture_before > now + EXPIRES_WITHIN:
        return None
    local = {**payment_figures(row), "capture_before": row.capture_before.isoformat()}
    return Finding(Kind.EXPIRING_AUTHORIZATION, row.stripe_payment_intent_id or str(row.id), local, {}, row.id)


def event_finding(event: StripeEvent | Unreadable, row: WebhookEvent | None, *, now: datetime) -> Finding | None:
    """Make the finding of an event that the inbox lacks, gave up, or has left overdue.

    An unreadable event may be of any type.
    """
    figures: dict[str, Any] = {}
    if row is not None:
        is_overdue = row.due is not None and now - row.due > OVERDUE
        if row.state is not WebhookState.DEAD and not is_overdue:
            return None
        figures = {"state": row.state.value, "overdue": is_overdue}
    if isinstance(event, Unreadable):
        return Finding(Kind.WEBHOOK_GAP, event.id, figures, {"unreadable": True})
    theirs = {"type": event.type, "subject": event.subject, "created_at": event.created_at.isoformat()}
    return Finding(Kind.WEBHOOK_GAP, event.id, figures, theirs)


def funds_findings(seen: ProviderFunds, row: Customer) -> list[Finding]:
    """Make a finding for each currency in which a customer's money pays nothing."""
    local = {"customer_id": str(row.id)}
    return [
        Finding(
            Kind.UNAPPLIED_FUNDS,
            f"{seen.customer_id} {currency}",
            local,
            {"currency": currency, "amount_minor": minor},
        )
        for currency, minor in sorted(seen.unapplied.items())
    ]


def setup_finding(seen: ProviderSetup | Unreadable, row: SetupIntent | None, *, named: str | None) -> Finding | None:
    """Compare a setup at Stripe with ours. Another program's is ignored: it is not `named` as ours in its metadata."""
    local = setup_figures(row) if row is not None else {}
    if isinstance(seen, Unreadable):
        return Finding(Kind.SETUP_DRIFT, seen.id, local, {"unreadable": True}) if row is not None else None
    if row is None and named is None:
        return None
    if row is not None and (seen.status, seen.id) == (row.status, row.stripe_setup_intent_id):
        return None
    return Finding(Kind.SETUP_DRIFT, seen.id, local, {"status": seen.status.value, "stripe_setup_intent_id": seen.id})


def setup_figures(row: SetupIntent) -> dict[str, Any]:
    return {
        "setup_intent_id": str(row.id),
        "status": row.status.value,
        "stripe_setup_intent_id": row.stripe_setup_intent_id,
    }


def payment_figures(row: Payment) -> dict[str, Any]:
    return {
        "status": row.status.value,
        "currency": row.currency,
        "amount_minor": row.amount_minor,
        "capturable_minor": row.capturable_minor,
        "captured_minor": row.captured_minor,
        "stripe_payment_intent_id": row.stripe_payment_intent_id,
        **({"held_currency": row.provider_currency} if row.provider_currency is not None else {}),
    }


def stripe_figures(seen: ProviderPayment) -> dict[str, Any]:
    return {
        "status": seen.status.value,
        "currency": seen.currency,
        "amount_minor": seen.amount_minor,
        "capturable_minor": seen.capturable_minor,
        "captured_minor": seen.captured_minor,
        "stripe_payment_intent_id": seen.id,
    }


def refund_figures(row: Refund) -> dict[str, Any]:
    return {
        "status": row.status.value,
        "currency": row.currency,
        "amount_minor": row.amount_minor,
        "stripe_refund_id": row.stripe_refund_id,
    }


def stripe_refund_figures(seen: ProviderRefund) -> dict[str, Any]:
    return {
        "status": seen.status.value,
        "currency": seen.currency,
        "amount_minor": seen.amount_minor,
        "stripe_refund_id": seen.id,
        "stripe_payment_intent_id": seen.payment_intent_id,
    }
