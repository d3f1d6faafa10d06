"""Compare a page of Stripe's objects with our rows, which are read by one statement for each table."""

from collections.abc import Awaitable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from tortoise.expressions import Q

from domain.states import DiscrepancyKind
from models import Customer, Operation, Payment, Refund, SetupIntent, WebhookEvent
from provider import (
    BalanceTransactionKind,
    Outcome,
    Provider,
    ProviderBalanceTransaction,
    ProviderDispute,
    ProviderFailure,
    ProviderPayment,
    ProviderRefund,
    ProviderSetup,
    StripeEvent,
    Unreadable,
)
from provider.failures import UNREADABLE_ANSWER
from provider.ids import MALFORMED_ID
from services.money.operations.setup_steps import NAMED
from services.reconciliation.findings import (
    OVERDUE,
    Finding,
    balance_transaction_finding,
    contested_minor,
    dispute_finding,
    event_finding,
    funds_findings,
    payment_findings,
    refund_findings,
    setup_finding,
    unreadable,
    unseen_payment,
    unseen_refund,
)

NOT_FOUND = 404
Thing = TypeVar("Thing")


# -- what Stripe lists ---------------------------------------------------------------------------------------------


async def compare_payments(seen: Sequence[ProviderPayment | Unreadable], *, livemode: bool) -> list[Finding]:
    """Compare these intents with our rows. A payment with an open operation may lag behind what the operation does."""
    ours = _ids(thing.metadata.get("payment_id") for thing in seen if isinstance(thing, ProviderPayment))
    found = await Payment.filter(
        Q(stripe_payment_intent_id__in=[thing.id for thing in seen])
        | Q(id__in=list(ours), stripe_payment_intent_id__isnull=True),
        livemode=livemode,
    )
    by_intent = {row.stripe_payment_intent_id: row for row in found if row.stripe_payment_intent_id is not None}
    unsent = {str(row.id): row for row in found if row.stripe_payment_intent_id is None}
    busy = await find_busy_payments([row.id for row in found])
    findings = []
    for thing in seen:
        named = thing.metadata.get("payment_id", "") if isinstance(thing, ProviderPayment) else ""
        row = by_intent.get(thing.id) or unsent.get(named)
        findings += [
            finding
            for finding in payment_findings(thing, row)
            if finding.payment_id not in busy or not _is_being_done(finding, thing, row)
        ]
    return findings


def _is_being_done(finding: Finding, seen: ProviderPayment | Unreadable, row: Payment | None) -> bool:
    """Return True for a difference that an open operation explains: a status, and the amount of an update under way."""
    is_updated = row is not None and isinstance(seen, ProviderPayment) and seen.amount_minor == row.next_amount_minor
    return finding.kind is DiscrepancyKind.STATUS_DRIFT or (finding.kind is DiscrepancyKind.AMOUNT_DRIFT and is_updated)


async def compare_refunds(seen: Sequence[ProviderRefund | Unreadable], *, livemode: bool) -> list[Finding]:
    """Compare these refunds with our rows, except refunds of payments with an open operation."""
    read = [thing for thing in seen if isinstance(thing, ProviderRefund)]
    ours = _ids(thing.metadata.get("refund_id") for thing in read)
    found = await Refund.filter(
        Q(stripe_refund_id__in=[thing.id for thing in seen]) | Q(id__in=list(ours), stripe_refund_id__isnull=True),
        livemode=livemode,
    )
    by_refund = {row.stripe_refund_id: row for row in found if row.stripe_refund_id is not None}
    unsent = {str(row.id): row for row in found if row.stripe_refund_id is None}
    payments = await _read_payments_of((thing.payment_intent_id for thing in read), livemode=livemode)
    busy = await find_busy_payments([row.payment_id for row in found])
    findings = []
    for thing in seen:
        row, payment = by_refund.get(thing.id), None
        if isinstance(thing, ProviderRefund):
            row = row or unsent.get(thing.metadata.get("refund_id", ""))
            payment = payments.get(thing.payment_intent_id)
        if row is None or row.payment_id not in busy:
            findings += refund_findings(thing, row, payment)
    return findings


async def compare_disputes(
    seen: Sequence[ProviderDispute | Unreadable], *, provider: Provider, livemode: bool
) -> list[Finding]:
    """Compare the disputed amounts of our payments with these disputes. A dispute without a payment is no finding.

    A payment may have more disputes than these: where the sums differ, Stripe is fetched for all of them.
    """
    by_intent: dict[str | None, list[ProviderDispute | Unreadable]] = {}
    for dispute in seen:
        by_intent.setdefault(dispute.payment_intent_id, []).append(dispute)
    payments = await _read_payments_of(by_intent, livemode=livemode)
    suspects = [row for intent, row in payments.items() if _may_differ(by_intent[intent], row)]
    nobodys = [thing for thing in by_intent.get(None, ()) if isinstance(thing, Unreadable)]
    findings = [unreadable(DiscrepancyKind.DISPUTE_DRIFT, thing) for thing in nobodys]
    return findings + await compare_disputed_payments(suspects, provider=provider)


def _may_differ(disputes: Sequence[ProviderDispute | Unreadable], row: Payment) -> bool:
    currencies = {dispute.currency for dispute in disputes if isinstance(dispute, ProviderDispute)}
    return contested_minor(disputes, row.held_currency) != row.disputed_minor or currencies != {row.held_currency}


async def compare_disputed_payments(suspects: Sequence[Payment], *, provider: Provider) -> list[Finding]:
    """Compare the disputed amounts of these payments with all their disputes, which Stripe is fetched for."""
    fetched: dict[UUID, tuple[str, list[ProviderDispute] | Unreadable]] = {}
    for row in suspects:
        if (intent := row.stripe_payment_intent_id) is not None:
            fetched[row.id] = intent, await find_disputes(intent, provider=provider)
    busy = await find_busy_payments(list(fetched))
    fresh = await Payment.filter(id__in=[identity for identity in fetched if identity not in busy])
    findings = (dispute_finding(*fetched[row.id], row) for row in fresh)
    return [finding for finding in findings if finding is not None]


async def compare_balance_transactions(
    seen: Sequence[ProviderBalanceTransaction | Unreadable], *, provider: Provider, livemode: bool
) -> list[Finding]:
    """Compare Stripe's balance transactions with our rows.

    A payment or refund that differs explains its balance transaction, and is reported in its place.
    """
    findings = []
    for suspect in await _find_differing(seen, livemode=livemode):
        explained = await _explain(suspect, provider=provider, livemode=livemode)
        if explained is None:
            explained = list((await _find_differing([suspect], livemode=livemode)).values())
        findings += explained
    return findings


async def compare_setups(seen: Sequence[ProviderSetup | Unreadable], *, livemode: bool) -> list[Finding]:
    """Compare these setups with our rows, except those that an open operation will bring up to date."""
    named = {thing.id: thing.metadata.get(NAMED) for thing in seen if isinstance(thing, ProviderSetup)}
    found = await SetupIntent.filter(
        Q(stripe_setup_intent_id__in=[thing.id for thing in seen])
        | Q(id__in=list(_ids(named.values())), stripe_setup_intent_id__isnull=True),
        livemode=livemode,
    )
    at_work = Operation.filter(setup_intent_id__in=[row.id for row in found], due__gt=datetime.now(UTC) - OVERDUE)
    busy = {operation.setup_intent_id for operation in await at_work.only("id", "setup_intent_id")}
    by_intent = {row.stripe_setup_intent_id or str(row.id): row for row in found}
    findings = []
    for thing in seen:
        row = by_intent.get(thing.id) or by_intent.get(named.get(thing.id) or "")
        finding = setup_finding(thing, row, named=named.get(thing.id))
        if finding is not None and (row is None or row.id not in busy):
            findings.append(finding)
    return findings


async def compare_events(seen: Sequence[StripeEvent | Unreadable], *, livemode: bool) -> list[Finding]:
    """Find the events that the inbox lacks, gave up, or has left overdue."""
    found = WebhookEvent.filter(stripe_event_id__in=[event.id for event in seen], livemode=livemode)
    by_id = {row.stripe_event_id: row for row in await found.only("id", "stripe_event_id", "state", "due")}
    now = datetime.now(UTC)
    findings = (event_finding(event, by_id.get(event.id), now=now) for event in seen)
    return [finding for finding in findings if finding is not None]


async def compare_funds(stripe_customer_ids: Iterable[str], *, provider: Provider) -> list[Finding]:
    """Find the money of these customers, if they are ours, that pays nothing. Raises ProviderFailure."""
    findings = []
    for customer in await Customer.filter(stripe_customer_id__in=sorted(set(stripe_customer_ids))):
        assert customer.stripe_customer_id is not None, "selected by it"
        findings += funds_findings(await provider.retrieve_funds(customer.stripe_customer_id), customer)
    return findings


# -- what Stripe did not list --------------------------------------------------------------------------------------


async def compare_unlisted_payments(unseen: Sequence[Payment], *, provider: Provider) -> list[Finding]:
    """Ask Stripe for each of these payments, which it did not list, and compare. Raises ProviderFailure."""
    busy = await find_busy_payments([row.id for row in unseen])
    findings = []
    for row in unseen:
        intent = row.stripe_payment_intent_id
        seen = await find_payment(intent, provider=provider) if intent is not None else None
        if seen is not None:
            findings += await compare_payments([seen], livemode=row.livemode)
        elif (finding := unseen_payment(row, is_worked_on=row.id in busy)) is not None:
            findings.append(finding)
    return findings


async def compare_unlisted_refunds(unseen: Sequence[Refund], *, provider: Provider) -> list[Finding]:
    """Ask Stripe for each of these refunds, which it did not list, and compare. Raises ProviderFailure."""
    busy = await find_busy_payments([row.payment_id for row in unseen])
    findings = []
    for row in unseen:
        seen = await find_refund(row.stripe_refund_id, provider=provider) if row.stripe_refund_id is not None else None
        if seen is not None:
            findings += await compare_refunds([seen], livemode=row.livemode)
        elif (finding := unseen_refund(row, is_worked_on=row.payment_id in busy)) is not None:
            findings.append(finding)
    return findings


# -- one thing, as it stands now -----------------------------------------------------------------------------------


async def find_payment(intent_id: str, *, provider: Provider) -> ProviderPayment | Unreadable | None:
    """Return the intent, or None where Stripe has none. Raises ProviderFailure when that cannot be known."""
    return await _find(provider.retrieve_payment(intent_id), intent_id)


async def find_refund(refund_id: str, *, provider: Provider) -> ProviderRefund | Unreadable | None:
    """Return the refund, or None where Stripe has none. Raises ProviderFailure when that cannot be known."""
    return await _find(provider.retrieve_refund(refund_id), refund_id)


async def find_dispute(dispute_id: str, *, provider: Provider) -> ProviderDispute | Unreadable | None:
    """Return the dispute, or None where Stripe has none. Raises ProviderFailure when that cannot be known."""
    return await _find(provider.retrieve_dispute(dispute_id), dispute_id)


async def find_setup(setup_id: str, *, provider: Provider) -> ProviderSetup | Unreadable | None:
    """Return the setup, or None where Stripe has none. Raises ProviderFailure when that cannot be known."""
    return await _find(provider.retrieve_setup(setup_id), setup_id)


async def find_balance_transaction(
    transaction_id: str, *, provider: Provider
) -> ProviderBalanceTransaction | Unreadable | None:
    """Return the balance transaction, or None if Stripe has none. Raises ProviderFailure when that cannot be known."""
    return await _find(provider.retrieve_balance_transaction(transaction_id), transaction_id)


async def find_disputes(intent_id: str, *, provider: Provider) -> list[ProviderDispute] | Unreadable:
    """Return all disputes of an intent. Raises ProviderFailure when they cannot be known."""
    found = await _find(provider.list_disputes(intent_id), intent_id)
    return found if found is not None else []


async def find_busy_payments(payment_ids: Sequence[UUID]) -> set[UUID]:
    """Return the payments that an open operation will bring up to date; an overdue operation does not count."""
    at_work = Operation.filter(payment_id__in=list(payment_ids), due__gt=datetime.now(UTC) - OVERDUE)
    found = await at_work.only("id", "payment_id")
    return {operation.payment_id for operation in found if operation.payment_id is not None}


async def _find(call: Awaitable[Thing], identity: str) -> Thing | Unreadable | None:
    """Await an object of Stripe's; a defective one is `Unreadable`, so that it cannot stop a run for ever."""
    try:
        return await call
    except ProviderFailure as failure:
        if failure.code == UNREADABLE_ANSWER:
            return Unreadable(identity)
        is_unknown = failure.http_status == NOT_FOUND or failure.code == MALFORMED_ID
        if failure.outcome is Outcome.REJECTED and is_unknown:
            return None
        raise


async def _find_differing(
    seen: Iterable[ProviderBalanceTransaction | Unreadable], *, livemode: bool
) -> dict[ProviderBalanceTransaction | Unreadable, Finding]:
    """Return the balance transactions that differ from our rows, each with its finding."""
    compared = [
        thing for thing in seen if isinstance(thing, Unreadable) or thing.kind is not BalanceTransactionKind.OTHER
    ]
    read = [thing for thing in compared if isinstance(thing, ProviderBalanceTransaction)]
    payments = await _read_payments_of((thing.payment_intent_id for thing in read), livemode=livemode)
    sources = [thing.source_id for thing in read if thing.kind is BalanceTransactionKind.REFUND]
    found = await Refund.filter(stripe_refund_id__in=[source for source in sources if source], livemode=livemode)
    refunds = {row.stripe_refund_id: row for row in found}
    busy = await find_busy_payments([*(row.id for row in payments.values()), *(row.payment_id for row in found)])
    differing: dict[ProviderBalanceTransaction | Unreadable, Finding] = {}
    for thing in compared:
        row: Payment | Refund | None = None
        if isinstance(thing, ProviderBalanceTransaction):
            is_charge = thing.kind is BalanceTransactionKind.CHARGE
            row = payments.get(thing.payment_intent_id) if is_charge else refunds.get(thing.source_id)
        finding = balance_transaction_finding(thing, row)
        if finding is not None and finding.payment_id not in busy:
            differing[thing] = finding
    return differing


async def _explain(
    suspect: ProviderBalanceTransaction | Unreadable, *, provider: Provider, livemode: bool
) -> list[Finding] | None:
    """Return the findings of a balance transaction's payment or refund; None when they do not explain it."""
    if isinstance(suspect, Unreadable):
        return None
    if suspect.kind is BalanceTransactionKind.CHARGE:
        if suspect.payment_intent_id is None:
            return None
        payment = await find_payment(suspect.payment_intent_id, provider=provider)
        found = await compare_payments([payment], livemode=livemode) if payment is not None else []
        return [finding for finding in found if finding.kind is not DiscrepancyKind.METADATA_DRIFT] or None
    refund = await find_refund(suspect.source_id, provider=provider) if suspect.source_id is not None else None
    if refund is None:
        return None
    found = await compare_refunds([refund], livemode=livemode)
    is_known = await Refund.filter(stripe_refund_id=refund.id, livemode=livemode).exists()
    is_of_another = isinstance(refund, ProviderRefund) and refund.payment_intent_id is not None and not is_known
    return found or ([] if is_of_another else None)  # another program's payment: reported if it took money


async def _read_payments_of(intents: Iterable[str | None], *, livemode: bool) -> dict[str | None, Payment]:
    known = {intent for intent in intents if intent is not None}
    found = await Payment.filter(stripe_payment_intent_id__in=list(known), livemode=livemode) if known else []
    return {row.stripe_payment_intent_id: row for row in found}


def _ids(texts: Iterable[str | None]) -> set[UUID]:
    """Return the row ids in these metadata values, which anybody may have written."""
    found = set()
    for text in texts:
        try:
            found.add(UUID(text or ""))
        except ValueError:
            continue
    return found
