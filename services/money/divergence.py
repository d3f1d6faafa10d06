"""What Stripe holds where it is not what was asked for: shown to a person as soon as it is written.

Another program may change an intent's amount or currency, and Stripe may take more than was held. That is recorded as
it is (`services.money.payment_state`); here are the alarm and the finding.
"""

import structlog

from database.statements import insert_if_new
from domain.ids import new_id
from domain.states import DiscrepancyState
from models import Discrepancy, Payment
from provider import ProviderPayment
from services.reconciliation.findings import drift_findings

log = structlog.get_logger(__name__)


def is_not_as_asked(payment: Payment, seen: ProviderPayment) -> bool:
    """Tell whether Stripe's amount or currency is another than the payment's."""
    return (seen.amount_minor, seen.currency) != (payment.amount_minor, payment.currency)


async def report_not_as_asked(payment: Payment, seen: ProviderPayment) -> None:
    """Raise the alarm, and open a finding for each thing that differs or bring the open one up to date.

    Runs inside the transaction that has written the difference on the row. A reconciliation finds the same again.
    """
    for finding in drift_findings(seen, payment):
        log.error("payment.not_as_asked", payment=str(payment.id), intent=seen.id, kind=finding.kind.value)
        figures = {"local": dict(finding.local), "provider": dict(finding.provider)}
        row = Discrepancy(
            id=new_id(),
            payment_id=payment.id,
            livemode=payment.livemode,
            kind=finding.kind,
            subject=finding.subject,
            **figures,
        )
        if not await insert_if_new(row):
            found = Discrepancy.filter(kind=finding.kind, subject=finding.subject, livemode=payment.livemode)
            await found.filter(state=DiscrepancyState.OPEN).update(**figures)
