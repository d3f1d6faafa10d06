"""The stages of a run: each walks one list in pages, and yields its findings and its cursor after each page."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar
from uuid import UUID

from database.statements import query_rows
from domain.states import EventTopic, PaymentStatus
from models import Customer, Operation, Order, Payment, ReconciliationRun, Refund
from provider import Provider, ProviderDispute, StripeEvent, Unreadable
from services.inbox.inbox import Endpoint
from services.inbox.topics import FUNDS_MOVED, types_by_topic
from services.reconciliation.comparisons import (
    compare_balance_transactions,
    compare_disputed_payments,
    compare_disputes,
    compare_events,
    compare_funds,
    compare_payments,
    compare_refunds,
    compare_setups,
    compare_unlisted_payments,
    compare_unlisted_refunds,
    find_payment,
    find_refund,
    find_setup,
)
from services.reconciliation.findings import EXPIRES_WITHIN, STALE, Finding, operation_finding
from services.reconciliation.ledger import compare_customer_chains, compare_orders, find_expiring_authorizations

PAGE: Final = 100  # Stripe's largest page, and all that a run holds in memory
AT_ONCE: Final = 1_000  # of our rows, of which most were listed
FIRST_ID: Final = UUID(int=0)
BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
Thing = TypeVar("Thing")


class Stage(StrEnum):
    """The stages, in the order in which they run."""

    PAYMENTS = "PAYMENTS"
    REFUNDS = "REFUNDS"
    DISPUTES = "DISPUTES"
    BALANCE = "BALANCE"
    SETUPS = "SETUPS"
    EVENTS = "EVENTS"
    CUSTOMER_EVENTS = "CUSTOMER_EVENTS"
    OUR_PAYMENTS = "OUR_PAYMENTS"
    OUR_REFUNDS = "OUR_REFUNDS"
    OUR_DISPUTES = "OUR_DISPUTES"
    OPERATIONS = "OPERATIONS"
    AUTHORIZATIONS = "AUTHORIZATIONS"
    LEDGER = "LEDGER"
    CUSTOMERS = "CUSTOMERS"
    SETTLE = "SETTLE"


FIRST_STAGE: Final = Stage.PAYMENTS
NEXT_STAGE: Final = dict(pairwise(Stage))


@dataclass(frozen=True, slots=True)
class Walked:
    """One page: the next cursor, the findings, the number of objects compared, and the ids that Stripe listed."""

    cursor: str
    findings: Sequence[Finding] = ()
    checked: int = 0
    seen: Sequence[str] = ()
    repaired: int = 0


Walk = Callable[[ReconciliationRun, Provider, Endpoint], AsyncIterator[Walked]]

# The next of our rows of the window, and whether Stripe listed each. The comparison of two columns bounds the index.
# Each row is looked up by itself: a table that is filled and emptied every night is empty for the planner, which would
# then join all rows with all.
NEXT_ROWS = """
SELECT t.id, t.created_at, coalesce(
  (SELECT true FROM reconciliation_sighting s WHERE s.run_id = $5 AND s.stripe_id = t.{stripe_id} LIMIT 1), false
) AS seen
FROM {table} t
WHERE t.livemode = $1 AND t.created_at < $2 AND (t.created_at, t.id) > ($3, $4::uuid) AND {where}
ORDER BY t.created_at, t.id LIMIT $6
"""
# Held money whose capture ends soon, in the order of the index of statuses.
HELD = f"""
SELECT id, created_at FROM payment
WHERE status = '{PaymentStatus.REQUIRES_CAPTURE.value}' AND livemode = $1 AND (created_at, id) > ($2, $3::uuid)
  AND capture_before <= $4
ORDER BY created_at, id LIMIT $5
"""  # noqa: S608 - the name of a state of ours


async def walk_payments(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Compare Stripe's intents. A difference is fetched once more before it is reported: the list is older."""
    listed = provider.payments(created_from=run.from_moment, created_before=run.to_moment, after=run.cursor)
    async for page in _read_pages(listed):
        suspects = {finding.subject for finding in await compare_payments(page, livemode=run.livemode)}
        fresh = [await find_payment(intent, provider=provider) for intent in sorted(suspects)]
        findings = await compare_payments([seen for seen in fresh if seen is not None], livemode=run.livemode)
        ids = [seen.id for seen in page]
        yield Walked(cursor=ids[-1], findings=findings, checked=len(page), seen=ids)


async def walk_refunds(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Compare Stripe's refunds. A difference is fetched once more before it is reported."""
    listed = provider.refunds(created_from=run.from_moment, created_before=run.to_moment, after=run.cursor)
    async for page in _read_pages(listed):
        suspects = {finding.subject for finding in await compare_refunds(page, livemode=run.livemode)}
        fresh = [await find_refund(refund, provider=provider) for refund in sorted(suspects)]
        findings = await compare_refunds([seen for seen in fresh if seen is not None], livemode=run.livemode)
        ids = [seen.id for seen in page]
        yield Walked(cursor=ids[-1], findings=findings, checked=len(page), seen=ids)


async def walk_disputes(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Compare Stripe's disputes. Their charges count as listed, for our rows hold charge ids and no dispute ids."""
    listed = provider.disputes(created_from=run.from_moment, created_before=run.to_moment, after=run.cursor)
    async for page in _read_pages(listed):
        findings = await compare_disputes(page, provider=provider, livemode=run.livemode)
        charges = [dispute.charge_id for dispute in page if isinstance(dispute, ProviderDispute)]
        seen = [charge for charge in charges if charge is not None]
        yield Walked(cursor=page[-1].id, findings=findings, checked=len(page), seen=seen)


async def walk_balance(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Compare Stripe's balance transactions with our charges and refunds, whenever these were made."""
    listed = provider.balance_transactions(created_from=run.from_moment, created_before=run.to_moment, after=run.cursor)
    async for page in _read_pages(listed):
        findings = await compare_balance_transactions(page, provider=provider, livemode=run.livemode)
        yield Walked(cursor=page[-1].id, findings=findings, checked=len(page))


async def walk_setups(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Compare Stripe's setups. A difference is fetched once more before it is reported."""
    listed = provider.setups(created_from=run.from_moment, created_before=run.to_moment, after=run.cursor)
    async for page in _read_pages(listed):
        suspects = {finding.subject for finding in await compare_setups(page, livemode=run.livemode)}
        fresh = [await find_setup(setup, provider=provider) for setup in sorted(suspects)]
        findings = await compare_setups([seen for seen in fresh if seen is not None], livemode=run.livemode)
        yield Walked(cursor=page[-1].id, findings=findings, checked=len(page))


async def walk_events(
    run: ReconciliationRun, provider: Provider, endpoint: Endpoint, *, topic: EventTopic
) -> AsyncIterator[Walked]:
    """Compare Stripe's events of a topic, of the types that we handle, with the inbox.

    Of customers whose transfers moved, also look for money that pays nothing.
    """
    types = types_by_topic(endpoint.types).get(topic)
    if types is None:
        return
    listed = provider.events_and_unreadable(
        types, created_since=run.from_moment, created_before=run.to_moment, after=run.cursor
    )
    async for page in _read_pages(listed):
        handled = [event for event in page if isinstance(event, Unreadable) or event.livemode == run.livemode]
        findings = await compare_events(handled, livemode=run.livemode)
        moved = [event for event in handled if isinstance(event, StripeEvent) and event.type == FUNDS_MOVED]
        findings += await compare_funds((str(event.object.get("customer")) for event in moved), provider=provider)
        yield Walked(cursor=page[-1].id, findings=findings, checked=len(page))


async def walk_our_payments(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Compare our payments that Stripe did not list."""
    async for ids, cursor in _walk_unlisted(run, "payment", "stripe_payment_intent_id"):
        found = await Payment.filter(id__in=ids)
        findings = await compare_unlisted_payments(found, provider=provider)
        yield Walked(cursor=cursor, findings=findings, checked=len(ids))


async def walk_our_refunds(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Compare our refunds that Stripe did not list."""
    async for ids, cursor in _walk_unlisted(run, "refund", "stripe_refund_id"):
        found = await Refund.filter(id__in=ids)
        findings = await compare_unlisted_refunds(found, provider=provider)
        yield Walked(cursor=cursor, findings=findings, checked=len(ids))


async def walk_our_disputes(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Compare our disputed payments for which Stripe listed no dispute."""
    async for ids, cursor in _walk_unlisted(run, "payment", "stripe_charge_id", where="t.disputed_minor > 0"):
        findings = await compare_disputed_payments(await Payment.filter(id__in=ids), provider=provider)
        yield Walked(cursor=cursor, findings=findings, checked=len(ids))


async def walk_operations(run: ReconciliationRun, _: Provider, __: Endpoint) -> AsyncIterator[Walked]:
    """Find operations that have been open for longer than they should be, whenever they began."""
    after = UUID(run.cursor) if run.cursor is not None else FIRST_ID
    while True:
        now = datetime.now(UTC)
        stale = Operation.filter(due__isnull=False, created_at__lte=now - STALE, id__gt=after)
        found = await stale.order_by("id").limit(PAGE)
        if not found:
            return
        after = found[-1].id
        findings = [finding for row in found if (finding := operation_finding(row, now=now)) is not None]
        yield Walked(cursor=str(after), findings=findings, checked=len(found))


async def walk_authorizations(run: ReconciliationRun, provider: Provider, _: Endpoint) -> AsyncIterator[Walked]:
    """Find payments whose hold ends within a day, whenever they were made."""
    moment, after = _parse_cursor(run.cursor) if run.cursor is not None else (BEGINNING, FIRST_ID)
    while True:
        now = datetime.now(UTC)
        found = await query_rows(HELD, [run.livemode, moment, after, now + EXPIRES_WITHIN, PAGE])
        if not found:
            return
        moment, after = found[-1]["created_at"], found[-1]["id"]
        held = await Payment.filter(id__in=[row["id"] for row in found])
        findings = await find_expiring_authorizations(held, provider=provider, now=now)
        yield Walked(cursor=_cursor(moment, after), findings=findings, checked=len(found))


async def walk_ledger(run: ReconciliationRun, _: Provider, __: Endpoint) -> AsyncIterator[Walked]:
    """Compare the sums of all orders, and verify the audit chains that changed since the window began."""
    after = UUID(run.cursor) if run.cursor is not None else FIRST_ID
    while True:
        found = await Order.filter(id__gt=after).order_by("id").limit(PAGE).only("id", "updated_at")
        if not found:
            return
        after = found[-1].id
        touched = [order.id for order in found if order.updated_at >= run.from_moment]
        findings = await compare_orders([order.id for order in found], chains=touched)
        yield Walked(cursor=str(after), findings=findings, checked=len(found))


async def walk_customers(run: ReconciliationRun, _: Provider, __: Endpoint) -> AsyncIterator[Walked]:
    """Verify the audit chains of the customers that changed since the window began."""
    after = UUID(run.cursor) if run.cursor is not None else FIRST_ID
    while True:
        touched = Customer.filter(id__gt=after, last_sequence__gt=0, updated_at__gte=run.from_moment)
        found = await touched.order_by("id").limit(PAGE).only("id")
        if not found:
            return
        after = found[-1].id
        findings = await compare_customer_chains([customer.id for customer in found])
        yield Walked(cursor=str(after), findings=findings, checked=len(found))


WALKS: Final[dict[Stage, Walk]] = {
    Stage.PAYMENTS: walk_payments,
    Stage.REFUNDS: walk_refunds,
    Stage.DISPUTES: walk_disputes,
    Stage.BALANCE: walk_balance,
    Stage.SETUPS: walk_setups,
    Stage.EVENTS: partial(walk_events, topic=EventTopic.PAYMENTS),
    Stage.CUSTOMER_EVENTS: partial(walk_events, topic=EventTopic.CUSTOMERS),
    Stage.OUR_PAYMENTS: walk_our_payments,
    Stage.OUR_REFUNDS: walk_our_refunds,
    Stage.OUR_DISPUTES: walk_our_disputes,
    Stage.OPERATIONS: walk_operations,
    Stage.AUTHORIZATIONS: walk_authorizations,
    Stage.LEDGER: walk_ledger,
    Stage.CUSTOMERS: walk_customers,
}


async def _walk_unlisted(
    run: ReconciliationRun, table: str, stripe_id: str, *, where: str = "true"
) -> AsyncIterator[tuple[list[UUID], str]]:
    """Yield pages of ids of our rows that Stripe did not list, each with its cursor. A page may be empty."""
    moment, after = _parse_cursor(run.cursor) if run.cursor is not None else (run.from_moment, FIRST_ID)
    statement = NEXT_ROWS.format(table=table, stripe_id=stripe_id, where=where)
    while True:
        found = await query_rows(statement, [run.livemode, run.to_moment, moment, after, run.id, AT_ONCE])
        if not found:
            return
        moment, after = found[-1]["created_at"], found[-1]["id"]
        unseen = [row for row in found if not row["seen"]]
        for start in range(0, len(unseen), PAGE):
            page = unseen[start : start + PAGE]
            yield [row["id"] for row in page], _cursor(page[-1]["created_at"], page[-1]["id"])
        yield [], _cursor(moment, after)


def _cursor(moment: datetime, identity: UUID) -> str:
    return f"{moment.isoformat()}|{identity}"


def _parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    text, _, identity = cursor.partition("|")
    return datetime.fromisoformat(text), UUID(identity)


async def _read_pages(listed: AsyncIterator[Thing]) -> AsyncIterator[list[Thing]]:
    page: list[Thing] = []
    async for thing in listed:
        page.append(thing)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page
