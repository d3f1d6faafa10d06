"""Immutable snapshots of Stripe's objects, in our own words, which the state writer merges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from domain.errors import CardDeclined
from domain.states import (
    CancellationReason,
    CaptureMethod,
    PaymentStatus,
    RefundReason,
    RefundStatus,
    SetupIntentStatus,
)


@dataclass(frozen=True, slots=True)
class Actionable:
    """The payer's next action: a 3DS page, a bank's page, a voucher, a transfer.

    `remaining_minor` is the part of a bank transfer that has not arrived, in minor units of the payment's currency.
    `instructions` are what the payer needs where they pay: for them alone, passed on in memory and never stored.
    """

    type: str
    redirect_url: str | None
    expires_at: datetime | None
    remaining_minor: int | None = None
    instructions: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """One PaymentIntent as it stood when Stripe answered. Amounts in minor units of `currency`.

    `client_secret` lets the payer confirm: it is passed on in memory, kept out of `repr` and never stored.
    `is_replayed` says that Stripe repeated an earlier answer to this key: the snapshot is as old as that answer.
    `failed_charge_id` is the charge of `last_error`, if the attempt made one, and `failed_method` its payment method.
    `kept_method` is the method that the payer agreed to keep for later payments, once their customer has it.
    Only an expanded charge contains `capture_before`, the moment at which held money is released by itself,
    `captured_at`, the moment at which money was taken, `receipt_url`, and the `statement_descriptor` that the payer
    reads.
    """

    id: str
    status: PaymentStatus
    livemode: bool
    currency: str
    amount_minor: int
    capturable_minor: int
    captured_minor: int
    capture_method: CaptureMethod
    created_at: datetime
    charge_id: str | None = None
    disputed: bool = False
    next_action: Actionable | None = None
    last_error: CardDeclined | None = None
    failed_charge_id: str | None = None
    failed_method: dict[str, Any] | None = None
    method: dict[str, Any] | None = None
    kept_method: "ProviderMethod | None" = None
    capture_before: datetime | None = None
    captured_at: datetime | None = None
    canceled_at: datetime | None = None
    cancel_reason: CancellationReason | None = None
    receipt_url: str | None = None
    statement_descriptor: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    client_secret: str | None = field(default=None, repr=False)
    request_id: str | None = None
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """One Refund as it stood when Stripe answered; `is_replayed` as in `ProviderPayment`.

    `is_release` says that no money is returned: Stripe may list the released part of a hold as a refund too.
    """

    id: str
    status: RefundStatus
    currency: str
    amount_minor: int
    payment_intent_id: str | None
    reason: RefundReason
    created_at: datetime
    failure_reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    request_id: str | None = None
    is_replayed: bool = False
    is_release: bool = False


@dataclass(frozen=True, slots=True)
class ProviderCustomer:
    """One Customer as it stood when Stripe answered; of a deleted one, only that it is deleted."""

    id: str
    is_deleted: bool = False
    default_method_id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    request_id: str | None = None
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class ProviderCustomerSession:
    """One CustomerSession: its secret is passed on in memory, kept out of `repr` and never stored."""

    customer_id: str
    expires_at: datetime
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProviderFunds:
    """The money that a customer has transferred and that pays nothing, in minor units by currency."""

    customer_id: str
    livemode: bool
    unapplied: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ProviderMethod:
    """One PaymentMethod: its snapshot as a receipt shows it, and its customer; `is_replayed` as in `ProviderPayment`.

    `expires_on` is the last day on which a card can be used.
    """

    id: str
    customer_id: str | None
    livemode: bool
    method: dict[str, Any]
    created_at: datetime
    expires_on: date | None = None
    request_id: str | None = None
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """One SetupIntent as it stood when Stripe answered; `client_secret` and `is_replayed` as in `ProviderPayment`.

    `method` is the method that it names, where that was expanded; `customer_id` is its customer at Stripe.
    """

    id: str
    status: SetupIntentStatus
    livemode: bool
    created_at: datetime
    customer_id: str | None = None
    method: ProviderMethod | None = None
    next_action: Actionable | None = None
    last_error: CardDeclined | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    client_secret: str | None = field(default=None, repr=False)
    request_id: str | None = None
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """One Dispute: the disputed amount, and whether it is still open or lost."""

    id: str
    payment_intent_id: str | None
    amount_minor: int
    currency: str
    is_open_or_lost: bool
    charge_id: str | None = None


class BalanceTransactionKind(StrEnum):
    """The kind of a balance transaction, as far as we compare it."""

    CHARGE = "CHARGE"
    REFUND = "REFUND"
    OTHER = "OTHER"  # fees, disputes, payouts, refunds that came back


@dataclass(frozen=True, slots=True)
class ProviderBalanceTransaction:
    """One balance transaction of a charge or a refund. A refund's amount is negative.

    `is_converted` says that the account keeps its balance in another currency than the payer's; then `currency` and
    `amount_minor` are the account's and cannot be compared with ours.
    """

    id: str
    kind: BalanceTransactionKind
    currency: str
    amount_minor: int
    is_converted: bool
    source_id: str | None
    payment_intent_id: str | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A malformed object of Stripe's: only its id is known, and perhaps its payment."""

    id: str
    payment_intent_id: str | None = None
