"""The caller with its scopes, and the actor that the audit trail records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.states import ActorKind, PaymentAction, PaymentStatus


class Scope(StrEnum):
    """The permissions that a token may carry."""

    PAYMENTS_PAY = "payments:pay"  # a buyer's own orders
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    REFUNDS_WRITE = "refunds:write"
    REFUNDS_APPROVE = "refunds:approve"
    DISPUTES_WRITE = "disputes:write"
    ORDERS_WRITE = "orders:write"
    FINANCE_READ = "finance:read"
    OPS_READ = "ops:read"
    OPS_WRITE = "ops:write"
    EXPLORER = "explorer"


OF_BUYERS: Final = frozenset({Scope.PAYMENTS_PAY, Scope.EXPLORER})  # scopes that do not make their caller staff
# The scopes of each action on a payment: one of them is enough.
SCOPES_OF_ACTION: Final[Mapping[PaymentAction, frozenset[Scope]]] = {
    PaymentAction.CONFIRM: frozenset({Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE}),
    PaymentAction.CAPTURE: frozenset({Scope.PAYMENTS_WRITE}),
    PaymentAction.CANCEL: frozenset({Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE}),
    PaymentAction.REFUND: frozenset({Scope.REFUNDS_WRITE}),
    PaymentAction.SYNC: frozenset({Scope.PAYMENTS_PAY, Scope.PAYMENTS_READ, Scope.PAYMENTS_WRITE}),
}
assert set(SCOPES_OF_ACTION) == set(PaymentAction), "an act needs no scope"
LEEWAY: Final = timedelta(seconds=30)  # clocks of two hosts differ by this much without anyone noticing


@dataclass(frozen=True, slots=True)
class Actor:
    """The originator of a change, as the audit trail records it."""

    kind: ActorKind
    id: str | None
    label: str | None

    def to_record(self) -> dict[str, Any]:
        return {"kind": self.kind.value, "id": self.id, "label": self.label}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Actor":
        return cls(kind=ActorKind(record["kind"]), id=record.get("id"), label=record.get("label"))


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    `order_id` is set for a view token, which shows this one order and nothing else; `customer_id` is then the order's
    customer at the time the token was made, None where the order named none.
    """

    subject: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None
    order_id: UUID | None = None
    customer_id: UUID | None = None

    def can(self, scope: Scope) -> bool:
        """Return True if the token carries this scope."""
        return scope in self.scopes

    def permitted(self, actions: Iterable[PaymentAction], status: PaymentStatus) -> tuple[PaymentAction, ...]:
        """Return the actions, among these, that the token allows on a payment in this status.

        Held money is released by the shop alone, which may have shipped for it.
        """
        allowed = (action for action in actions if not self.scopes.isdisjoint(SCOPES_OF_ACTION[action]))
        if self.can(Scope.PAYMENTS_WRITE) or status is not PaymentStatus.REQUIRES_CAPTURE:
            return tuple(allowed)
        return tuple(action for action in allowed if action is not PaymentAction.CANCEL)

    @property
    def is_buyer(self) -> bool:
        """True for a caller who pays their own orders and is not staff."""
        return self.can(Scope.PAYMENTS_PAY) and not self.is_staff

    @property
    def is_staff(self) -> bool:
        """True for staff and services. The holder of a view token is neither staff nor a buyer."""
        return not self.scopes <= OF_BUYERS

    @property
    def ends_at(self) -> datetime | None:
        """The moment until which the token is accepted, with leeway; None for a token without an end."""
        return self.expires_at + LEEWAY if self.expires_at is not None else None

    @property
    def principal(self) -> str:
        """The owner of idempotency keys: a buyer and a member of staff with equal names are two owners."""
        return f"{'buyer' if self.is_buyer else 'staff'}:{self.subject}"

    @property
    def actor(self) -> Actor:
        if self.is_buyer:
            return Actor(ActorKind.CUSTOMER, self.subject, None)
        kind = ActorKind.SERVICE if self.can(Scope.ORDERS_WRITE) else ActorKind.STAFF
        return Actor(kind, self.subject, None)


@dataclass(frozen=True, slots=True)
class PaymentAuthority:
    """The customers on whose orders and payments a caller may act: all for a service, their own for a buyer."""

    is_service: bool = False
    customer_id: UUID | None = None

    def includes(self, customer_id: UUID | None) -> bool:
        """Return True for this customer's orders and payments. Two unknown customers are never equal."""
        return self.is_service or (customer_id is not None and customer_id == self.customer_id)
