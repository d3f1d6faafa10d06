"""Stripe's errors, as Stripe words them."""

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """An answer that is an error: its HTTP status and Stripe's body. `keeps` says that what was written stays."""

    def __init__(self, status: int, error: Json) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.body: Json = {"error": error}
        self.keeps = status == 402  # a decline leaves its failed charge


def invalid(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> StripeError:
    """An invalid_request_error: nothing happened."""
    error: Json = {"type": "invalid_request_error", "message": message}
    if code is not None:
        error |= {"code": code, "doc_url": doc_url(code)}
    if param is not None:
        error["param"] = param
    return StripeError(status, error)


def missing(kind: str, identity: str, *, param: str = "id") -> StripeError:
    """There is no such object: 404 for the one that the address names, 400 for one that a parameter names."""
    status = 404 if param in ("id", "intent") else 400
    return invalid(f"No such {kind}: '{identity}'", param=param, code="resource_missing", status=status)


def not_supported(what: str, *, param: str | None = None) -> StripeError:
    """Stripe has this and we have not."""
    return invalid(f"{what} is not supported by the offline Stripe. See docs/offline-stripe.md.", param=param)


def unexpected_state(intent: Json, action: str, allowed: tuple[str, ...]) -> StripeError:
    """The intent is not in a state in which this can be done; the intent comes with the error."""
    error = invalid(
        f"This PaymentIntent could not be {action} because it has a status of {intent['status']}. Only a PaymentIntent"
        f" with one of the following statuses may be {action}: {', '.join(allowed)}.",
        code="payment_intent_unexpected_state",
    )
    error.body["error"]["payment_intent"] = intent
    return error


def doc_url(code: str) -> str:
    """Where Stripe explains a code."""
    return f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
