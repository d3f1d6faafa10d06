"""Stripe's errors, as Stripe words them."""

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """An answer that is an error: its HTTP status and Stripe's body.

    `executed` says that work had begun, so that the answer is kept under the idempotency key.
    """

    def __init__(self, status: int, error: Json, *, executed: bool = False) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.body: Json = {"error": error}
        self.executed = executed


def invalid(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> StripeError:
    """An invalid_request_error: nothing happened."""
    error: Json = {"type": "invalid_request_error", "message": message}
    if code is not None:
        error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
    if param is not None:
        error["param"] = param
    return StripeError(status, error)


def missing(kind: str, identity: str, *, param: str = "id") -> StripeError:
    """There is no such object."""
    return invalid(f"No such {kind}: '{identity}'", param=param, code="resource_missing", status=404)


def unexpected_state(intent: Json, action: str, allowed: str) -> StripeError:
    """The intent is not in a state in which this can be done; the intent comes with the error."""
    error = invalid(
        f"This PaymentIntent could not be {action} because it has a status of {intent['status']}. Only a PaymentIntent"
        f" with one of the following statuses may be {action}: {allowed}.",
        code="payment_intent_unexpected_state",
    )
    error.body["error"]["payment_intent"] = intent
    return error
