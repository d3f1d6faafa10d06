"""Rows for tests that read, written straight into the tables."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.ids import Kind, decode, encode
from domain.states import PaymentStatus, RefundReason, RefundStatus
from models import Customer, Order, Payment, Refund

NOON = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


async def an_order(name: str, customer: Customer | None = None, currency: str = "USD") -> Order:
    return await Order.create(
        external_id=name, total_minor=10_000, currency=currency, customer_id=customer.id if customer else None
    )


async def a_payment(order: Order, number: int = 0, **changes: Any) -> Payment:
    """A finished payment. Its times are in pairs of equals, so that ids have to decide."""
    moment = NOON + timedelta(microseconds=number // 2)
    given: dict[str, Any] = {
        "order_id": order.id,
        "customer_id": order.customer_id,
        "livemode": False,
        "status": PaymentStatus.CANCELED,
        "currency": order.currency,
        "amount_minor": 100 + number // 3,
        "stripe_payment_intent_id": f"pi_{order.external_id}_{number}",
        **changes,
    }
    payment = await Payment.create(**given)
    await Payment.filter(id=payment.id).update(created_at=moment, updated_at=moment)
    await payment.refresh_from_db()
    return payment


async def a_refund(payment: Payment, amount: int = 10) -> Refund:
    return await Refund.create(
        payment_id=payment.id,
        livemode=False,
        amount_minor=amount,
        currency=payment.currency,
        status=RefundStatus.FAILED,
        reason=RefundReason.OTHER,
        note="seen by the staff",
        requested_by={"kind": "STAFF", "id": "clerk", "label": None},
    )


def wire(row: Payment) -> str:
    return encode(Kind.PAYMENT, row.id)


def row_id(text: str) -> UUID:
    """The row id in a TypeID."""
    decoded = decode(text)
    assert decoded is not None
    return decoded[1]
