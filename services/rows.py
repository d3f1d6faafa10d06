"""Row locks, always in one order: operation, order, payment, refund. Nobody takes them in another one."""

from uuid import UUID

from domain.states import RefundStatus
from models import Order, Payment, Refund


async def lock_order(order_id: UUID) -> Order:
    """The order's row, locked until the transaction ends."""
    return await Order.select_for_update(no_key=True).get(id=order_id)


async def lock_payment(payment_id: UUID) -> tuple[Order, Payment]:
    """The payment's order and then the payment, both locked."""
    found = await Payment.get(id=payment_id).values_list("order_id", flat=True)
    order = await lock_order(UUID(str(found)))
    return order, await Payment.select_for_update(no_key=True).get(id=payment_id)


async def lock_refund(refund_id: UUID) -> tuple[Order, Payment, Refund]:
    """The refund's order, its payment, and then the refund, all locked."""
    found = await Refund.get(id=refund_id).values_list("payment_id", flat=True)
    order, payment = await lock_payment(UUID(str(found)))
    return order, payment, await Refund.select_for_update(no_key=True).get(id=refund_id)


async def has_unknown_refund(payment_id: UUID) -> bool:
    """Whether nobody knows what became of one of the payment's refunds."""
    return await Refund.filter(payment_id=payment_id, status=RefundStatus.UNKNOWN).exists()
