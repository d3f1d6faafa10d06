"""Stripe's errors, in Stripe's words."""

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """An error response: its HTTP status and Stripe's body. `keeps` says that the changes made so far are kept."""

    def __init__(self, status: int, error: Json) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.body: Json = {"error": error}
        self.keeps = status == 402  # a decline keeps its failed charge


def invalid(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> StripeError:
    """Make an invalid_request_error: nothing was changed."""
    error: Json = {"type": "invalid_request_error", "message": message}
    if code is not None:
        error |= {"code": code, "doc_url": doc_url(code)}
    if param is not None:
        error["param"] = param
    return StripeError(status, error)


def missing(kind: str, identity: str, *, param: str = "id") -> StripeError:
    """Make the error for a missing object: 404 when the address names it, 400 when a parameter does."""
    status = 404 if param in ("id", "intent") else 400
    return invalid(f"No such {kind}: '{identity}'", param=param, code="resource_missing", status=status)


def not_supported(what: str, *, param: str | None = None) -> StripeError:
    """Make the error for a feature that Stripe has and the offline Stripe lacks."""
    return invalid(f"{what} is not supported by the offline Stripe. See docs/offline-stripe.md.", param=param)


def unexpected_state(intent: Json, action: str, allowed: tuple[str, ...]) -> StripeError:
    """Make the error for an action that the intent's status does not allow; the error carries the intent."""
    kind = intent["object"]
    name = "PaymentIntent" if kind == "payment_intent" else "SetupIntent"
    error = invalid(
        f"This {name} could not be {action} because it has a status of {intent['status']}. Only a {name}"
        f" with one of the following statuses may be {action}: {', '.join(allowed)}.",
        code=f"{kind}_unexpected_state",
    )
    error.body["error"][kind] = intent
    return error


def doc_url(code: str) -> str:
    """Return the address of Stripe's page about a code."""
    return f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
