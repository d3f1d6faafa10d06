"""Customers: the shop's own id of a person, their record at Stripe, and the payment methods that they keep there."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from database.computed import computed
from domain.ids import new_id
from domain.states import SetupFutureUsage

Version = tuple[int, datetime | None]


class Customer(Model):
    """The person who pays, known by the shop's id; `external_id` is the `sub` of a buyer's token.

    A person has one customer at Stripe, which is made when it is first needed: `stripe_params` are the exact parameters
    of that request, and `stripe_generation` is part of its key, so that whoever needs the customer first, or at the
    same time, makes the same one. `default_method_id` is the saved payment method that is used where none is named.
    `last_sequence` and `last_hash` are the head of the customer's own audit chain; `last_synced_at` grows with every
    answer of Stripe's that is merged here.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    external_id = fields.CharField(max_length=255, unique=True)
    email = fields.CharField(max_length=320, null=True)
    name = fields.CharField(max_length=250, null=True)
    phone = fields.CharField(max_length=40, null=True)
    stripe_customer_id = fields.CharField(max_length=255, null=True, unique=True)
    stripe_params: dict[str, Any] | None = fields.JSONField(null=True)
    stripe_params_at: datetime | None = fields.DatetimeField(null=True)
    stripe_generation: int = fields.IntField(default=1, db_default=1)  # the version before writes customers too
    default_method_id: UUID | None = fields.UUIDField(null=True)
    version: int = fields.IntField(default=1, db_default=1)
    last_sequence: int = fields.IntField(default=0, db_default=0)
    last_hash = fields.CharField(max_length=64, default="", db_default="")
    last_synced_at: datetime | None = fields.DatetimeField(null=True)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "customer"

    @property
    def stripe_key(self) -> str:
        """The idempotency key at Stripe of the request that makes the customer."""
        return f"customer:{self.id}:{self.stripe_generation}"

    @property
    def revision(self) -> Version:
        """The state of the row as a pair; merging an answer that changes nothing makes a new one too."""
        return self.version, self.last_synced_at


class SavedPaymentMethod(Model):
    """A payment method that a customer keeps at Stripe for later payments.

    `method` is the snapshot that a receipt shows: brand, last four digits, expiry, wallet; never a number. `expires_on`
    is the last day on which it can be used. `usage` is what the customer agreed to; null where the method was not saved
    here. A method that is gone at Stripe stays here with the moment `detached_at`.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="methods", on_delete=fields.RESTRICT
    )
    customer_id: UUID
    livemode = fields.BooleanField()
    stripe_payment_method_id = fields.CharField(max_length=255)
    method: dict[str, Any] = fields.JSONField()
    usage: SetupFutureUsage | None = fields.CharEnumField(  # type: ignore[assignment]  # its stub has no null
        SetupFutureUsage, max_length=16, description="what the customer agreed to", null=True
    )
    expires_on: date | None = fields.DateField(null=True)
    detached_at: datetime | None = fields.DatetimeField(null=True)
    version: int = fields.IntField(default=1)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "saved_payment_method"
        unique_together = (("stripe_payment_method_id", "customer_id"),)
        indexes = (Index(fields=("customer_id", "created_at", "id")),)

    @computed("detached_at")
    def is_kept(self) -> bool:
        """True until the method is detached."""
        return self.detached_at is None

    def facts(self) -> dict[str, Any]:
        """Return the part of the method that an audit event keeps."""
        return {
            "method_id": str(self.id),
            "stripe_payment_method_id": self.stripe_payment_method_id,
            "method": self.method,
            "usage": self.usage.value if self.usage is not None else None,
            "is_detached": self.detached_at is not None,
        }
