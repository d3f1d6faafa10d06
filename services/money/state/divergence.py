"""Differences between a payment at Stripe and the payment that was asked for, reported as soon as they are written.

Another program may change an intent's amount or currency, and Stripe may take more than was held. The state writer
(`services.money.state.payment_state`) records Stripe's figures as they are; this module raises the alarm and opens the
finding.
"""

import structlog

from database.statements import insert_if_new
from domain.ids import new_id
from domain.states import DiscrepancyState
from models import Discrepancy, Payment
from provider import ProviderPayment
from services.reconciliation.findings import Finding, drift_findings

log = structlog.get_logger(__name__)


def is_not_as_asked(payment: Payment, seen: ProviderPayment) -> bool:
    """Return True if Stripe's amount or currency differs from what we asked for, or ask for by an update under way."""
    return seen.currency != payment.currency or seen.amount_minor not in (
        payment.amount_minor,
        payment.next_amount_minor,
    )


async def report_not_as_asked(payment: Payment, seen: ProviderPayment) -> None:
    """Log an error, and open or update one discrepancy for each figure that differs.

    Runs inside the transaction that has written the difference on the payment. A reconciliation run finds the same
    discrepancies.
    """
    for finding in drift_findings(seen, payment):
        log.error("payment.not_as_asked", payment=str(payment.id), intent=seen.id, kind=finding.kind.value)
        await open_discrepancy(finding, livemode=payment.livemode)


async def open_discrepancy(finding: Finding, *, livemode: bool) -> None:
    """Open a discrepancy for a finding outside a run, or bring the figures of the open one up to date."""
    figures = {"local": dict(finding.local), "provider": dict(finding.provider)}
    row = Discrepancy(
        id=new_id(),
        payment_id=finding.payment_id,
        livemode=livemode,
        kind=finding.kind,
        subject=finding.subject,
        **figures,
    )
    if not await insert_if_new(row):
        found = Discrepancy.filter(kind=finding.kind, subject=finding.subject, livemode=livemode)
        await found.filter(state=DiscrepancyState.OPEN).update(**figures)
