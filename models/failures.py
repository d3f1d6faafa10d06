"""Failed payment attempts: facts, which no later success takes back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from domain.ids import new_id
from models.payments import Payment


class PaymentFailure(Model):
    """One failed attempt, with its error as a caller sees it.

    `error` is a domain error's record; `decline_code` is Stripe's, as in the error, for searching. `request_id` is the
    id of the request that failed: ours where an operation made the attempt, else Stripe's. `stripe_charge_id`
    identifies an attempt; an attempt that failed before there was a charge (3DS) is identified by its event.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    payment: fields.ForeignKeyRelation[Payment] = fields.ForeignKeyField(
        "models.Payment", related_name="failures", on_delete=fields.RESTRICT
    )
    payment_id: UUID
    code = fields.CharField(max_length=64)
    decline_code = fields.CharField(max_length=100, null=True)
    error: dict[str, Any] = fields.JSONField()
    method: dict[str, Any] | None = fields.JSONField(null=True)
    request_id = fields.CharField(max_length=255, null=True)
    operation_id: UUID | None = fields.UUIDField(null=True)
    stripe_charge_id = fields.CharField(max_length=255, null=True)
    stripe_event_id = fields.CharField(max_length=255, null=True)
    failed_at: datetime = fields.DatetimeField()
    created_at: datetime = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "payment_failure"
        indexes = (Index(fields=("payment_id", "failed_at", "id")), Index(fields=("decline_code", "payment_id")))
