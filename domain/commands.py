"""The commands of the mutations that take an idempotency key, one each.

To add a field to a mutation: the input in `schema/inputs.py`, the command here, and the column that stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from domain.checkout.parsers import (
    parse_customer_name,
    parse_customer_phone,
    parse_excluded_types,
    parse_line_items,
    parse_shipping,
    parse_suffix,
    show_as_one,
)
from domain.command_fields import (
    Command,
    id_of,
    optional,
    optional_id_of,
    parse_chargeable,
    parse_confirmation_token,
    parse_email,
    parse_external_id,
    parse_final_capture,
    parse_metadata,
    parse_money,
    parse_payment_method_id,
    parse_positive,
    parse_receipt_email,
    parse_return_url,
    parse_shared_token,
    parse_text,
    parsed,
    unchanged,
)
from domain.ids import Kind
from domain.money import Money
from domain.states import CancelReason, CaptureMethod, OperationKind, RefundReason, SetupFutureUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOrder(Command):
    """Register an order with the amount that it owes, as a service states it, or change it."""

    kind: ClassVar = OperationKind.REGISTER_ORDER

    total: Money = parsed(parse_chargeable)
    customer_email: str | None = parsed(parse_email)
    description: str | None = parsed(optional(parse_text), stored=True)
    customer_external_id: str | None = parsed(optional(parse_external_id))
    external_id: str = parsed(parse_external_id)
    metadata: Mapping[str, str] = parsed(parse_metadata, stored=True)
    capture_method: CaptureMethod = parsed(unchanged, default=CaptureMethod.AUTOMATIC, added_later=True, stored=True)
    allow_partial_payments: bool = parsed(unchanged, default=False, added_later=True, stored=True)
    customer_name: str | None = parsed(parse_customer_name, default=None, added_later=True)
    customer_phone: str | None = parsed(parse_customer_phone, default=None, added_later=True)
    statement_descriptor_suffix: str | None = parsed(
        optional(parse_suffix), default=None, added_later=True, stored=True
    )
    shipping: Mapping[str, Any] | None = parsed(
        optional(parse_shipping), default=None, show=show_as_one, added_later=True, stored=True
    )
    line_items: list[dict[str, Any]] | None = parsed(parse_line_items, default=None, added_later=True, stored=True)
    excluded_payment_method_types: list[str] | None = parsed(
        parse_excluded_types, default=None, added_later=True, stored=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePayment(Command):
    """Pay an order. `expected_amount` is compared with the amount that may still be asked for, which is charged.

    `partial_amount` is the part of it that is charged instead. `capture_method` None is the order's own; `return_url`
    is the page that the payer returns to after any attempt at this payment.
    """

    kind: ClassVar = OperationKind.CREATE_PAYMENT

    order_id: UUID = id_of(Kind.ORDER)
    expected_amount: Money = parsed(parse_money)
    partial_amount: Money | None = parsed(optional(parse_chargeable), default=None, added_later=True)
    # Leaving it out once meant AUTOMATIC: a key of that time is repeated with an equal fingerprint.
    capture_method: CaptureMethod | None = parsed(unchanged, show=lambda said: (said or CaptureMethod.AUTOMATIC).value)
    payment_method_id: str | None = parsed(parse_payment_method_id)
    saved_payment_method_id: UUID | None = optional_id_of(Kind.METHOD)
    confirmation_token_id: str | None = parsed(parse_confirmation_token, default=None, added_later=True)
    shared_payment_token: str | None = parsed(parse_shared_token, default=None, added_later=True)
    confirm: bool = parsed(unchanged)
    setup_future_usage: SetupFutureUsage | None = parsed(unchanged, stored=True)
    receipt_email: str | None = parsed(optional(parse_receipt_email), default=None, added_later=True, stored=True)
    return_url: str | None = parsed(parse_return_url)
    metadata: Mapping[str, str] = parsed(parse_metadata, stored=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOffSessionPayment(Command):
    """Pay an order at once while its customer is away, with a method that they keep.

    `expected_amount` is as in `CreatePayment`; `saved_payment_method_id` None is the customer's default.
    """

    kind: ClassVar = OperationKind.CREATE_OFF_SESSION_PAYMENT

    order_id: UUID = id_of(Kind.ORDER)
    expected_amount: Money = parsed(parse_money)
    saved_payment_method_id: UUID | None = optional_id_of(Kind.METHOD)
    metadata: Mapping[str, str] = parsed(parse_metadata, stored=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPayment(Command):
    """Confirm an open payment with what pays, and name the page that its payer returns to.

    `expected_amount` is compared with the amount that the payment asks for.
    """

    kind: ClassVar = OperationKind.CONFIRM_PAYMENT

    payment_id: UUID = id_of(Kind.PAYMENT)
    payment_method_id: str | None = parsed(parse_payment_method_id)
    saved_payment_method_id: UUID | None = optional_id_of(Kind.METHOD)
    confirmation_token_id: str | None = parsed(parse_confirmation_token, default=None, added_later=True)
    shared_payment_token: str | None = parsed(parse_shared_token, default=None, added_later=True)
    expected_amount: Money | None = parsed(optional(parse_money), default=None, added_later=True)
    return_url: str | None = parsed(parse_return_url)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePayment(Command):
    """Capture held money; `amount` None is all of it.

    `settles_order` says that no more will be asked for: the order's total is lowered to the amount taken.
    """

    kind: ClassVar = OperationKind.CAPTURE_PAYMENT

    payment_id: UUID = id_of(Kind.PAYMENT)
    amount: Money | None = parsed(optional(parse_positive))
    final_capture: bool = parsed(parse_final_capture)
    settles_order: bool = parsed(unchanged, default=False, added_later=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPayment(Command):
    """Cancel an open payment, and say why."""

    kind: ClassVar = OperationKind.CANCEL_PAYMENT

    payment_id: UUID = id_of(Kind.PAYMENT)
    reason: CancelReason | None = parsed(unchanged)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPayment(Command):
    """Refund a payment, and say why; `amount` None is all that is left."""

    kind: ClassVar = OperationKind.REFUND_PAYMENT

    payment_id: UUID = id_of(Kind.PAYMENT)
    amount: Money | None = parsed(optional(parse_positive))
    reason: RefundReason = parsed(unchanged, stored=True)
    note: str | None = parsed(optional(parse_text), stored=True)
    metadata: Mapping[str, str] = parsed(parse_metadata, stored=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSetupIntent(Command):
    """Prepare that a customer keeps a payment method without paying. `customer_id` None is the caller themselves."""

    kind: ClassVar = OperationKind.CREATE_SETUP_INTENT

    customer_id: UUID | None = optional_id_of(Kind.CUSTOMER)
    usage: SetupFutureUsage = parsed(unchanged)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDefaultPaymentMethod(Command):
    """Make a saved payment method the one that is used where none is named."""

    kind: ClassVar = OperationKind.SET_DEFAULT_PAYMENT_METHOD

    id: UUID = id_of(Kind.METHOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachPaymentMethod(Command):
    """Forget a saved payment method."""

    kind: ClassVar = OperationKind.DETACH_PAYMENT_METHOD

    id: UUID = id_of(Kind.METHOD)
