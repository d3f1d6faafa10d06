"""Rows that are there for certain, read or locked. Locks are taken in one order: operation, order, payments, refund."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from domain.states import OperationKind, RefundStatus
from models import Operation, Order, Payment, Refund
from models.partial import columns_of, whole, whole_from_json
from models.sql import fetch, read


@dataclass(frozen=True, slots=True)
class Seen:
    """How things stood at one moment when somebody came with a key: the order, with its payments, and what had become
    of the key. Nothing of it is locked."""

    order: Order | None
    operation: Operation | None

    def payment(self, payment_id: UUID | None) -> Payment | None:
        """One of the order's payments."""
        payments = self.order.locked_payments if self.order is not None else []
        return next((payment for payment in payments if payment.id == payment_id), None)


async def see(order_id: UUID | None, *, principal: str, kind: OperationKind, key: str) -> Seen:
    """The order and the key by one statement. A key that could not be one is of no operation."""
    statement, seen = _seeing()
    (row,) = await fetch(statement, order_id, principal, kind.value, key)
    return seen(row)


@lru_cache(maxsize=1)
def _seeing() -> tuple[str, Callable[[Sequence[Any]], Seen]]:
    orders, operations, payments = (columns_of(table) for table in (Order, Operation, Payment))
    selected = [f'o."{column}"' for column in orders] + [f'k."{column}"' for column in operations]
    each = ", ".join(f'p."{column}"' for column in payments)
    statement = f"""
        SELECT {", ".join(selected)}, (
          SELECT json_agg(json_build_array({each}) ORDER BY p.created_at, p.id) FROM payment p WHERE p.order_id = o.id
        ) FROM (SELECT) AS one
        LEFT JOIN orders o ON o.id = $1
        LEFT JOIN operation k ON k.principal = $2 AND k.kind = $3 AND k.key = $4
    """  # noqa: S608 - our own names
    order_of: Any = whole(Order, orders)
    operation_of: Any = whole(Operation, operations)
    payments_of: Any = whole_from_json(Payment)
    order_id, operation_id = orders.index("id"), len(orders) + operations.index("id")

    def seen(row: Sequence[Any]) -> Seen:
        order = None
        if row[order_id] is not None:
            order = order_of(row[: len(orders)])
            _belong(order, payments_of(row[-1]))
        return Seen(order, operation_of(row[len(orders) : -1]) if row[operation_id] is not None else None)

    return statement, seen


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


async def lock_payment(payment_id: UUID) -> tuple[Order, Payment]:
    """The payment's order with all its payments, locked until the transaction ends, and the one that was asked for."""
    owner = "WHERE id = (SELECT order_id FROM payment WHERE id = $1) FOR NO KEY UPDATE"  # which never changes
    (order,) = await read(Order, owner, payment_id)
    await _with_payments(order)
    return order, next(payment for payment in order.locked_payments if payment.id == payment_id)


async def has_unknown_refund(payment_id: UUID) -> bool:
    """Whether nobody knows what became of one of the payment's refunds."""
    return await Refund.filter(payment_id=payment_id, status=RefundStatus.UNKNOWN).exists()


async def _with_payments(order: Order) -> Order:
    """A statement of its own, after the order is locked: nobody can add a payment any more, and none is missed."""
    those = "WHERE order_id = $1 ORDER BY created_at, id FOR NO KEY UPDATE"
    _belong(order, await read(Payment, those, order.id))
    return order


def _belong(order: Order, payments: list[Payment]) -> None:
    order.locked_payments = payments
    for payment in payments:
        payment.order = order
