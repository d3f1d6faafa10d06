"""Who asks: a caller with scopes, and the actor that the audit trail remembers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.states import ActorKind


class Scope(StrEnum):
    """What a token may do."""

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


OF_BUYERS: Final = frozenset({Scope.PAYMENTS_PAY, Scope.EXPLORER})  # what a token may carry without being the staff's
LEEWAY: Final = timedelta(seconds=30)  # clocks of two hosts differ by this much without anyone noticing


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, as the audit trail keeps it."""

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
    """An authenticated caller. `order_id` is set for a view token, which shows that one order and nothing else."""

    subject: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None
    order_id: UUID | None = None

    def can(self, scope: Scope) -> bool:
        """Whether the token carries this scope."""
        return scope in self.scopes

    @property
    def is_buyer(self) -> bool:
        """Whether this is somebody who pays, and not somebody who works here."""
        return self.can(Scope.PAYMENTS_PAY) and not self.is_staff

    @property
    def is_staff(self) -> bool:
        """Whether this is one of the staff or a service. Who only looks at one order is neither that nor a buyer."""
        return not self.scopes <= OF_BUYERS

    @property
    def ends_at(self) -> datetime | None:
        """Until when the token is accepted; None for one without an end."""
        return self.expires_at + LEEWAY if self.expires_at is not None else None

    @property
    def principal(self) -> str:
        """Whose idempotency keys these are: a buyer and a member of staff of one name are two."""
        return f"{'buyer' if self.is_buyer else 'staff'}:{self.subject}"

    @property
    def actor(self) -> Actor:
        if self.is_buyer:
            return Actor(ActorKind.CUSTOMER, self.subject, None)
        kind = ActorKind.SERVICE if self.can(Scope.ORDERS_WRITE) else ActorKind.STAFF
        return Actor(kind, self.subject, None)
