"""Setups: payment methods that customers are about to keep, without a payment."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from domain.ids import new_id
from domain.states import SetupFutureUsage, SetupIntentStatus
from models.customers import Customer, Version


class SetupIntent(Model):
    """The way of one customer to keep a payment method without paying.

    `usage` is what the customer agrees to; `method_id` is the saved method that came of it. `next_action` and
    `last_error` are snapshots without secrets, of the customer's next step and of the last attempt that failed; the
    error keeps Stripe's id of the request of that attempt, where it is known. `last_synced_at` grows with every answer
    of Stripe's that is merged here.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="setup_intents", on_delete=fields.RESTRICT
    )
    customer_id: UUID
    livemode = fields.BooleanField()
    status = fields.CharEnumField(
        SetupIntentStatus, max_length=32, description="Stripe's status", default=SetupIntentStatus.INITIATED
    )
    usage = fields.CharEnumField(SetupFutureUsage, max_length=16, description="what the customer agrees to")
    stripe_setup_intent_id = fields.CharField(max_length=255, null=True, unique=True)
    method_id: UUID | None = fields.UUIDField(null=True)
    next_action: dict[str, Any] | None = fields.JSONField(null=True)
    last_error: dict[str, Any] | None = fields.JSONField(null=True)
    version: int = fields.IntField(default=1)
    last_synced_at: datetime | None = fields.DatetimeField(null=True)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "setup_intent"
        indexes = (Index(fields=("customer_id", "created_at", "id")),)

    @property
    def revision(self) -> Version:
        """The state of the row as a pair; merging an answer that changes nothing makes a new one too."""
        return self.version, self.last_synced_at

    def facts(self) -> dict[str, Any]:
        """Return the part of the setup that an audit event keeps; of an error, its codes."""
        error = self.last_error or {}
        return {
            "setup_intent_id": str(self.id),
            "stripe_setup_intent_id": self.stripe_setup_intent_id,
            "status": self.status.value,
            "usage": self.usage.value,
            "method_id": str(self.method_id) if self.method_id is not None else None,
            "error": error.get("code"),
            "decline_code": error.get("details", {}).get("decline_code"),
        }
