"""Orders: a service registers the amount owed, before anyone can pay it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from database.row_writer import set_fields
from database.statements import insert_if_new
from database.unit_of_work import UnitOfWork
from domain.commands import RegisterOrder
from domain.errors import ErrorCode, Refused
from domain.ids import derived_id
from domain.money import Money
from models import Customer, Operation, Order
from services.audit.trail import Cause, Change, record
from services.money.operations.claims import IdempotentRequest
from services.money.operations.ends import end_without_step
from services.money.operations.runner import OperationOutcome, OperationRunner, run_once
from services.money.state import locking
from services.money.state.payment_state import recompute_order

STATED: Final = ("total_minor", "currency", "customer_id")  # beside the columns that the command stores


@dataclass(frozen=True, slots=True)
class NamedCustomer:
    """The customer that a registration names. `changed` are the personal columns that it changed: was there a value?"""

    customer: Customer
    changed: Mapping[str, bool] = field(default_factory=dict)


async def register_order(
    request: IdempotentRequest, command: RegisterOrder, *, runner: OperationRunner
) -> OperationOutcome:
    """Register an order, or change it while no payment has begun.

    When money was taken and no payment is open, the total may still be lowered, down to the amount taken: the remaining
    goods will never be sent. Raises Refused(INVALID_STATE) when anything else about the money of a begun order would
    change.
    """

    async def accept(work: UnitOfWork, operation: Operation) -> None:
        cause = Cause(actor=request.caller.actor, operation_id=operation.id)
        named = await _upsert_customer(command)
        order = await _upsert(work, command, named.customer if named is not None else None, cause)
        for change in _changes_of(named) if named is not None else ():
            await record(work, order, change, cause)
        operation.order_id = order.id
        await end_without_step(work, operation, "order_id")

    return await run_once(request, accept, runner)


async def _upsert(work: UnitOfWork, command: RegisterOrder, customer: Customer | None, cause: Cause) -> Order:
    fresh = Order(
        id=derived_id("order", command.external_id),  # Stripe's metadata names it; a second registration gets it again
        external_id=command.external_id,
        total_minor=command.total.amount_minor,
        currency=command.total.currency,
        customer_id=customer.id if customer else None,
        **command.stored(),
    )
    if await insert_if_new(fresh):
        await record(work, fresh, Change("order.registered", before={}, after=fresh.facts(), amount=fresh.total), cause)
        return fresh
    order = await locking.lock_registered_order(command.external_id)
    before = order.facts()
    changes_money = (order.total_minor, order.currency) != (command.total.amount_minor, command.total.currency)
    changes_terms = order.customer_id != (customer.id if customer else None)
    changes_terms |= order.capture_method is not command.capture_method
    changes_terms |= order.allow_partial_payments != command.allow_partial_payments
    may_change = not _payment_begun(order) or (_only_lowers(order, command.total) and not changes_terms)
    if (changes_money or changes_terms) and not may_change:
        raise Refused(
            ErrorCode.INVALID_STATE,
            "This order has a payment: its currency, customer and capture method, and whether it may be paid in parts,"
            " can no longer change. Its total can only be lowered, to what was taken, while no payment is under way.",
            ("input", "externalId"),
        )
    if order.line_items != command.line_items and _payment_open(order):
        raise Refused(
            ErrorCode.INVALID_STATE,
            "This order has an open payment, and Stripe was told its line items: they can change when it has ended.",
            ("input", "lineItems"),
        )
    order.total_minor, order.currency = command.total.amount_minor, command.total.currency
    order.customer_id = customer.id if customer else None
    set_fields(order, command.stored())
    changed = recompute_order(order)
    change = Change("order.updated", before=before, after=order.facts(), amount=order.total)
    await record(work, order, change, cause, order_changed=(*STATED, *command.stored(), *changed))
    return order


def _only_lowers(order: Order, total: Money) -> bool:
    """Return True if a new total is lower, no less than the amount taken, and no payment is open."""
    is_lower = total.currency == order.currency and order.paid_minor <= total.amount_minor < order.total_minor
    return is_lower and not _payment_open(order)


def _payment_open(order: Order) -> bool:
    return any(not payment.is_final for payment in order.locked_payments)


def _payment_begun(order: Order) -> bool:
    """Return True if a payment is open or has taken money: an abandoned payment does not bind the order."""
    return _payment_open(order) or any(payment.captured_minor > 0 for payment in order.locked_payments)


async def _upsert_customer(command: RegisterOrder) -> NamedCustomer | None:
    """Insert or update the customer that the order names, with what it states about them; what it leaves out stays."""
    if command.customer_external_id is None:
        return None
    values = {"email": command.customer_email, "name": command.customer_name, "phone": command.customer_phone}
    stated = {column: value for column, value in values.items() if value is not None}
    fresh = Customer(external_id=command.customer_external_id, **stated)
    if await insert_if_new(fresh):
        return NamedCustomer(fresh)
    customer = await Customer.get(external_id=command.customer_external_id)
    before = {column: getattr(customer, column) for column in stated}
    changes = {column: value for column, value in stated.items() if before[column] != value}
    if changes:
        set_fields(customer, changes)
        await customer.save(update_fields=[*changes, "updated_at"])
    return NamedCustomer(customer, changed={column: before[column] is not None for column in changes})


def _changes_of(named: NamedCustomer) -> Iterator[Change]:
    """Yield the events of what changed about a customer: that it changed, without the values themselves.

    Events are kept for good, and what is about a person must be erasable. See docs/adr/0018-what-the-trail-keeps.md.
    """
    known = {"customer_id": str(named.customer.id)}
    for column, had_value in named.changed.items():
        before = known | {column: "given" if had_value else None}
        yield Change(f"customer.{column}_changed", before=before, after=known | {column: "changed"})
