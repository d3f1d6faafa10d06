"""Rows that are there for certain, read or locked. Locks are taken in one order: operation, order, payments, refund."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from database.row_reader import columns_of, full_row_from_json
from database.statements import read, select_joined
from domain.states import OperationKind
from models import Operation, Order, Payment

SEEN = """
FROM (SELECT) AS one
LEFT JOIN orders o ON o.id = $1
LEFT JOIN customer c ON c.id = o.customer_id
LEFT JOIN operation k ON k.principal = $2 AND k.kind = $3 AND k.key = $4
"""


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """How things stood at one moment when somebody came with a key: the order, with its owner and its payments, and
    what had become of the key. Nothing of it is locked."""

    order: Order | None
    customer_external_id: str | None  # of whoever the order belongs to
    operation: Operation | None

    def payment(self, payment_id: UUID | None) -> Payment | None:
        """One of the order's payments."""
        payments = self.order.locked_payments if self.order is not None else []
        return next((payment for payment in payments if payment.id == payment_id), None)


async def read_snapshot(order_id: UUID | None, *, principal: str, kind: OperationKind, key: str) -> OrderSnapshot:
    """The order and the key by one statement. A key that could not be one is of no operation."""
    payments, rows_of = _payments()
    ((order, operation, owner, found),) = await select_joined(
        {"o": Order, "k": Operation}, SEEN, order_id, principal, kind.value, key, also=("c.external_id", payments)
    )
    if order is not None:
        _belong(order, rows_of(found))
    return OrderSnapshot(order, owner, operation)


@lru_cache(maxsize=1)
def _payments() -> tuple[str, Callable[[str | None], list[Any]]]:
    """The expression for the payments of an order `o`, oldest first, and what makes rows of it."""
    each = ", ".join(f'p."{column}"' for column in columns_of(Payment))
    listed = f"json_agg(json_build_array({each}) ORDER BY p.created_at, p.id)"
    return f"(SELECT {listed} FROM payment p WHERE p.order_id = o.id)", full_row_from_json(Payment)  # noqa: S608 - our names


async def read_operation(operation_id: UUID) -> Operation:
    """The operation as it stands."""
    (operation,) = await read(Operation, "WHERE id = $1", operation_id)
    return operation


async def read_payment(payment_id: UUID | None) -> Payment:
    """The payment as it stands."""
    (payment,) = await read(Payment, "WHERE id = $1", payment_id)
    return payment


async def lock_operation(operation_id: UUID) -> Operation:
    """The operation, locked until the transaction ends."""
    (operation,) = await read(Operation, "WHERE id = $1 FOR NO KEY UPDATE", operation_id)
    return operation


async def lock_order(order_id: UUID) -> Order:
    """The order and its payments, all locked until the transaction ends."""
    (order,) = await read(Order, "WHERE id = $1 FOR NO KEY UPDATE", order_id)
    return await _with_payments(order)


async def lock_registered_order(external_id: str) -> Order:
    """The order that a shop has registered under its own number, and its payments, locked in the same way."""
    (order,) = await read(Order, "WHERE external_id = $1 FOR NO KEY UPDATE", external_id)
    return await _with_payments(order)


async def lock_payment(payment_id: UUID) -> tuple[Order, Payment]:
    """The payment's order with all its payments, locked until the transaction ends, and the one that was asked for."""
    owner = "WHERE id = (SELECT order_id FROM payment WHERE id = $1) FOR NO KEY UPDATE"  # which never changes
    (order,) = await read(Order, owner, payment_id)
    await _with_payments(order)
    return order, next(payment for payment in order.locked_payments if payment.id == payment_id)


def live_payment(order: Order) -> Payment | None:
    """The payment of a locked order that is still open; None when none is."""
    return next((payment for payment in order.locked_payments if not payment.is_final), None)


async def _with_payments(order: Order) -> Order:
    """A statement of its own, after the order is locked: nobody can add a payment any more, and none is missed."""
    those = "WHERE order_id = $1 ORDER BY created_at, id FOR NO KEY UPDATE"
    _belong(order, await read(Payment, those, order.id))
    return order


def _belong(order: Order, payments: list[Payment]) -> None:
    order.locked_payments = payments
    for payment in payments:
        payment.order = order
