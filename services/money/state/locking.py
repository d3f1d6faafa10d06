"""Rows that must exist, read or locked. Locks are taken in one order.

Operation, order, payments, refund, customer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from database.leases import LeaseLost
from database.row_reader import columns_of, full_row_from_json
from database.statements import read, read_one, select_joined
from domain.states import OperationKind
from models import Customer, Operation, Order, Payment

ORDER_AND_OPERATION = """
FROM (SELECT) AS one
LEFT JOIN orders o ON o.id = $1
LEFT JOIN customer c ON c.id = o.customer_id
LEFT JOIN operation k ON k.principal = $2 AND k.kind = $3 AND k.key = $4
"""


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """An order with its owner and payments, and the operation of a key, at one moment. Nothing is locked."""

    order: Order | None
    customer_external_id: str | None  # of the order's customer
    stripe_customer_id: str | None  # likewise
    operation: Operation | None

    def payment(self, payment_id: UUID | None) -> Payment | None:
        """Return the order's payment with this id, or None."""
        payments = self.order.locked_payments if self.order is not None else []
        return next((payment for payment in payments if payment.id == payment_id), None)


async def read_snapshot(order_id: UUID | None, *, principal: str, kind: OperationKind, key: str) -> OrderSnapshot:
    """Read the order and the operation of the key by one statement; an invalid key has no operation."""
    payments, rows_of = _payments()
    ((order, operation, owner, stripe_customer_id, found),) = await select_joined(
        {"o": Order, "k": Operation},
        ORDER_AND_OPERATION,
        order_id,
        principal,
        kind.value,
        key,
        also=("c.external_id", "c.stripe_customer_id", payments),
    )
    if order is not None:
        _belong(order, rows_of(found))
    return OrderSnapshot(order, owner, stripe_customer_id, operation)


@lru_cache(maxsize=1)
def _payments() -> tuple[str, Callable[[str | None], list[Any]]]:
    """Return the SQL expression for the payments of an order `o`, oldest first, and the function that parses them."""
    each = ", ".join(f'p."{column}"' for column in columns_of(Payment))
    listed = f"json_agg(json_build_array({each}) ORDER BY p.created_at, p.id)"
    return f"(SELECT {listed} FROM payment p WHERE p.order_id = o.id)", full_row_from_json(Payment)  # noqa: S608 - our names


async def read_operation(operation_id: UUID) -> Operation:
    """Read the operation."""
    (operation,) = await read(Operation, "WHERE id = $1", operation_id)
    return operation


async def read_payment(payment_id: UUID | None) -> Payment:
    """Read the payment."""
    (payment,) = await read(Payment, "WHERE id = $1", payment_id)
    return payment


async def read_customer(customer_id: UUID | None) -> Customer:
    """Read the customer."""
    (customer,) = await read(Customer, "WHERE id = $1", customer_id)
    return customer


async def lock_customer(customer_id: UUID | None) -> Customer:
    """Lock the customer until the transaction ends."""
    (customer,) = await read(Customer, "WHERE id = $1 FOR NO KEY UPDATE", customer_id)
    return customer


async def lock_customer_of_method(method_id: UUID) -> Customer | None:
    """Lock the customer who keeps this payment method until the transaction ends; None for a method of nobody."""
    owner = "WHERE id = (SELECT customer_id FROM saved_payment_method WHERE id = $1) FOR NO KEY UPDATE"
    return await read_one(Customer, owner, method_id)  # a method never changes hands


async def lock_customer_of_setup(setup_id: UUID) -> Customer:
    """Lock the customer of this setup, and with them the setup, until the transaction ends."""
    owner = "WHERE id = (SELECT customer_id FROM setup_intent WHERE id = $1) FOR NO KEY UPDATE"  # it never changes
    (customer,) = await read(Customer, owner, setup_id)
    return customer


async def lock_operation(operation_id: UUID) -> Operation:
    """Lock the operation until the transaction ends."""
    (operation,) = await read(Operation, "WHERE id = $1 FOR NO KEY UPDATE", operation_id)
    return operation


async def lock_leased(leased: Operation) -> Operation:
    """Lock an operation that this process has leased until the transaction ends. Raises LeaseLost."""
    operation = await lock_operation(leased.id)
    if operation.attempt != leased.attempt or not operation.is_open:
        raise LeaseLost
    operation.held_until = leased.held_until
    return operation


async def lock_order(order_id: UUID) -> Order:
    """Lock the order and its payments until the transaction ends."""
    (order,) = await read(Order, "WHERE id = $1 FOR NO KEY UPDATE", order_id)
    return await _lock_payments(order)


async def lock_registered_order(external_id: str) -> Order:
    """Lock the order with this external id, and its payments, until the transaction ends."""
    (order,) = await read(Order, "WHERE external_id = $1 FOR NO KEY UPDATE", external_id)
    return await _lock_payments(order)


async def lock_payment(payment_id: UUID) -> tuple[Order, Payment]:
    """Lock the payment's order and all its payments until the transaction ends; return the order and the payment."""
    owner = "WHERE id = (SELECT order_id FROM payment WHERE id = $1) FOR NO KEY UPDATE"  # it never changes
    (order,) = await read(Order, owner, payment_id)
    await _lock_payments(order)
    return order, next(payment for payment in order.locked_payments if payment.id == payment_id)


def live_payment(order: Order) -> Payment | None:
    """Return the payment of a locked order that is still open, or None."""
    return next((payment for payment in order.locked_payments if not payment.is_final), None)


async def _lock_payments(order: Order) -> Order:
    """Lock the payments by a second statement: once the order is locked none can be added, so none is missed."""
    those = "WHERE order_id = $1 ORDER BY created_at, id FOR NO KEY UPDATE"
    _belong(order, await read(Payment, those, order.id))
    return order


def _belong(order: Order, payments: list[Payment]) -> None:
    order.locked_payments = payments
    for payment in payments:
        payment.order = order
