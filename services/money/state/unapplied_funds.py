"""Money that a customer has transferred and that pays nothing: too much, too late, or of a payment that was given up.

Stripe keeps it in the customer's cash balance, where the next transfer payment of theirs takes it. It is theirs until
then: somebody has to see it. Source: docs.stripe.com/payments/customer-balance/reconciliation.
"""

from datetime import UTC, datetime
from typing import Final

import structlog

from domain.states import DiscrepancyKind, DiscrepancyState
from models import Customer, Discrepancy
from provider import ProviderFunds
from services.audit.trail import Cause
from services.money.state.divergence import open_discrepancy
from services.reconciliation.findings import funds_findings

log = structlog.get_logger(__name__)

NOTHING_LEFT: Final = "Stripe has applied the money to a payment, or returned it."


async def report_unapplied_funds(customer: Customer, seen: ProviderFunds, cause: Cause) -> None:
    """Log an error and open a discrepancy for each currency in which money pays nothing; close those that are over.

    The caller holds the customer's lock, and no other look has been merged since Stripe was asked.
    """
    findings = funds_findings(seen, customer)
    for finding in findings:
        log.error("customer.funds_unapplied", customer=str(customer.id), **finding.provider)
        await open_discrepancy(finding, livemode=seen.livemode)
    before = Discrepancy.filter(kind=DiscrepancyKind.UNAPPLIED_FUNDS, subject__startswith=f"{seen.customer_id} ")
    over = before.filter(state=DiscrepancyState.OPEN, livemode=seen.livemode)
    await over.exclude(subject__in=[finding.subject for finding in findings]).update(
        state=DiscrepancyState.REPAIRED,
        resolution=NOTHING_LEFT,
        resolved_by=cause.actor.to_record(),
        resolved_at=datetime.now(UTC),
    )
