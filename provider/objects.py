"""What Stripe told us, in our own words: immutable snapshots that the one door for state merges."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.errors import CardDeclined
from domain.states import CaptureMethod, PaymentStatus, RefundReason, RefundStatus


@dataclass(frozen=True, slots=True)
class Actionable:
    """What the payer has to do next: a 3DS page, a bank's page, a voucher."""

    type: str
    redirect_url: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """One PaymentIntent as it stood when Stripe answered. Amounts in minor units of `currency`.

    `client_secret` lets the payer confirm: it is passed on in memory, kept out of `repr` and never stored.
    `is_replayed` says that Stripe repeated an earlier answer to the same key: so it stood then, and not now.
    `failed_charge_id` is the charge that `last_error` is about, where the attempt came so far, and `failed_method`
    what it was made with.
    `capture_before` is when held money is released by itself; only an expanded charge tells it.
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
    capture_before: datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    client_secret: str | None = field(default=None, repr=False)
    request_id: str | None = None
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """One Refund as it stood when Stripe answered; `is_replayed` as of a payment.

    `is_release` tells that it gives nothing back: Stripe lists the part of a hold that is not taken as a refund too.
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
class ProviderDispute:
    """One Dispute: how much is contested, and whether it still is."""

    id: str
    payment_intent_id: str | None
    amount_minor: int
    currency: str
    is_open_or_lost: bool
    charge_id: str | None = None


class Booked(StrEnum):
    """What a balance transaction is about, as far as we compare it."""

    CHARGE = "CHARGE"
    REFUND = "REFUND"
    OTHER = "OTHER"  # fees, disputes, payouts, refunds that came back


@dataclass(frozen=True, slots=True)
class ProviderBooking:
    """One balance transaction: what Stripe booked for a charge or a refund. A refund's amount is negative.

    `is_converted` says that the account keeps its balance in another currency than the payer's; then `currency` and
    `amount_minor` are the account's and cannot be compared with ours.
    """

    id: str
    booked: Booked
    currency: str
    amount_minor: int
    is_converted: bool
    source_id: str | None
    payment_intent_id: str | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One of Stripe's objects that is not what it should be: nothing is known of it but its id, and whose it may be."""

    id: str
    payment_intent_id: str | None = None
