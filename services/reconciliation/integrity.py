"""The integrity of the whole installation, judged from our rows alone, without asking Stripe."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from database.statements import query_rows
from domain.states import MONEY_KINDS, DiscrepancyKind, DiscrepancyState, WebhookState
from models import Discrepancy, ReconciliationRun, WebhookEvent
from services.inbox.delivery_health import count_missed_webhooks
from services.inbox.lag import find_long_wait
from services.reconciliation.findings import OVERDUE

UNBALANCED = frozenset({DiscrepancyKind.LEDGER_IMBALANCE, DiscrepancyKind.DUPLICATE_CHARGE})
LARGEST_MS = 2**31 - 1  # GraphQL's largest Int: 24 days
DAY = timedelta(days=1)
WAITING = """
SELECT count(*) FILTER (WHERE state = 'UNRESOLVED') AS unresolved,
  count(*) FILTER (WHERE state = 'NEEDS_REVIEW') AS reviews,
  count(*) FILTER (WHERE state = 'IN_PROGRESS' AND due < now() - $1 * interval '1 second') AS overdue
FROM operation WHERE due IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Integrity:
    """The installation's health, and the figures behind it. Moments are None before the first run.

    `healthy` means that nothing waits for a person or longer than it should: no open finding about money; no operation
    that is unresolved, needs a review or lies overdue; no event that was given up or has waited for Stripe for an hour.
    While a broken audit chain is open, `audit_chain_verified_through` is None.
    """

    healthy: bool
    ledger_balanced: bool
    unresolved_operations: int
    operations_needing_review: int
    dead_webhooks: int
    oldest_unprocessed_webhook_ms: int
    missed_webhooks: int
    open_discrepancies: int
    audit_chain_verified_through: datetime | None
    last_reconciled_at: datetime | None


async def measure_integrity() -> Integrity:
    """Measure the integrity now, as far as the last run has compared."""
    still_open = Discrepancy.filter(state=DiscrepancyState.OPEN)
    chain_broken = await still_open.filter(kind=DiscrepancyKind.BROKEN_CHAIN).exists()
    (waiting,) = await query_rows(WAITING, [OVERDUE.total_seconds()])
    dead = await WebhookEvent.filter(state=WebhookState.DEAD).count()
    oldest = await WebhookEvent.filter(due__isnull=False).order_by("received_at").first()
    age = datetime.now(UTC) - oldest.received_at if oldest is not None else None
    last = await ReconciliationRun.filter(finished_at__isnull=False).order_by("-finished_at").first()
    return Integrity(
        healthy=not any(waiting.values())
        and not dead
        and await find_long_wait() is None
        and not await still_open.filter(kind__in=list(MONEY_KINDS)).exists(),
        ledger_balanced=not await still_open.filter(kind__in=list(UNBALANCED)).exists(),
        unresolved_operations=waiting["unresolved"],
        operations_needing_review=waiting["reviews"],
        dead_webhooks=dead,
        oldest_unprocessed_webhook_ms=min(int(age.total_seconds() * 1000), LARGEST_MS) if age is not None else 0,
        missed_webhooks=await count_missed_webhooks(DAY),
        open_discrepancies=await still_open.count(),
        audit_chain_verified_through=last.to_moment if last is not None and not chain_broken else None,
        last_reconciled_at=last.finished_at if last is not None else None,
    )
