"""What Stripe told us, in our own words: immutable snapshots that the one door for state merges."""

from dataclasses import dataclass, field
from datetime import datetime
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
    method: dict[str, Any] | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    client_secret: str | None = field(default=None, repr=False)
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """One Refund as it stood when Stripe answered."""

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


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """One Dispute: how much is contested, and whether it still is."""

    id: str
    payment_intent_id: str | None
    amount_minor: int
    currency: str
    is_open_or_lost: bool
