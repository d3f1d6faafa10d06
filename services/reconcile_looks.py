"""Compare a page of Stripe's things with our rows of them, which are read in one statement each."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from tortoise.expressions import Q

from domain.states import DiscrepancyKind
from models import Operation, Order, Payment, Refund, WebhookEvent
from models.sql import rows
from provider import Outcome, Provider, ProviderFailure, ProviderPayment, ProviderRefund, StripeEvent
from services.audit import first_broken_link
from services.reconcile_findings import (
    OVERDUE,
    Finding,
    event_finding,
    payment_findings,
    refund_findings,
    unseen_payment,
    unseen_refund,
)

NOT_FOUND = 404
CHAIN_READS = 5  # a chain that grows while it is read looks broken; one that always grows is in use, not broken

SUMS = """
SELECT o.id, o.total_minor, o.paid_minor, o.refunded_minor,
  coalesce(sum(p.captured_minor), 0)::bigint AS captured, coalesce(sum(p.refunded_minor), 0)::bigint AS given_back,
  coalesce(sum((SELECT sum(r.amount_minor) FROM refund r WHERE r.payment_id = p.id AND r.status = 'SUCCEEDED')), 0
  )::bigint AS refunds, count(p.id) FILTER (WHERE p.captured_minor > p.refunded_minor) AS charges
FROM orders o LEFT JOIN payment p ON p.order_id = o.id WHERE o.id = ANY($1::uuid[]) GROUP BY o.id ORDER BY o.id
"""


async def look_at_payments(seen: Sequence[ProviderPayment], *, livemode: bool) -> list[Finding]:
    """What differs between these intents and our rows. A payment that is being worked on may lag behind."""
    ours = _ids(thing.metadata.get("payment_id") for thing in seen)
    found = await Payment.filter(
        Q(stripe_payment_intent_id__in=[thing.id for thing in seen])
        | Q(id__in=list(ours), stripe_payment_intent_id__isnull=True),
        livemode=livemode,
    )
    by_intent = {row.stripe_payment_intent_id: row for row in found if row.stripe_payment_intent_id is not None}
    unsent = {str(row.id): row for row in found if row.stripe_payment_intent_id is None}
    busy = await _worked_on([row.id for row in found])
    findings = []
    for thing in seen:
        row = by_intent.get(thing.id) or unsent.get(thing.metadata.get("payment_id", ""))
        findings += [
            finding
            for finding in payment_findings(thing, row)
            if finding.kind is not DiscrepancyKind.STATUS_DRIFT or finding.payment_id not in busy
        ]
    return findings


async def look_at_refunds(seen: Sequence[ProviderRefund], *, livemode: bool) -> list[Finding]:
    """What differs between these refunds and our rows, but for those that are being worked on."""
    ours = _ids(thing.metadata.get("refund_id") for thing in seen)
    found = await Refund.filter(
        Q(stripe_refund_id__in=[thing.id for thing in seen]) | Q(id__in=list(ours), stripe_refund_id__isnull=True),
        livemode=livemode,
    )
    by_refund = {row.stripe_refund_id: row for row in found if row.stripe_refund_id is not None}
    unsent = {str(row.id): row for row in found if row.stripe_refund_id is None}
    intents = [thing.payment_intent_id for thing in seen if thing.payment_intent_id is not None]
    payments = {
        row.stripe_payment_intent_id: row
        for row in await Payment.filter(stripe_payment_intent_id__in=intents, livemode=livemode)
    }
    busy = await _worked_on([row.payment_id for row in found])
    findings = []
    for thing in seen:
        row = by_refund.get(thing.id) or unsent.get(thing.metadata.get("refund_id", ""))
        if row is None or row.payment_id not in busy:
            findings += refund_findings(thing, row, payments.get(thing.payment_intent_id))
    return findings


async def look_at_events(seen: Sequence[StripeEvent], *, livemode: bool) -> list[Finding]:
    """Which of these events the inbox lacks, gave up, or leaves lying."""
    found = await WebhookEvent.filter(stripe_event_id__in=[event.id for event in seen], livemode=livemode)
    by_id = {row.stripe_event_id: row for row in found}
    now = datetime.now(UTC)
    findings = (event_finding(event, by_id.get(event.id), now=now) for event in seen)
    return [finding for finding in findings if finding is not None]


async def look_at_unseen_payments(unseen: Sequence[Payment], *, provider: Provider) -> list[Finding]:
    """What it means that Stripe did not list these payments: it is asked for each. Raises ProviderFailure."""
    busy = await _worked_on([row.id for row in unseen])
    findings = []
    for row in unseen:
        intent = row.stripe_payment_intent_id
        seen = await find_payment(intent, provider=provider) if intent is not None else None
        if seen is not None:
            findings += await look_at_payments([seen], livemode=row.livemode)
        elif (finding := unseen_payment(row, is_worked_on=row.id in busy)) is not None:
            findings.append(finding)
    return findings


async def look_at_unseen_refunds(unseen: Sequence[Refund], *, provider: Provider) -> list[Finding]:
    """What it means that Stripe did not list these refunds: it is asked for each. Raises ProviderFailure."""
    busy = await _worked_on([row.payment_id for row in unseen])
    findings = []
    for row in unseen:
        seen = await find_refund(row.stripe_refund_id, provider=provider) if row.stripe_refund_id is not None else None
        if seen is not None:
            findings += await look_at_refunds([seen], livemode=row.livemode)
        elif (finding := unseen_refund(row, is_worked_on=row.payment_id in busy)) is not None:
            findings.append(finding)
    return findings


async def look_at_orders(order_ids: Sequence[UUID], *, chains: Iterable[UUID]) -> list[Finding]:
    """Which orders' sums are not those of their payments, or are paid twice; and which of `chains` are broken."""
    findings = []
    with_chain = set(chains)
    for row in await rows(SUMS, [list(order_ids)]):
        problems = []
        if row["paid_minor"] != row["captured"]:
            problems.append("the order's paid sum is not its payments'")
        if not row["refunded_minor"] == row["given_back"] == row["refunds"]:
            problems.append("the order's refunded sum is not its refunds'")
        if row["charges"] > 1 and row["captured"] - row["given_back"] > row["total_minor"]:
            problems.append("paid more than once")
        broken = await broken_link(row["id"]) if row["id"] in with_chain else None
        if broken is not None:
            problems.append(f"the audit chain is broken at {broken}")
        if problems:
            figures = {name: row[name] for name in ("total_minor", "paid_minor", "refunded_minor")}
            sums = {name: row[name] for name in ("captured", "given_back", "refunds", "charges")}
            local = {**figures, **sums, "problems": problems}
            findings.append(Finding(DiscrepancyKind.LEDGER_IMBALANCE, str(row["id"]), local))
    return findings


async def broken_link(order_id: UUID) -> int | None:
    """As `audit.first_broken_link`, for a chain that may grow while it is read."""
    for _ in range(CHAIN_READS):
        before = (await Order.get(id=order_id)).last_sequence
        broken = await first_broken_link(order_id)
        if broken is None or (await Order.get(id=order_id)).last_sequence == before:
            return broken
    return None


async def find_payment(intent_id: str, *, provider: Provider) -> ProviderPayment | None:
    """The intent as it stands now, None where Stripe has none. Raises ProviderFailure when that cannot be known."""
    try:
        return await provider.retrieve_payment(intent_id)
    except ProviderFailure as failure:
        _raise_unless_absent(failure)
        return None


async def find_refund(refund_id: str, *, provider: Provider) -> ProviderRefund | None:
    """The refund as it stands now, None where Stripe has none. Raises ProviderFailure when that cannot be known."""
    try:
        return await provider.retrieve_refund(refund_id)
    except ProviderFailure as failure:
        _raise_unless_absent(failure)
        return None


def _raise_unless_absent(failure: ProviderFailure) -> None:
    if failure.outcome is not Outcome.REJECTED or failure.http_status != NOT_FOUND:
        raise failure


async def _worked_on(payment_ids: Sequence[UUID]) -> set[UUID]:
    """The payments that an open operation will bring up to date. One that lies overdue is driven by nobody."""
    at_work = Operation.filter(payment_id__in=list(payment_ids), due__gt=datetime.now(UTC) - OVERDUE)
    found = await at_work.only("id", "payment_id")
    return {operation.payment_id for operation in found if operation.payment_id is not None}


def _ids(texts: Iterable[str | None]) -> set[UUID]:
    """The row ids among what metadata says; whoever wrote it may have written anything."""
    found = set()
    for text in texts:
        try:
            found.add(UUID(text or ""))
        except ValueError:
            continue
    return found
