"""Refunds of payments. A refund counts against its payment from the moment it is written."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from domain.ids import new_id
from domain.money import Money
from domain.states import RefundReason, RefundStatus
from models.payments import Payment


class Refund(Model):
    """Money on its way back. `stripe_refund_id` is null until Stripe has answered, or while the outcome is unknown."""

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    payment: fields.ForeignKeyRelation[Payment] = fields.ForeignKeyField(
        "models.Payment", related_name="refunds", on_delete=fields.RESTRICT
    )
    payment_id: UUID
    livemode = fields.BooleanField()
    amount_minor: int = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    status = fields.CharEnumField(
        RefundStatus, max_length=32, description="Stripe's status", default=RefundStatus.INITIATED
    )
    reason = fields.CharEnumField(RefundReason, max_length=32, description="why")
    note = fields.CharField(max_length=1000, null=True)
    failure_reason = fields.CharField(max_length=255, null=True)
    requested_by: dict[str, Any] = fields.JSONField(default=dict)
    stripe_refund_id = fields.CharField(max_length=255, null=True)
    metadata: dict[str, str] = fields.JSONField(default=dict)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "refund"
        indexes = (Index(fields=("payment_id", "created_at")), Index(fields=("created_at", "id")))

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    def facts(self) -> dict[str, Any]:
        """Return the figures that an audit event keeps of the refund."""
        return {
            "refund_id": str(self.id),
            "refund_status": self.status.value,
            "refund_minor": self.amount_minor,
            "stripe_refund_id": self.stripe_refund_id,
        }
