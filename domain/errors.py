"""Errors that a caller can act on. Each is data: it is stored in the operation that it ended, and read again."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from domain.money import Money
from domain.states import PaymentAction, PaymentStatus, ProviderEffect, RetryAdvice

Path = tuple[str, ...]


class ErrorCode(StrEnum):
    """The codes of refusals, as in `UserError.code`."""

    VALIDATION_FAILED = "VALIDATION_FAILED"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    OPERATION_IN_PROGRESS = "OPERATION_IN_PROGRESS"
    IDEMPOTENCY_KEY_EXPIRED = "IDEMPOTENCY_KEY_EXPIRED"
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    AMOUNT_TOO_SMALL = "AMOUNT_TOO_SMALL"
    AMOUNT_TOO_LARGE = "AMOUNT_TOO_LARGE"
    ORDER_ALREADY_PAID = "ORDER_ALREADY_PAID"
    ACTIVE_PAYMENT_EXISTS = "ACTIVE_PAYMENT_EXISTS"
    INVALID_STATE = "INVALID_STATE"
    AMOUNT_EXCEEDS_PAYABLE = "AMOUNT_EXCEEDS_PAYABLE"
    AMOUNT_EXCEEDS_CAPTURABLE = "AMOUNT_EXCEEDS_CAPTURABLE"
    AMOUNT_EXCEEDS_REFUNDABLE = "AMOUNT_EXCEEDS_REFUNDABLE"
    REFUND_LIMIT_EXCEEDED = "REFUND_LIMIT_EXCEEDED"
    CHARGE_DISPUTED = "CHARGE_DISPUTED"
    CARD_DECLINED = "CARD_DECLINED"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    PAYMENT_METHOD_UNUSABLE = "PAYMENT_METHOD_UNUSABLE"
    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_REJECTED = "PROVIDER_REJECTED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    SENSITIVE_DATA_REFUSED = "SENSITIVE_DATA_REFUSED"
    CURRENCY_NOT_ENABLED = "CURRENCY_NOT_ENABLED"


class DomainError(Exception):
    """An error with a code, a sentence for the caller, the input's path, and a flag that the call may be repeated.

    `to_record` and `from_record` are exact inverses over JSON.
    """

    _kinds: ClassVar[dict[str, type["DomainError"]]] = {}

    def __init__(self, code: ErrorCode, message: str, path: Path | None = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.retryable = retryable

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        DomainError._kinds[cls.__name__] = cls

    def details(self) -> dict[str, Any]:
        """Return this error's own fields beyond the common ones, JSON-safe."""
        return {}

    def restore(self, details: Mapping[str, Any]) -> None:
        """Set the fields that `details` returned."""

    def to_record(self) -> dict[str, Any]:
        return {
            "kind": type(self).__name__,
            "code": self.code.value,
            "message": self.message,
            "path": list(self.path) if self.path is not None else None,
            "retryable": self.retryable,
            "details": self.details(),
        }

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> "DomainError":
        kind = DomainError._kinds.get(record["kind"], Refused)
        error = kind.__new__(kind)
        path = record["path"]
        DomainError.__init__(
            error,
            ErrorCode(record["code"]),
            record["message"],
            tuple(path) if path is not None else None,
            record["retryable"],
        )
        error.restore(record["details"])
        return error


class Refused(DomainError):
    """A refusal that its code and message describe in full."""


class NotFound(Refused):
    """The object does not exist, or not for this caller: the two look alike."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is nothing with this id.", path)


class Forbidden(Refused):
    """The token lacks a scope."""

    def __init__(self, message: str = "Your token does not allow this.", path: Path | None = None) -> None:
        super().__init__(ErrorCode.FORBIDDEN, message, path)


class IdempotencyKeyReused(DomainError):
    """The key belongs to an earlier call with another input."""

    def __init__(self, *, mismatched_paths: tuple[str, ...], operation_id: UUID) -> None:
        message = "This key was used for another request. Use a new key for a new request."
        super().__init__(ErrorCode.IDEMPOTENCY_KEY_REUSED, message, ("idempotencyKey",))
        self.mismatched_paths = mismatched_paths
        self.operation_id = operation_id

    def details(self) -> dict[str, Any]:
        return {"mismatched_paths": list(self.mismatched_paths), "operation_id": str(self.operation_id)}

    def restore(self, details: Mapping[str, Any]) -> None:
        self.mismatched_paths = tuple(details["mismatched_paths"])
        self.operation_id = UUID(details["operation_id"])


class OperationInProgress(DomainError):
    """The operation is still being run; ask again."""

    def __init__(self, *, operation_id: UUID, retry_after_ms: int) -> None:
        message = "This is still being done. Send the same request again a little later."
        super().__init__(ErrorCode.OPERATION_IN_PROGRESS, message, ("idempotencyKey",), retryable=True)
        self.operation_id = operation_id
        self.retry_after_ms = retry_after_ms

    def details(self) -> dict[str, Any]:
        return {"operation_id": str(self.operation_id), "retry_after_ms": self.retry_after_ms}

    def restore(self, details: Mapping[str, Any]) -> None:
        self.operation_id = UUID(details["operation_id"])
        self.retry_after_ms = details["retry_after_ms"]


class ActivePaymentExists(DomainError):
    """The order has a payment that is still open. The message names the actions that are possible now."""

    def __init__(self, *, payment_id: UUID, allowed_actions: tuple[PaymentAction, ...]) -> None:
        if PaymentAction.CONFIRM in allowed_actions:
            advice = "Confirm or cancel that one."
        elif PaymentAction.CAPTURE in allowed_actions:
            advice = "It holds the money already."
        else:
            advice = "It is under way: wait for how it ends."
        message = f"This order has an open payment. {advice}"
        super().__init__(ErrorCode.ACTIVE_PAYMENT_EXISTS, message, ("input", "orderId"))
        self.payment_id = payment_id

    def details(self) -> dict[str, Any]:
        return {"payment_id": str(self.payment_id)}

    def restore(self, details: Mapping[str, Any]) -> None:
        self.payment_id = UUID(details["payment_id"])


class OrderAlreadyPaid(DomainError):
    """The order owes nothing."""

    def __init__(self, *, order_id: UUID) -> None:
        message = "This order is already paid in full."
        super().__init__(ErrorCode.ORDER_ALREADY_PAID, message, ("input", "orderId"))
        self.order_id = order_id

    def details(self) -> dict[str, Any]:
        return {"order_id": str(self.order_id)}

    def restore(self, details: Mapping[str, Any]) -> None:
        self.order_id = UUID(details["order_id"])


class AmountMismatch(DomainError):
    """The client expects another amount than the order owes or its payment asks for, or states parts of another sum."""

    def __init__(self, *, expected: Money, actual: Money, path: Path | None = None, message: str | None = None) -> None:
        owes = f"The order owes {actual.decimal} {actual.currency}, not {expected.decimal} {expected.currency}."
        super().__init__(ErrorCode.AMOUNT_MISMATCH, message or owes, path)
        self.expected = expected
        self.actual = actual

    def details(self) -> dict[str, Any]:
        return {"expected": _money(self.expected), "actual": _money(self.actual)}

    def restore(self, details: Mapping[str, Any]) -> None:
        self.expected = Money(*details["expected"])
        self.actual = Money(*details["actual"])


class LimitExceeded(DomainError):
    """More was requested than is left."""

    def __init__(self, code: ErrorCode, *, requested: Money, available: Money, path: Path | None = None) -> None:
        message = (
            f"{requested.decimal} {requested.currency} was asked for; {available.decimal} {available.currency} is left."
        )
        super().__init__(code, message, path)
        self.requested = requested
        self.available = available

    def details(self) -> dict[str, Any]:
        return {"requested": _money(self.requested), "available": _money(self.available)}

    def restore(self, details: Mapping[str, Any]) -> None:
        self.requested = Money(*details["requested"])
        self.available = Money(*details["available"])


class InvalidState(DomainError):
    """The payment's status does not allow this."""

    def __init__(
        self,
        *,
        status: PaymentStatus,
        allowed_actions: tuple[PaymentAction, ...],
        message: str,
        path: Path | None = None,
    ) -> None:
        super().__init__(ErrorCode.INVALID_STATE, message, path)
        self.status = status
        self.allowed_actions = allowed_actions

    def details(self) -> dict[str, Any]:
        return {"status": self.status.value, "allowed_actions": [action.value for action in self.allowed_actions]}

    def restore(self, details: Mapping[str, Any]) -> None:
        self.status = PaymentStatus(details["status"])
        self.allowed_actions = tuple(PaymentAction(action) for action in details["allowed_actions"])


class PaymentUnderWay(InvalidState):
    """The order's open payment has gone too far for this change of the order."""

    def __init__(
        self,
        *,
        payment_id: UUID,
        status: PaymentStatus,
        allowed_actions: tuple[PaymentAction, ...],
        message: str,
        path: Path | None = None,
    ) -> None:
        super().__init__(status=status, allowed_actions=allowed_actions, message=message, path=path)
        self.payment_id = payment_id

    def details(self) -> dict[str, Any]:
        return {**super().details(), "payment_id": str(self.payment_id)}

    def restore(self, details: Mapping[str, Any]) -> None:
        super().restore(details)
        self.payment_id = UUID(details["payment_id"])


class CardDeclined(DomainError):
    """The bank declined, or requires the payer to authenticate: Stripe's codes.

    `message` and `retry` say what they mean in English; `domain.declines` says it in the reader's language.
    """

    def __init__(
        self,
        *,
        decline_code: str | None,
        advice_code: str | None,
        network_decline_code: str | None,
        message: str,
        retry: RetryAdvice,
        code: ErrorCode = ErrorCode.CARD_DECLINED,
    ) -> None:
        super().__init__(code, message)
        self.decline_code = decline_code
        self.advice_code = advice_code
        self.network_decline_code = network_decline_code
        self.retry = retry

    def details(self) -> dict[str, Any]:
        return {
            "decline_code": self.decline_code,
            "advice_code": self.advice_code,
            "network_decline_code": self.network_decline_code,
            "customer_message": self.message,  # read by the version before this one
            "retry": self.retry.value,
        }

    def restore(self, details: Mapping[str, Any]) -> None:
        self.decline_code = details["decline_code"]
        self.advice_code = details["advice_code"]
        self.network_decline_code = details["network_decline_code"]
        self.retry = RetryAdvice(details["retry"])


class MethodUnusable(DomainError):
    """A method or a token that Stripe does not take, as `stripe_code` says; nothing was tried.

    A method that we refuse by ourselves is a `Refused` of the same code.
    """

    def __init__(self, message: str, path: Path | None, *, stripe_code: str | None) -> None:
        super().__init__(ErrorCode.PAYMENT_METHOD_UNUSABLE, message, path)
        self.stripe_code = stripe_code

    def details(self) -> dict[str, Any]:
        return {"stripe_code": self.stripe_code}

    def restore(self, details: Mapping[str, Any]) -> None:
        self.stripe_code = details["stripe_code"]


class ProviderProblem(DomainError):
    """Stripe could not execute the request, or has not said whether it did. `effect` is the known effect on money.

    `stripe_code` and `stripe_param` are Stripe's own reason, for the staff.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        effect: ProviderEffect,
        retry_after_ms: int | None = None,
        stripe_request_id: str | None = None,
        stripe_code: str | None = None,
        stripe_param: str | None = None,
        retryable: bool = False,
        path: Path | None = None,
    ) -> None:
        super().__init__(code, message, path, retryable)
        self.effect = effect
        self.retry_after_ms = retry_after_ms
        self.stripe_request_id = stripe_request_id
        self.stripe_code = stripe_code
        self.stripe_param = stripe_param

    def details(self) -> dict[str, Any]:
        return {
            "effect": self.effect.value,
            "retry_after_ms": self.retry_after_ms,
            "stripe_request_id": self.stripe_request_id,
            "stripe_code": self.stripe_code,
            "stripe_param": self.stripe_param,
        }

    def restore(self, details: Mapping[str, Any]) -> None:
        self.effect = ProviderEffect(details["effect"])
        self.retry_after_ms = details["retry_after_ms"]
        self.stripe_request_id = details["stripe_request_id"]
        self.stripe_code = details.get("stripe_code")  # older records have neither
        self.stripe_param = details.get("stripe_param")


def _money(money: Money) -> list[int | str]:
    return [money.amount_minor, money.currency]
