"""Rows that are there for certain, read or locked. Locks are taken in one order: operation, order, payments, refund."""

from uuid import UUID

from domain.states import RefundStatus
from models import Operation, Order, Payment, Refund
from models.sql import read


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
    order.locked_payments = await read(Payment, those, order.id)
    for payment in order.locked_payments:
        payment.order = order
    return order
