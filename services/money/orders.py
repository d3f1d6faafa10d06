"""Orders: a service registers the amount owed, before anyone can pay it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from database.row_writer import set_fields
from database.statements import insert_if_new
from database.unit_of_work import UnitOfWork
from domain.commands import RegisterOrder
from domain.ids import derived_id
from models import Customer, Operation, Order, Payment
from services.audit.trail import Cause, Change, record
from services.money.operations.claims import IdempotentRequest
from services.money.operations.ends import end_without_step
from services.money.operations.runner import OperationOutcome, OperationRunner, run_once
from services.money.repricing import begin_repricing, find_following_payment
from services.money.state import locking
from services.money.state.order_state import change_terms


@dataclass(frozen=True, slots=True)
class NamedCustomer:
    """The customer that a registration names. `changed` are the personal columns that it changed: was there a value?"""

    customer: Customer
    changed: Mapping[str, bool] = field(default_factory=dict)


async def register_order(
    request: IdempotentRequest, command: RegisterOrder, *, runner: OperationRunner
) -> OperationOutcome:
    """Register an order, or change it.

    Once a payment has begun only its total and what describes it may change. While the payment is not confirmed, its
    amount follows the total at Stripe, and the order changes with it or not at all: the outcome's `error` is
    InvalidState when the payer was quicker. When no payment follows, the total covers what was taken. Raises the errors
    of `find_following_payment` and of `run_once`.
    """

    async def accept(work: UnitOfWork, operation: Operation) -> Payment | None:
        cause = Cause(actor=request.caller.actor, operation_id=operation.id)
        named = await _upsert_customer(command)
        terms = _terms(command, named.customer if named is not None else None)
        order = await _insert(work, command, terms, cause)
        following = None
        if order is None:
            order = await locking.lock_registered_order(command.external_id)
            following = await find_following_payment(operation, order, terms)
            if following is None:
                await change_terms(work, order, terms, cause)
            else:
                await begin_repricing(work, operation, order, following, terms, cause)
        for change in _changes_of(named) if named is not None else ():
            await record(work, order, change, cause)
        operation.order_id = order.id
        if following is None:
            await end_without_step(work, operation, "order_id")
        return following

    return await run_once(request, accept, runner)


def _terms(command: RegisterOrder, customer: Customer | None) -> dict[str, Any]:
    """Return all that the shop says of the order, by the names of its columns."""
    total, customer_id = command.total, customer.id if customer is not None else None
    money = {"total_minor": total.amount_minor, "currency": total.currency}
    return {**money, "customer_id": customer_id, **command.stored()}


async def _insert(work: UnitOfWork, command: RegisterOrder, terms: Mapping[str, Any], cause: Cause) -> Order | None:
    """Insert the order; None if it is registered already."""
    # Stripe's metadata names the id; a second registration gets it again.
    order = Order(id=derived_id("order", command.external_id), external_id=command.external_id, **terms)
    if not await insert_if_new(order):
        return None
    await record(work, order, Change("order.registered", before={}, after=order.facts(), amount=order.total), cause)
    return order


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
