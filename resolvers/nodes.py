"""Anything by its id alone."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from domain.caller import Scope
from domain.errors import ErrorCode, Refused
from domain.ids import Kind, decode
from models import (
    Customer,
    Discrepancy,
    Operation,
    Order,
    Payment,
    PaymentEvent,
    ReconciliationRun,
    Refund,
    WebhookEvent,
)
from resolvers.access import Reach, reach, signed_in
from resolvers.context import Asking

Row = Order | Payment | Refund | Customer | Operation | PaymentEvent | WebhookEvent | ReconciliationRun | Discrepancy

MOST_NODES = 100


async def node(asking: Asking, *, id: str) -> Row | None:
    """The row behind an id, if it is the caller's to see; None for anything else."""
    signed_in(asking)
    decoded = decode(id)
    return await _find(asking, *decoded) if decoded is not None else None


async def nodes(asking: Asking, *, ids: Sequence[str]) -> list[Row | None]:
    """The rows behind these ids, in their order, with None where `node` would have it."""
    signed_in(asking)
    if len(ids) > MOST_NODES:
        raise Refused(ErrorCode.VALIDATION_FAILED, f"`ids` may have at most {MOST_NODES} entries.", ("ids",))
    return list(await asyncio.gather(*(node(asking, id=text) for text in ids)))


async def _find(asking: Asking, kind: Kind, identity: UUID) -> Row | None:
    caller = signed_in(asking)
    if kind is Kind.OPERATION:
        operation = await asking.loaders.operation.load(identity)
        is_theirs = operation is not None and operation.principal == caller.principal
        return operation if is_theirs or caller.can(Scope.OPS_READ) else None
    if kind is Kind.WEBHOOK:
        return await asking.loaders.webhook_event.load(identity) if caller.can(Scope.OPS_READ) else None
    if kind is Kind.RUN:
        return await asking.loaders.reconciliation_run.load(identity) if caller.can(Scope.FINANCE_READ) else None
    if kind is Kind.DISCREPANCY:
        return await asking.loaders.discrepancy.load(identity) if caller.can(Scope.FINANCE_READ) else None
    return await _covered(asking, await reach(asking), kind, identity)


async def _covered(asking: Asking, covered: Reach, kind: Kind, identity: UUID) -> Row | None:
    loaders = asking.loaders
    if kind is Kind.ORDER:
        order = await loaders.order.load(identity)
        return order if order is not None and covered.covers_order(order) else None
    if kind is Kind.PAYMENT:
        return await _covered_payment(asking, covered, identity)
    if kind is Kind.CUSTOMER:
        return await loaders.customer.load(identity) if covered.covers_customer(identity) else None
    if kind is Kind.REFUND:
        refund = await loaders.refund.load(identity)
        payment = await _covered_payment(asking, covered, refund.payment_id) if refund is not None else None
        return refund if payment is not None else None
    if kind is Kind.EVENT:
        return await _covered_event(asking, covered, identity)
    return None


async def _covered_payment(asking: Asking, covered: Reach, identity: UUID) -> Payment | None:
    payment = await asking.loaders.payment.load(identity)
    return payment if payment is not None and covered.covers_payment(payment) else None


async def _covered_event(asking: Asking, covered: Reach, identity: UUID) -> PaymentEvent | None:
    event = await asking.loaders.event.load(identity)
    if event is None:
        return None
    if event.payment_id is not None:
        return event if await _covered_payment(asking, covered, event.payment_id) is not None else None
    order = await asking.loaders.order.load(event.order_id)
    return event if order is not None and covered.covers_order(order) else None
