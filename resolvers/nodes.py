"""Anything by its id alone."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from domain.caller import Scope
from domain.errors import DomainError, ErrorCode, Refused
from domain.ids import Kind, decode
from domain.text import check_external_id
from models import (
    Customer,
    Discrepancy,
    Operation,
    Order,
    Payment,
    PaymentEvent,
    ReconciliationRun,
    Refund,
    SavedPaymentMethod,
    SetupIntent,
    WebhookEvent,
)
from resolvers.access import signed_in
from resolvers.context import RequestContext
from resolvers.visibility import Visibility, lookup, visible_event, visible_operation, visible_refund

Row = (
    Order
    | Payment
    | Refund
    | Customer
    | SavedPaymentMethod
    | SetupIntent
    | Operation
    | PaymentEvent
    | WebhookEvent
    | ReconciliationRun
    | Discrepancy
)

MOST_NODES = 100
NUMBERED: Final = frozenset({Kind.ORDER, Kind.CUSTOMER})  # by the shop too, in `externalId`
MOST_ENTITIES: Final = 1_000  # a router refers to all that a page leads to at once; one statement reads as many


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


async def entities(
    context: RequestContext, *, representations: Sequence[object], kinds: Mapping[str, Kind]
) -> list[Row | DomainError | None]:
    """The rows behind a router's references, in their order: what `node` has, or the refusal that takes its place.

    A reference has the name of a type, of which `kinds` are all, and an id; or the shop's own number of an order or a
    customer. Raises AuthenticationRequired, and Refused for too many.
    """
    signed_in(context)
    if len(representations) > MOST_ENTITIES:
        raise _refused(f"`representations` may have at most {MOST_ENTITIES} entries.")
    return list(await asyncio.gather(*(_entity(context, reference, kinds) for reference in representations)))


async def _entity(context: RequestContext, reference: object, kinds: Mapping[str, Kind]) -> Row | DomainError | None:
    try:
        if not isinstance(reference, Mapping):
            raise _refused("A representation must be an object with `__typename` and the field of a key.")
        name = reference.get("__typename")
        kind = kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            raise _refused("`__typename` of a representation must be a type with a key.")
        if "id" not in reference and kind in NUMBERED:
            return await _numbered(context, kind, _key(reference, "externalId"))
        decoded = decode(_key(reference, "id"), kind)
        return await _find(context, *decoded) if decoded is not None else None
    except DomainError as refusal:  # of this one: the others are answered
        return refusal


async def _numbered(context: RequestContext, kind: Kind, external_id: str) -> Row | None:
    """Find a row by the shop's number, for a caller who may look things up: others must not learn that it exists."""
    await lookup(context)
    text = check_external_id(external_id, path=("externalId",))
    by_number = context.loaders.order_by_external_id if kind is Kind.ORDER else context.loaders.customer_by_external_id
    found: Order | Customer | None = await by_number.load(text)
    return await _find(context, kind, found.id) if found is not None else None


def _key(reference: Mapping[str, object], field: str) -> str:
    value = reference.get(field)
    if not isinstance(value, str):
        raise _refused(f"`{field}` of a representation must be a text.")
    return value


def _refused(message: str) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, message, ("representations",))


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
    if kind is Kind.METHOD:
        method = await loaders.saved_method.load(identity)
        return method if method is not None and sees.includes_customer(method.customer_id) else None
    if kind is Kind.SETUP:
        setup = await loaders.setup_intent.load(identity)
        return setup if setup is not None and sees.includes_customer(setup.customer_id) else None
    if kind is Kind.REFUND:
        return await visible_refund(context, await loaders.refund.load(identity), sees)
    if kind is Kind.EVENT:
        return await visible_event(context, await loaders.event.load(identity), sees)
    return None
