"""The audit trail: one row for each change, chained by hash, which the database refuses to change or delete."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from domain.ids import new_id
from domain.states import PaymentStatus
from models.customers import Customer
from models.orders import Order


class PaymentEvent(Model):
    """One change: its actor, its cause, and the values before and after.

    `sequence` has no gap within an order; `hash` covers the event and `previous_hash`.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField(
        "models.Order", related_name="events", on_delete=fields.RESTRICT
    )
    order_id: UUID
    payment_id: UUID | None = fields.UUIDField(null=True)
    refund_id: UUID | None = fields.UUIDField(null=True)
    sequence: int = fields.IntField()
    type = fields.CharField(max_length=64)
    actor: dict[str, Any] = fields.JSONField(default=dict)
    from_status: PaymentStatus | None = fields.CharEnumField(  # type: ignore[assignment]  # its stub has no null
        PaymentStatus, max_length=32, description="before", null=True
    )
    to_status: PaymentStatus | None = fields.CharEnumField(  # type: ignore[assignment]  # its stub has no null
        PaymentStatus, max_length=32, description="after", null=True
    )
    amount_minor: int | None = fields.BigIntField(null=True)
    currency = fields.CharField(max_length=3)
    before: dict[str, Any] = fields.JSONField(default=dict)
    after: dict[str, Any] = fields.JSONField(default=dict)
    operation_id: UUID | None = fields.UUIDField(null=True)
    stripe_event_id = fields.CharField(max_length=255, null=True)
    stripe_request_id = fields.CharField(max_length=255, null=True)
    occurred_at: datetime = fields.DatetimeField()
    recorded_at: datetime = fields.DatetimeField()
    previous_hash = fields.CharField(max_length=64)
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "payment_event"
        unique_together = (("order_id", "sequence"),)
        indexes = (("payment_id", "sequence"),)


class CustomerEvent(Model):
    """One change of a customer at Stripe or of a method that they keep, as `PaymentEvent` is one of an order.

    `sequence` has no gap within a customer; `hash` covers the event and `previous_hash`.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="events", on_delete=fields.RESTRICT
    )
    customer_id: UUID
    subject_id: UUID | None = fields.UUIDField(null=True)
    sequence: int = fields.IntField()
    type = fields.CharField(max_length=64)
    actor: dict[str, Any] = fields.JSONField(default=dict)
    before: dict[str, Any] = fields.JSONField(default=dict)
    after: dict[str, Any] = fields.JSONField(default=dict)
    operation_id: UUID | None = fields.UUIDField(null=True)
    stripe_event_id = fields.CharField(max_length=255, null=True)
    stripe_request_id = fields.CharField(max_length=255, null=True)
    occurred_at: datetime = fields.DatetimeField()
    recorded_at: datetime = fields.DatetimeField()
    previous_hash = fields.CharField(max_length=64)
    hash = fields.CharField(max_length=64)

    class Meta:
        table = "customer_event"
        unique_together = (("customer_id", "sequence"),)
