"""Row locks, always in one order: operation, order, payments, refund. Nobody takes them in another one."""

from uuid import UUID

from domain.states import RefundStatus
from models import Order, Payment, Refund


async def lock_order(order_id: UUID) -> Order:
    """The order and its payments, all locked until the transaction ends."""
    return await _with_payments(await Order.select_for_update(no_key=True).get(id=order_id))


async def lock_payment(payment_id: UUID) -> tuple[Order, Payment]:
    """The payment's order with all its payments, locked until the transaction ends, and the one that was asked for."""
    order = await Order.select_for_update(no_key=True, of=("orders",)).get(payments__id=payment_id)
    await _with_payments(order)
    return order, next(payment for payment in order.locked_payments if payment.id == payment_id)


async def has_unknown_refund(payment_id: UUID) -> bool:
    """Whether nobody knows what became of one of the payment's refunds."""
    return await Refund.filter(payment_id=payment_id, status=RefundStatus.UNKNOWN).exists()


async def _with_payments(order: Order) -> Order:
    """A statement of its own, after the order is locked: nobody can add a payment any more, and none is missed."""
    payments = Payment.filter(order_id=order.id).select_for_update(no_key=True)
    order.locked_payments = await payments.order_by("created_at", "id")
    for payment in order.locked_payments:
        payment.order = order
    return order
