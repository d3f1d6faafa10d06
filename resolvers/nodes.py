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
from resolvers.access import signed_in
from resolvers.context import RequestContext
from resolvers.visibility import Visibility, lookup, visible_event, visible_operation, visible_refund

Row = Order | Payment | Refund | Customer | Operation | PaymentEvent | WebhookEvent | ReconciliationRun | Discrepancy

MOST_NODES = 100


async def node(context: RequestContext, *, id: str) -> Row | None:
    """The row behind an id, if it is the caller's to see; None for anything else."""
    signed_in(context)
    decoded = decode(id)
    return await _find(context, *decoded) if decoded is not None else None


async def nodes(context: RequestContext, *, ids: Sequence[str]) -> list[Row | None]:
    """The rows behind these ids, in their order, with None where `node` would have it."""
    signed_in(context)
    if len(ids) > MOST_NODES:
        raise Refused(ErrorCode.VALIDATION_FAILED, f"`ids` may have at most {MOST_NODES} entries.", ("ids",))
    return list(await asyncio.gather(*(node(context, id=text) for text in ids)))


async def _find(context: RequestContext, kind: Kind, identity: UUID) -> Row | None:
    caller = signed_in(context)
    if kind is Kind.OPERATION:
        return visible_operation(context, await context.loaders.operation.load(identity))
    if kind is Kind.WEBHOOK:
        return await context.loaders.webhook_event.load(identity) if caller.can(Scope.OPS_READ) else None
    if kind is Kind.RUN:
        return await context.loaders.reconciliation_run.load(identity) if caller.can(Scope.FINANCE_READ) else None
    if kind is Kind.DISCREPANCY:
        return await context.loaders.discrepancy.load(identity) if caller.can(Scope.FINANCE_READ) else None
    return await _visible(context, await lookup(context), kind, identity)


async def _visible(context: RequestContext, sees: Visibility, kind: Kind, identity: UUID) -> Row | None:
    loaders = context.loaders
    if kind is Kind.ORDER:
        order = await loaders.order.load(identity)
        return order if order is not None and sees.includes_order(order) else None
    if kind is Kind.PAYMENT:
        payment = await loaders.payment.load(identity)
        return payment if payment is not None and sees.includes_payment(payment) else None
    if kind is Kind.CUSTOMER:
        return await loaders.customer.load(identity) if sees.includes_customer(identity) else None
    if kind is Kind.REFUND:
        return await visible_refund(context, await loaders.refund.load(identity), sees)
    if kind is Kind.EVENT:
        return await visible_event(context, await loaders.event.load(identity), sees)
    return None
