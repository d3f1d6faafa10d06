"""Payments: one attempt each to pay an order, and one PaymentIntent at Stripe."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from database.computed import computed
from domain.ids import new_id
from domain.money import Money
from domain.states import (
    PAYMENT_FINAL,
    CancellationReason,
    CaptureMethod,
    PaymentAction,
    PaymentFacts,
    PaymentShare,
    PaymentStatus,
    SetupFutureUsage,
    allowed_actions,
)
from models.customers import Customer
from models.orders import Order

Revision = tuple[int, datetime | None]


class Payment(Model):
    """Money asked for, held, taken and refunded, in minor units of one currency.

    The status and the totals are Stripe's, merged by `services.money.state.payment_state` only. `refund_pending_minor`
    is our own: the sum of refunds that are reserved and not yet decided. `capture_before` is the moment at which held
    money is released by itself. `method`, `next_action` and `last_error` are snapshots that hold no card number and no
    secret; `last_error` also names the request that failed. `failed_at` is the moment of the last failed attempt,
    whatever came afterwards. `captured_at` is the moment at which money was last taken, `canceled_at` the one of the
    cancellation: Stripe's, where Stripe tells it. Stripe sends a receipt to `receipt_email`; `receipt_url` opens the
    receipt to whoever has it.

    `currency` and `amount_minor` are the values that were asked for. `next_amount_minor` is the amount that an update
    under way asks Stripe for, and null when none is under way. `provider_amount_minor` and `provider_currency`
    are Stripe's where another program has changed them, and null otherwise. All sums (`capturable_minor` to
    `disputed_minor`) are in `held_currency`: no number is taken over without its currency.

    `off_session` says that it was asked for while its payer was away; they may have come back to confirm it.

    `share` says which part of its order the payment asks for, and with it whether others may be open at once.

    `last_synced_at` grows with every snapshot of Stripe's that is merged here, whether or not it changed anything.
    `reopened_at` is the moment at which Stripe turned out to hold a payment open that was final here.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField(
        "models.Order", related_name="payments", on_delete=fields.RESTRICT
    )
    order_id: UUID
    customer: fields.ForeignKeyNullableRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="payments", null=True, on_delete=fields.RESTRICT
    )
    customer_id: UUID | None
    supersedes: "fields.ForeignKeyNullableRelation[Payment]" = fields.ForeignKeyField(
        "models.Payment", related_name="superseded_by", null=True, on_delete=fields.RESTRICT
    )
    supersedes_id: UUID | None
    livemode = fields.BooleanField()
    status = fields.CharEnumField(
        PaymentStatus, max_length=32, description="Stripe's status", default=PaymentStatus.INITIATED
    )
    capture_method = fields.CharEnumField(
        CaptureMethod, max_length=16, description="when money is taken", default=CaptureMethod.AUTOMATIC
    )
    setup_future_usage: SetupFutureUsage | None = fields.CharEnumField(  # type: ignore[assignment]  # its stub has no null
        SetupFutureUsage, max_length=16, description="may the method be kept", null=True
    )
    off_session = fields.BooleanField(default=False, db_default=False)  # the version before writes payments too
    share = fields.CharEnumField(
        PaymentShare,
        max_length=8,
        description="of its order",
        default=PaymentShare.WHOLE,
        db_default=PaymentShare.WHOLE.value,  # the version before writes payments too, until it is replaced
    )
    currency = fields.CharField(max_length=3)
    amount_minor: int = fields.BigIntField()
    next_amount_minor: int | None = fields.BigIntField(null=True)
    capturable_minor: int = fields.BigIntField(default=0)
    captured_minor: int = fields.BigIntField(default=0)
    refunded_minor: int = fields.BigIntField(default=0)
    refund_pending_minor: int = fields.BigIntField(default=0)
    disputed_minor: int = fields.BigIntField(default=0)
    provider_currency = fields.CharField(max_length=3, null=True)
    provider_amount_minor: int | None = fields.BigIntField(null=True)
    stripe_payment_intent_id = fields.CharField(max_length=255, null=True)
    stripe_charge_id = fields.CharField(max_length=255, null=True)
    method: dict[str, Any] | None = fields.JSONField(null=True)
    next_action: dict[str, Any] | None = fields.JSONField(null=True)
    last_error: dict[str, Any] | None = fields.JSONField(null=True)
    failed_at: datetime | None = fields.DatetimeField(null=True)
    captured_at: datetime | None = fields.DatetimeField(null=True)
    canceled_at: datetime | None = fields.DatetimeField(null=True)
    cancel_reason: CancellationReason | None = fields.CharEnumField(  # type: ignore[assignment]  # its stub has no null
        CancellationReason, max_length=32, description="why it was canceled", null=True
    )
    receipt_email = fields.CharField(max_length=320, null=True)
    receipt_url = fields.CharField(max_length=2048, null=True)
    statement_descriptor = fields.CharField(max_length=255, null=True)
    capture_before: datetime | None = fields.DatetimeField(null=True)
    metadata: dict[str, str] = fields.JSONField(default=dict)
    version: int = fields.IntField(default=1)
    last_synced_at: datetime | None = fields.DatetimeField(null=True)
    reopened_at: datetime | None = fields.DatetimeField(null=True)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "payment"
        indexes = (
            Index(fields=("created_at", "id")),
            Index(fields=("updated_at", "id")),
            Index(fields=("amount_minor", "id")),
            Index(fields=("status", "created_at", "id")),
            Index(fields=("customer_id", "created_at", "id")),
            Index(fields=("order_id", "created_at")),
        )

    @property
    def revision(self) -> Revision:
        """The state of the row as a pair; merging a snapshot that changes nothing makes a new one too."""
        return self.version, self.last_synced_at

    def money(self, minor: int) -> Money:
        """Return an amount that Stripe holds, took or refunded."""
        return Money(minor, self.held_currency)

    @computed("currency", "provider_currency")
    def held_currency(self) -> str:
        """The currency of all sums, which is the one of Stripe's object."""
        return self.provider_currency or self.currency

    @property
    def amount(self) -> Money:
        """The amount that was asked for."""
        return Money(self.amount_minor, self.currency)

    @property
    def asked_minor(self) -> int:
        """The amount that an open payment may still take of its order, in minor units of `currency`; 0 after its end.

        Whatever its status is, also while nobody knows it: only Stripe's word that it has ended releases the amount.
        """
        if self.is_final:
            return 0
        if self.provider_currency is not None:
            return self.amount_minor
        return max(self.amount_minor, self.provider_amount_minor or 0) - self.captured_minor

    @computed("captured_minor", "refunded_minor", "refund_pending_minor")
    def refundable_minor(self) -> int:
        """The amount that may still be refunded, in minor units: taken, less refunded, less reserved."""
        return max(self.captured_minor - self.refunded_minor - self.refund_pending_minor, 0)

    @property
    def refundable(self) -> Money:
        """The amount that may still be refunded."""
        return self.money(self.refundable_minor)

    @computed("status", "captured_at")
    def paid_at(self) -> datetime | None:
        """The moment at which the last of its money was taken; None before the payment has succeeded."""
        return self.captured_at if self.status is PaymentStatus.SUCCEEDED else None

    @computed("next_action")
    def remaining_minor(self) -> int | None:
        """The part of a bank transfer that has not arrived, in minor units; None where no transfer is awaited."""
        remaining: int | None = (self.next_action or {}).get("remaining_minor")
        return remaining

    @computed("next_action")
    def pay_before(self) -> datetime | None:
        """The moment until which a voucher or a code can be paid; None where none is awaited, or without an end."""
        expires = (self.next_action or {}).get("expires_at")
        return datetime.fromisoformat(expires) if expires else None

    @property
    def is_final(self) -> bool:
        return self.status in PAYMENT_FINAL

    @computed(
        "status",
        "captured_minor",
        "refunded_minor",
        "refund_pending_minor",
        "disputed_minor",
        "provider_amount_minor",
        "provider_currency",
    )
    def actions(self) -> tuple[PaymentAction, ...]:
        """The actions that are possible now. An amount changed at Stripe is not confirmed: nobody agreed to it."""
        actions = allowed_actions(self.status, refundable_minor=self.refundable_minor, disputed=self.disputed_minor > 0)
        if self.provider_amount_minor is None:
            return actions
        withheld = {PaymentAction.CONFIRM} | ({PaymentAction.CAPTURE} if self.provider_currency is not None else set())
        return tuple(action for action in actions if action not in withheld)

    def facts(self) -> dict[str, Any]:
        """Return the part of the payment that an audit event keeps: its customer, its figures, and its method.

        `method` is the snapshot that a receipt shows. No person is named: `customer_id` is our own id.
        """
        return {
            "customer_id": str(self.customer_id) if self.customer_id is not None else None,
            "capture_method": self.capture_method.value,
            "method": self.method,
            "status": self.status.value,
            "amount_minor": self.amount_minor,
            "capturable_minor": self.capturable_minor,
            "captured_minor": self.captured_minor,
            "refunded_minor": self.refunded_minor,
            "refund_pending_minor": self.refund_pending_minor,
            "disputed_minor": self.disputed_minor,
            "stripe_payment_intent_id": self.stripe_payment_intent_id,
            "stripe_charge_id": self.stripe_charge_id,
            **self._facts_of_few(),
        }

    def _facts_of_few(self) -> dict[str, Any]:
        held = {
            "provider_currency": self.provider_currency,
            "provider_amount_minor": self.provider_amount_minor,
            "cancel_reason": self.cancel_reason.value if self.cancel_reason is not None else None,
            "share": self.share.value if self.share is not PaymentShare.WHOLE else None,
            "remaining_minor": self.remaining_minor,
            "next_amount_minor": self.next_amount_minor,
            "off_session": True if self.off_session else None,
        }
        return {name: value for name, value in held.items() if value is not None}

    def as_facts(self) -> PaymentFacts:
        """Return the values from which the order's status is derived."""
        return PaymentFacts(
            currency=self.held_currency,
            status=self.status,
            amount_minor=self.amount_minor,
            capturable_minor=self.capturable_minor,
            captured_minor=self.captured_minor,
            refunded_minor=self.refunded_minor,
            disputed_minor=self.disputed_minor,
        )
