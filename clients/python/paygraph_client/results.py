"""What becomes of a payment, as the caller is told it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Paid:
    """The money is taken."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Held:
    """The money is held, and is taken when the shop captures it."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The bank said no. `message` may be shown to the buyer; `retry` says what helps (RetryAdvice in the schema)."""

    payment_id: str
    message: str
    retry: str | None


@dataclass(frozen=True, slots=True)
class NeedsAction:
    """The payer has to do something first: visit `redirect_url`, or confirm in the app or browser."""

    payment_id: str
    redirect_url: str | None


@dataclass(frozen=True, slots=True)
class Canceled:
    """The payment was given up, and nothing was taken."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was refused for good: `code` is one of ErrorCode in the schema, nothing was charged by this call."""

    code: str
    message: str
    payment_id: str | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nobody knows yet. The key is kept: `resume` finds out."""

    payment_id: str | None


Result = Paid | Held | Declined | NeedsAction | Canceled | Refused | Undecided


class PaygraphError(Exception):
    """The server refused the request itself: a bad token, a document that does not fit. Trying again is no use."""

    def __init__(self, status: int, errors: list[dict[str, Any]]) -> None:
        first = errors[0] if errors else {}
        extensions = first.get("extensions", {})
        super().__init__(f"HTTP {status}: {first.get('message', 'no reason was given')}")
        self.status = status
        self.code: str | None = extensions.get("code")
        self.reason: str | None = extensions.get("reason")
        self.request_id: str | None = extensions.get("requestId")
