"""Visibility: the rows that a caller may see. `Visibility` decides for every row of an answer, at any depth.

A payment is its own customer's, an order its present customer's. Who sees a payment sees its refunds and events; an
event of an order alone is seen by the customer whose the order was at that time, and is now. A view token sees no more
than the buyer for whom it was made. See docs/adr/0015-who-sees-what.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q

from database.row_reader import READ_BELOW
from database.statements import read
from domain.caller import Caller, Scope
from domain.states import OperationKind, PaymentShare, order_payment_status, order_sums
from models import Customer, Operation, Order, Payment, PaymentEvent, Refund, SetupIntent
from resolvers.access import own_customer_id, require, sees_all_payments, signed_in
from resolvers.context import RequestContext
from resolvers.reading.filters import matching
from resolvers.reading.relations import ORDER_OF_PAYMENT
from resolvers.reading.search import NOBODY

# What statements compare a payment's customer with beside NOBODY, where it is not ours to know. No row has this id.
A_STRANGER: Final = UUID(int=2**128 - 1)  # none at all: a buyer whom no order has named


@dataclass(frozen=True, slots=True)
class Visibility:
    """Everything; or what is one customer's, None being the customer of orders that name none; or nothing.

    `order_id` bounds it further, to that order and its payments.
    """

    everything: bool = False
    is_buyers: bool = False
    customer_id: UUID | None = None
    order_id: UUID | None = None

    def includes_order(self, order: Order) -> bool:
        return self.everything or (self._is_their(order.customer_id) and self.order_id in (None, order.id))

    def includes_payment(self, payment: Payment) -> bool:
        return self.everything or (self._is_their(payment.customer_id) and self.order_id in (None, payment.order_id))

    def includes_order_event(self, order: Order, after: Mapping[str, Any]) -> bool:
        """True for an event of the order alone, which has these facts, that was recorded while the order was theirs.

        Events that do not say whose the order was are the staff's.
        """
        if self.everything:
            return True
        if not self.includes_order(order) or "customer_id" not in after:
            return False
        of = after["customer_id"]
        return self._is_their(UUID(of) if of is not None else None)

    def includes_customer(self, customer_id: UUID) -> bool:
        """True for themselves; a view token shows no people."""
        return self.everything or (self.order_id is None and self._is_their(customer_id))

    def _is_their(self, customer_id: UUID | None) -> bool:
        knows_nobody = customer_id is None and self.order_id is None  # two unknown buyers are not the same person
        return self.is_buyers and not knows_nobody and customer_id == self.customer_id

    @property
    def owner(self) -> UUID | None:
        """The customer whose payments a statement may show, NOBODY for those without one; None for all."""
        if self.everything:
            return None
        if not self.is_buyers or (self.customer_id is None and self.order_id is None):
            return A_STRANGER
        return self.customer_id or NOBODY

    def column(self) -> tuple[str, UUID] | None:
        """The column of payments that says all of `condition`, and its value; None where no single one does."""
        if self.is_buyers and self.order_id is None and self.customer_id is not None:
            return "customer_id", self.customer_id
        return None

    def condition(self, prefix: str = "") -> Q | None:
        """The condition on payments, or on what hangs below them with `prefix`; None when nothing can match."""
        if self.everything:
            return Q()
        if self.owner == A_STRANGER:
            return None
        if self.customer_id is None:
            theirs = matching(**{f"{prefix}customer_id__isnull": True})
        else:
            theirs = matching(**{f"{prefix}customer_id": self.customer_id})
        return theirs & matching(**{f"{prefix}order_id": self.order_id}) if self.order_id is not None else theirs


NOTHING: Final = Visibility()
EVERYTHING: Final = Visibility(everything=True)


async def visibility(context: RequestContext) -> Visibility:
    """Return the visibility of rows in answers at any depth. Never raises.

    Staff see the rows of their own mutations too.
    """
    return EVERYTHING if sees_all_payments(context.caller) else await _of_payer(context, context.caller)


async def lookup(context: RequestContext) -> Visibility:
    """Return the visibility of rows that the caller may look up and list.

    Raises AuthenticationRequired, or Forbidden for a token that reads nothing.
    """
    caller = signed_in(context)
    if caller.order_id is None:
        require(context, Scope.PAYMENTS_READ, Scope.PAYMENTS_PAY)
    return EVERYTHING if caller.can(Scope.PAYMENTS_READ) else await _of_payer(context, caller)


async def _of_payer(context: RequestContext, caller: Caller | None) -> Visibility:
    if caller is None:
        return NOTHING
    if caller.order_id is not None:
        return Visibility(is_buyers=True, customer_id=caller.customer_id, order_id=caller.order_id)
    return Visibility(is_buyers=True, customer_id=await own_customer_id(context))


async def visible_order(context: RequestContext, order: Order | None) -> Order | None:
    """The order, if the caller may see it."""
    return order if order is not None and (await visibility(context)).includes_order(order) else None


async def visible_payment(context: RequestContext, payment: Payment | None) -> Payment | None:
    """The payment, if the caller may see it."""
    return payment if payment is not None and (await visibility(context)).includes_payment(payment) else None


async def visible_refund(
    context: RequestContext, refund: Refund | None, sees: Visibility | None = None
) -> Refund | None:
    """The refund, if the caller may see its payment; `sees` bounds it further than `visibility` does."""
    sees = sees or await visibility(context)
    if refund is None or sees.everything:
        return refund
    payment = await context.loaders.payment.load(refund.payment_id)
    return refund if payment is not None and sees.includes_payment(payment) else None


async def visible_event(context: RequestContext, event: PaymentEvent | None, sees: Visibility) -> PaymentEvent | None:
    """The event, if the caller may see the payment that it is about; of an order alone, if it was and is theirs."""
    if event is None or sees.everything:
        return event
    if event.payment_id is not None:
        payment = await context.loaders.payment.load(event.payment_id)
        return event if payment is not None and sees.includes_payment(payment) else None
    order = await context.loaders.order.load(event.order_id)
    return event if order is not None and sees.includes_order_event(order, event.after) else None


async def visible_customer(context: RequestContext, customer_id: UUID | None) -> Customer | None:
    """The customer of something that the caller may see, if the caller may see people: the staff, or themselves."""
    if customer_id is None or not (await visibility(context)).includes_customer(customer_id):
        return None
    return await context.loaders.customer.load(customer_id)


async def visible_setup(context: RequestContext, setup_id: UUID | None) -> SetupIntent | None:
    """The setup, if the caller may see its customer."""
    setup = await context.loaders.setup_intent.load(setup_id) if setup_id is not None else None
    return setup if setup is not None and (await visibility(context)).includes_customer(setup.customer_id) else None


async def shows_person(context: RequestContext, row: Order | Payment) -> bool:
    """Return True if the caller may see what a visible order or payment tells of its customer, as above."""
    sees = await visibility(context)
    return sees.everything or (row.customer_id is not None and sees.includes_customer(row.customer_id))


async def customer_of(context: RequestContext, row: Order | Payment) -> Customer | None:
    """Return the customer of an order or a payment that the caller may see; None as above."""
    return await visible_customer(context, row.customer_id)


def visible_operation(context: RequestContext, operation: Operation | None) -> Operation | None:
    """The operation, if the caller used its key, looks after all of them, or sees all payments."""
    sees_all = signed_in(context).can(Scope.PAYMENTS_READ)
    return operation if operation is not None and (sees_all or may_read_key(context, operation)) else None


def may_read_key(context: RequestContext, operation: Operation) -> bool:
    """Return True if the caller may read an operation's key: its owner, and operators."""
    caller = signed_in(context)
    return operation.principal == caller.principal or caller.can(Scope.OPS_READ)


def may_read_payload(context: RequestContext) -> bool:
    """Return True if the caller may read the payloads of Stripe's events, and not only that they came."""
    return signed_in(context).can(Scope.PAYMENTS_READ)


async def operation_of_event(context: RequestContext, event: PaymentEvent) -> Operation | None:
    """The operation that brought an event, if the caller may see it."""
    if event.operation_id is None or context.caller is None:
        return None
    return visible_operation(context, await context.loaders.operation.load(event.operation_id))


async def visible_result(
    context: RequestContext, operation: Operation
) -> Order | Payment | Refund | SetupIntent | None:
    """Return the row that an operation made or changed, if the caller may see it.

    Operations of other callers are for those who may look payments up.
    """
    caller, loaders = signed_in(context), context.loaders
    if operation.principal != caller.principal and not caller.can(Scope.PAYMENTS_READ):
        return None
    if operation.refund_id is not None:
        return await visible_refund(context, await loaders.refund.load(operation.refund_id))
    if operation.payment_id is not None and operation.kind is not OperationKind.REGISTER_ORDER:
        return await visible_payment(context, await loaders.payment.load(operation.payment_id))
    if operation.order_id is not None:
        return await visible_order(context, await loaders.order.load(operation.order_id))
    return await visible_setup(context, operation.setup_intent_id)


async def order_of_payment(context: RequestContext, payment: Payment, order: Order) -> Order:
    """The order of a payment that the caller may see; for whom it is no longer, what their payment tells of it."""
    if (await visibility(context)).includes_order(order):
        return order
    whole = await context.loaders.payment.load(payment.id)
    assert whole is not None, "a payment that is not there"
    return as_paid_by(order, whole)


def as_paid_by(order: Order, payment: Payment) -> Order:
    """Return an order that has become somebody else's, as the payment of an earlier customer tells it.

    It has its numbers and the amount that it asked of them, and no later price, payment or person. It is never written.
    """
    facts = [payment.as_facts()]
    paid_minor, refunded_minor = order_sums(payment.currency, facts)
    told = Order(
        id=order.id,
        external_id=order.external_id,
        customer_id=payment.customer_id,
        total_minor=payment.amount_minor,
        currency=payment.currency,
        paid_minor=paid_minor,
        refunded_minor=refunded_minor,
        payment_status=order_payment_status(payment.amount, facts),
        capture_method=payment.capture_method,
        allow_partial_payments=payment.share is not PaymentShare.WHOLE,
        paid_at=payment.captured_at if paid_minor >= payment.amount_minor else None,
        version=payment.version,
        created_at=order.created_at,
        updated_at=payment.updated_at,
    )
    told.locked_payments = [payment]
    return told


async def without_foreign_orders(rows: Iterable[Any], sees: Visibility) -> None:
    """Put what their payment tells of it in place of each order, read below these rows, that is not the caller's."""
    foreign = [] if sees.everything else [payment for payment in _above_orders(rows) if _is_foreign(payment, sees)]
    if not foreign:
        return
    payments = {row.id: row for row in await read(Payment, "WHERE id = ANY($1)", [one.id for one in foreign])}
    orders = {row.id: row for row in await read(Order, "WHERE id = ANY($1)", [one.order_id for one in foreign])}
    for one in foreign:
        one.__dict__[READ_BELOW][ORDER_OF_PAYMENT.key] = as_paid_by(orders[one.order_id], payments[one.id])


def _is_foreign(payment: Payment, sees: Visibility) -> bool:
    """True for a payment of theirs whose order has become somebody else's. Foreign payments are not shown at all."""
    return sees.includes_payment(payment) and not sees.includes_order(
        payment.__dict__[READ_BELOW][ORDER_OF_PAYMENT.key]
    )


def _above_orders(rows: Iterable[Any]) -> Iterable[Payment]:
    """The payments, of these rows and of those below them, whose orders were read with them."""
    for row in rows:
        below: dict[str, Any] = row.__dict__.get(READ_BELOW, {})
        if ORDER_OF_PAYMENT.key in below:
            yield row
        for found in below.values():
            yield from _above_orders(found if isinstance(found, list) else [found])
