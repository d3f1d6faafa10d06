"""Reconciliation: its runs, what they found, and whether everything is in order."""

from datetime import datetime

import strawberry

import models
from domain.ids import Kind
from resolvers.reading.pagination import Paging
from resolvers.reconciliation import discrepancies_of, payment_of
from schema.enums import DiscrepancyKind, DiscrepancyState
from schema.fields import After, Before, First, Info, Last, column, field, related
from schema.scalars import Json
from schema.types.connections import Connection
from schema.types.node import Node
from schema.types.payments import Payment
from services.reconciliation import integrity

FOUND = 50  # what a page of a run's findings holds unless more is asked for


@strawberry.type(description="One thing that differs between Stripe and our rows, or among our rows.")
class Discrepancy(Node):
    """Wraps a discrepancy's row."""

    kind_of_id = Kind.DISCREPANCY
    row: strawberry.Private[models.Discrepancy]

    @classmethod
    def of(cls, row: models.Discrepancy) -> "Discrepancy":
        return cls(row=row)

    kind = column(DiscrepancyKind, "What differs.")

    payment = related(
        Payment | None,
        "The payment that it is about; null where there is none here, and for who may not read payments.",
        payment_of,
    )

    local = column(Json, "Our figures; empty where we have nothing.")

    provider = column(Json, "Stripe's figures; empty where it has nothing, or has no part in it.")

    state = column(DiscrepancyState, "What became of it.")

    resolution = column(str | None, "Why it was closed; null while it is open.")

    detected_at = column(datetime, "When it was first found.")


@strawberry.type(description="One comparison of everything in a window of time with Stripe.")
class ReconciliationRun(Node):
    """Wraps a run's row."""

    kind_of_id = Kind.RUN
    row: strawberry.Private[models.ReconciliationRun]

    @classmethod
    def of(cls, row: models.ReconciliationRun) -> "ReconciliationRun":
        return cls(row=row)

    started_at = column(datetime, "When it began.")

    finished_at = column(datetime | None, "When it ended; null while it runs, or waits to be gone on with.")

    @field
    def window(self) -> str:
        """What it compares: an ISO 8601 interval of when things were made, its end exclusive."""
        return f"{self.row.from_moment.isoformat()}/{self.row.to_moment.isoformat()}"

    checked = column(int, "How many things it has compared.")

    repaired = column(int, "How many discrepancies it has repaired, its own and older ones.")

    @field
    async def discrepancies(
        self,
        info: Info,
        first: First = FOUND,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Discrepancy]:
        """What it was the first to find, newest first."""
        paging = Paging(first=first, after=after, last=last, before=before, default=FOUND)
        return Connection.of(await discrepancies_of(info.context, self.row.id, paging))


@strawberry.type(description="Whether everything is in order, as far as the last reconciliation has looked.")
class SystemIntegrity:
    """The figures that an alarm watches."""

    healthy: bool = strawberry.field(
        description="Nothing waits for a person, or for longer than it should: no operation is unresolved, overdue or"
        " needs a review, no event was given up, and no discrepancy about money is open."
    )
    ledger_balanced: bool = strawberry.field(
        description="Orders' sums are their payments', and none took more than it owes."
    )
    unresolved_operations: int = strawberry.field(description="Operations whose outcome nobody knows yet.")
    operations_needing_review: int = strawberry.field(
        description="Operations whose outcome Stripe cannot tell: a person settles them with `resolveOperation`."
    )
    dead_webhooks: int = strawberry.field(
        description="Events of Stripe's that were given up; `replayWebhookEvents` tries them again."
    )
    oldest_unprocessed_webhook_ms: int = strawberry.field(
        description="How long the oldest event has waited to be applied, in milliseconds, at most 24 days; 0 for none."
    )
    missed_webhooks: int = strawberry.field(
        description="Events of the last 24 hours that had to be fetched and whose webhook has not come after five"
        " minutes; counts to 100,000. More than a few mean that webhooks do not arrive."
    )
    open_discrepancies: int = strawberry.field(description="Discrepancies of any kind that are open.")
    audit_chain_verified_through: datetime | None = strawberry.field(
        description="The end of the last window whose orders' audit chains were checked; null while one is broken."
    )
    last_reconciled_at: datetime | None = strawberry.field(description="When the last run ended.")

    @classmethod
    def of(cls, seen: integrity.Integrity) -> "SystemIntegrity":
        return cls(
            healthy=seen.healthy,
            ledger_balanced=seen.ledger_balanced,
            unresolved_operations=seen.unresolved_operations,
            operations_needing_review=seen.operations_needing_review,
            dead_webhooks=seen.dead_webhooks,
            oldest_unprocessed_webhook_ms=seen.oldest_unprocessed_webhook_ms,
            missed_webhooks=seen.missed_webhooks,
            open_discrepancies=seen.open_discrepancies,
            audit_chain_verified_through=seen.audit_chain_verified_through,
            last_reconciled_at=seen.last_reconciled_at,
        )
