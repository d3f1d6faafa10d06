"""The results of a payment."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Paid:
    """The money is captured."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Held:
    """The money is authorized; the shop captures it later."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The bank declined, or wants the payer, who was away.

    `message` may be shown to the buyer; `retry` says what helps (RetryAdvice in the schema).
    """

    payment_id: str
    message: str
    retry: str | None


@dataclass(frozen=True, slots=True)
class NeedsAction:
    """The payer has to act first: visit `redirect_url`, or confirm in the app or browser."""

    payment_id: str
    redirect_url: str | None


@dataclass(frozen=True, slots=True)
class Canceled:
    """The payment was canceled, and nothing was captured."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was refused for good: `code` is one of ErrorCode in the schema, nothing was charged by this call.

    `customer_message` may be shown to the buyer: of a payment method that cannot be used.
    """

    code: str
    message: str
    payment_id: str | None
    customer_message: str | None = None


@dataclass(frozen=True, slots=True)
class Undecided:
    """The outcome is not known yet. The key is kept: `resume` finds out."""

    payment_id: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """The customer keeps the method `method_id`, which pays as `saved_payment_method_id`."""

    setup_id: str
    method_id: str | None


@dataclass(frozen=True, slots=True)
class ToSetUp:
    """The customer goes on: in Stripe's elements with `client_secret`, or on the page `redirect_url`.

    `message` is why the last attempt failed, for the customer to read.
    """

    setup_id: str
    client_secret: str | None = field(repr=False)
    redirect_url: str | None
    message: str | None


SetupResult = Kept | ToSetUp | Canceled | Refused | Undecided
Result = Paid | Held | Declined | NeedsAction | Canceled | Refused | Undecided


class PaygraphError(Exception):
    """The server refused the request itself: a bad token, an invalid document. A repetition is useless."""

    def __init__(self, status: int, errors: list[dict[str, Any]]) -> None:
        first = errors[0] if errors else {}
        extensions = first.get("extensions", {})
        super().__init__(f"HTTP {status}: {first.get('message', 'no reason was given')}")
        self.status = status
        self.code: str | None = extensions.get("code")
        self.reason: str | None = extensions.get("reason")
        self.request_id: str | None = extensions.get("requestId")
