"""Compare our rows with each other: orders with their payments, chains with their heads, holds with their expiry."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from database.statements import query_rows
from domain.states import DiscrepancyKind
from models import Payment
from provider import Provider
from services.audit.customer_trail import find_broken_customer_chains
from services.audit.trail import find_broken_chains
from services.reconciliation.comparisons import compare_payments, find_busy_payments, find_payment
from services.reconciliation.findings import Finding, expiring_finding

OF_A_CUSTOMER: Final = "customer:"  # begins the subject of a finding that is about no order
SUMS = """
SELECT o.id, o.total_minor, o.paid_minor, o.refunded_minor,
  coalesce(sum(p.captured_minor), 0)::bigint AS captured, coalesce(sum(p.refunded_minor), 0)::bigint AS given_back,
  coalesce(sum((SELECT sum(r.amount_minor) FROM refund r
    WHERE r.payment_id = p.id AND r.status = 'SUCCEEDED' AND r.currency = o.currency)), 0
  )::bigint AS refunds, count(p.id) FILTER (WHERE p.captured_minor > p.refunded_minor) AS charges
FROM orders o LEFT JOIN payment p ON p.order_id = o.id AND coalesce(p.provider_currency, p.currency) = o.currency
WHERE o.id = ANY($1::uuid[]) GROUP BY o.id ORDER BY o.id
"""


async def compare_orders(order_ids: Sequence[UUID], *, chains: Collection[UUID]) -> list[Finding]:
    """Find orders whose sums differ from their payments' or exceed the total, and the broken chains among `chains`."""
    found = await query_rows(SUMS, [list(order_ids)])
    broken = await find_broken_chains(list(chains)) if chains else {}
    findings = [finding for row in found for finding in order_findings(row)]
    for order_id, sequence in broken.items():
        findings.append(Finding(DiscrepancyKind.BROKEN_CHAIN, str(order_id), {"broken_at": sequence}))
    return findings


async def compare_customer_chains(customer_ids: Sequence[UUID]) -> list[Finding]:
    """Find the broken audit chains of these customers."""
    broken = await find_broken_customer_chains(customer_ids)
    return [
        Finding(DiscrepancyKind.BROKEN_CHAIN, f"{OF_A_CUSTOMER}{customer_id}", {"broken_at": sequence})
        for customer_id, sequence in broken.items()
    ]


def order_findings(row: dict[str, Any]) -> list[Finding]:
    """Compare an order's sums with its payments' and refunds', and the money kept with its total.

    Two payments are no duplicate where a partial capture left something to pay, or where one was refunded.
    """
    problems = []
    if row["paid_minor"] != row["captured"]:
        problems.append("the order's paid sum is not its payments'")
    if not row["refunded_minor"] == row["given_back"] == row["refunds"]:
        problems.append("the order's refunded sum is not its refunds'")
    figures = {name: value for name, value in row.items() if name != "id"}
    findings = []
    if problems:
        local = {**figures, "problems": problems}
        findings.append(Finding(DiscrepancyKind.LEDGER_IMBALANCE, str(row["id"]), local))
    if row["captured"] - row["given_back"] > row["total_minor"]:
        findings.append(Finding(DiscrepancyKind.DUPLICATE_CHARGE, str(row["id"]), figures))
    return findings


async def find_expiring_authorizations(held: Sequence[Payment], *, provider: Provider, now: datetime) -> list[Finding]:
    """Find held money whose capture ends within a day. After its end Stripe is asked, for it may have been captured.

    A payment with an open operation is left out. Raises ProviderFailure.
    """
    busy = await find_busy_payments([row.id for row in held])
    findings = []
    for row in held:
        finding = expiring_finding(row, now=now) if row.id not in busy else None
        if finding is None:
            continue
        is_over = row.capture_before is not None and row.capture_before <= now
        seen = await find_payment(finding.subject, provider=provider) if is_over else None
        drifted = await compare_payments([seen], livemode=row.livemode) if seen is not None else []
        has_drifted = any(found.kind is DiscrepancyKind.STATUS_DRIFT for found in drifted)
        findings += drifted if has_drifted else [finding]
    return findings
