"""The state of orders: sums and status from their payments, a total that is settled, and terms that change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from database.row_writer import set_fields
from database.unit_of_work import UnitOfWork
from domain.states import order_payment_status, order_sums
from models import Order
from services.audit.trail import Cause, Change, record


async def settle_order(work: UnitOfWork, order: Order, cause: Cause) -> None:
    """Lower an order's total to the amount taken, and what its open payments ask for: no more will be asked for.

    The caller holds the lock.
    """
    settled_minor = order.paid_minor + sum(payment.asked_minor for payment in order.locked_payments)
    if order.paid_minor == 0 or order.total_minor <= settled_minor:
        return
    before = order.facts()
    order.total_minor = settled_minor
    changed = recompute_order(order)
    change = Change("order.settled", before=before, after=order.facts(), amount=order.total)
    await record(work, order, change, cause, order_changed=("total_minor", *changed))


async def change_terms(work: UnitOfWork, order: Order, terms: Mapping[str, Any], cause: Cause) -> None:
    """Write what the shop says of an order beside its total: fields by the names of their columns.

    The caller holds the lock.
    """
    before = order.facts()
    set_fields(order, terms)
    changed = recompute_order(order)
    change = Change("order.updated", before=before, after=order.facts(), amount=order.total)
    await record(work, order, change, cause, order_changed=(*terms, *changed))


def recompute_order(order: Order) -> tuple[str, ...]:
    """Set an order's sums and status from its locked payments; return the fields to be written.

    The version grows with every call.
    """
    payments = [payment.as_facts() for payment in order.locked_payments]
    order.paid_minor, order.refunded_minor = order_sums(order.currency, payments)
    order.payment_status = order_payment_status(order.total, payments)
    order.paid_at = None if order.due_minor > 0 else order.paid_at or _last_taken(order)
    order.version += 1
    return "paid_minor", "refunded_minor", "payment_status", "paid_at", "version"


def _last_taken(order: Order) -> datetime | None:
    """Return the moment at which the last of the order's money was taken, if it is known."""
    paying = [payment for payment in order.locked_payments if payment.held_currency == order.currency]
    return max((payment.captured_at for payment in paying if payment.captured_at is not None), default=None)
