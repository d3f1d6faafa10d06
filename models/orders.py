"""Orders: the amounts owed. Only a service may register one; a buyer's client never states an amount."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from database.computed import computed
from domain.ids import new_id
from domain.money import Money
from domain.states import CaptureMethod, OrderPaymentStatus
from models.customers import Customer

if TYPE_CHECKING:
    from models.payments import Payment


class Order(Model):
    """The amount that a shop wants to be paid, and the amounts paid and refunded so far.

    `paid_minor`, `refunded_minor` and `payment_status` are derived from the order's payments, and written in the
    transaction of the payment that changed them. `last_sequence` and `last_hash` are the head of its audit chain.
    `paid_at` is the moment at which the last of the money that pays it was taken; null while it owes anything.
    `shipping` and `line_items` are records of `domain.checkout`, as the shop stated them.
    `locked_payments` is no column: the function that locks an order (`services.money.state.locking`) puts its payments
    there, the oldest first.
    """

    locked_payments: "list[Payment]"

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    external_id = fields.CharField(max_length=255, unique=True)
    customer: fields.ForeignKeyNullableRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="orders", null=True, on_delete=fields.RESTRICT
    )
    customer_id: UUID | None
    description = fields.CharField(max_length=1000, null=True)
    total_minor: int = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    paid_minor: int = fields.BigIntField(default=0)
    refunded_minor: int = fields.BigIntField(default=0)
    payment_status = fields.CharEnumField(
        OrderPaymentStatus, max_length=32, description="derived", default=OrderPaymentStatus.UNPAID
    )
    capture_method = fields.CharEnumField(
        CaptureMethod,
        max_length=16,
        description="when money is taken",
        default=CaptureMethod.AUTOMATIC,
        db_default=CaptureMethod.AUTOMATIC.value,  # the version before writes orders too, until it is replaced
    )
    allow_partial_payments = fields.BooleanField(default=False, db_default=False)
    metadata: dict[str, str] = fields.JSONField(default=dict)
    statement_descriptor_suffix = fields.CharField(max_length=22, null=True)
    shipping: dict[str, Any] | None = fields.JSONField(null=True)
    line_items: list[dict[str, Any]] | None = fields.JSONField(null=True)
    excluded_payment_method_types: list[str] | None = fields.JSONField(null=True)
    paid_at: datetime | None = fields.DatetimeField(null=True)
    version: int = fields.IntField(default=1)
    last_sequence: int = fields.IntField(default=0)
    last_hash = fields.CharField(max_length=64, default="")
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "orders"
        indexes = (Index(fields=("customer_id", "created_at")),)

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @computed("total_minor", "paid_minor")
    def due_minor(self) -> int:
        """The amount still to be taken, in minor units; a refund does not make an order owe again."""
        return max(self.total_minor - self.paid_minor, 0)

    @property
    def due(self) -> Money:
        """The amount still to be taken."""
        return Money(self.due_minor, self.currency)

    @property
    def payable(self) -> Money:
        """The amount that a new payment of a locked order may ask for."""
        return self.payable_beside(self.locked_payments)

    def payable_beside(self, payments: "Iterable[Payment]") -> Money:
        """Return the amount that a new payment may ask for: what is due, less what these payments still ask for."""
        asked_minor = sum(payment.asked_minor for payment in payments)
        return Money(max(self.due_minor - asked_minor, 0), self.currency)

    def facts(self) -> dict[str, Any]:
        """Return the part of the order that an audit event keeps: its customer, the shop's terms, and its figures.

        Free text may name people, and events stay for good, so an event keeps only a digest, which shows that the text
        changed.
        """
        return {
            "customer_id": str(self.customer_id) if self.customer_id is not None else None,
            "capture_method": self.capture_method.value,
            "allow_partial_payments": self.allow_partial_payments,
            "description": self._digest(self.description),
            "metadata": self._digest(self.metadata),
            "statement_descriptor_suffix": self._digest(self.statement_descriptor_suffix),
            "shipping": self._digest(self.shipping),
            "line_items": self._digest(self.line_items),
            "excluded_payment_method_types": self.excluded_payment_method_types,
            "currency": self.currency,
            "total_minor": self.total_minor,
            "paid_minor": self.paid_minor,
            "refunded_minor": self.refunded_minor,
            "payment_status": self.payment_status.value,
        }

    def _digest(self, text: str | Mapping[str, Any] | Sequence[Any] | None) -> str | None:
        """Return the SHA-256, in hex, of what the shop said together with the order's id; None for nothing."""
        content = json.dumps([str(self.id), text], sort_keys=True).encode()
        return hashlib.sha256(content).hexdigest() if text else None
