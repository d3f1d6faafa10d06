"""Refusals as data: one interface, so that clients written today survive errors of tomorrow."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry

from domain import declines, errors
from domain.ids import Kind, encode
from resolvers.access import visible_error
from resolvers.visibility import visible_order
from schema.directives import PART_OF_A_ROW
from schema.enums import ErrorCode, PaymentAction, PaymentStatus, ProviderEffect, RetryAdvice
from schema.fields import Info, field
from schema.types.money import Money
from schema.types.orders import Order

NOT_KEPT: Final = "not-kept"  # of failures that are older than the keeping of their requests


@strawberry.interface(description="Why something was refused, for programs and for people.", directives=PART_OF_A_ROW)
class UserError:
    """The fields that every refusal has."""

    code: ErrorCode = strawberry.field(description="The reason, for programs.")
    message: str = strawberry.field(description="The reason, for people; in English, safe to show to staff.")
    path: list[str] | None = strawberry.field(
        description='The place in the input, such as ["input", "expectedAmount", "amount"].'
    )
    retryable: bool = strawberry.field(description="Safe to resend with the SAME key.")
    request_id: strawberry.ID = strawberry.field(
        description="The request that was refused or failed: name it to support. Of an attempt that the payer made at"
        " Stripe it is Stripe's."
    )


@strawberry.type(description="A refusal that its code and message say in full.", directives=PART_OF_A_ROW)
class GenericError(UserError):
    """No fields of its own."""


@strawberry.type(
    description="The idempotency key belongs to an earlier call with another input. Nothing ran.",
    directives=PART_OF_A_ROW,
)
class IdempotencyKeyReusedError(UserError):
    """Names what differs, never the values."""

    mismatched_paths: list[str] = strawberry.field(description="Which input fields differ from the first call.")
    original_operation_id: strawberry.ID = strawberry.field(description="The operation that the key belongs to.")


@strawberry.type(description="The work is still being done. Send the same call again.", directives=PART_OF_A_ROW)
class OperationInProgressError(UserError):
    """Says when to come back."""

    operation_id: strawberry.ID = strawberry.field(description="The operation that is still running.")
    retry_after_ms: int | None = strawberry.field(description="When to ask again, in milliseconds.")


@strawberry.type(
    description="The client expects another amount than the order owes, or line items do not come to the total.",
    directives=PART_OF_A_ROW,
)
class AmountMismatchError(UserError):
    """Shows both amounts."""

    expected: Money = strawberry.field(description="What the client expected, or the total that it stated.")
    actual: Money = strawberry.field(description="What the order owes, or what its line items come to.")


@strawberry.type(description="The order owes nothing.", directives=PART_OF_A_ROW)
class OrderAlreadyPaidError(UserError):
    """Shows the order, which says how it was paid."""

    order_id: strawberry.Private[UUID]

    @field
    async def order(self, info: Info) -> Order | None:
        """The order; null for who may not see it."""
        row = await visible_order(info.context, await info.context.loaders.order.load(self.order_id))
        return Order.of(row) if row is not None else None


@strawberry.type(description="More was asked for than is there.", directives=PART_OF_A_ROW)
class LimitExceededError(UserError):
    """Shows both amounts."""

    requested: Money = strawberry.field(description="What was asked for.")
    available: Money = strawberry.field(description="What is there.")


@strawberry.type(description="The payment's state does not allow this.", directives=PART_OF_A_ROW)
class InvalidStateError(UserError):
    """Shows what would be allowed."""

    status: PaymentStatus = strawberry.field(description="Where the payment stands.")
    allowed_actions: list[PaymentAction] = strawberry.field(description="What you may ask of it instead.")


Locale = Annotated[
    str | None,
    strawberry.argument(
        description="BCP 47 tag, such as pt-BR. A malformed one, or one of a language that is not written here, counts"
        " as none."
    ),
]


@strawberry.type(
    description="The bank said no, or wants the payer to authenticate. The payment is still open. To buyers, a reason"
    " that must not be shown (a card reported as stolen, suspected fraud) is a `generic_decline` in every field.",
    directives=PART_OF_A_ROW,
)
class CardDeclinedError(UserError):
    """The bank's reasons in Stripe's words."""

    decline_code: str | None = strawberry.field(description="Stripe's decline code.")
    advice_code: str | None = strawberry.field(description="Stripe's advice on trying again.")
    network_decline_code: str | None = strawberry.field(description="The card network's own code.")
    retry: RetryAdvice = strawberry.field(
        description="What to do next. While `allowedActions` have CONFIRM, the same payment is confirmed again."
    )
    decline: strawberry.Private[declines.Decline]

    @field
    def customer_message(self, info: Info, locale: Locale = None) -> str:
        """What to show the buyer: why it failed, and what to do next.

        In the language of `locale`, else in the one that the request's Accept-Language prefers, else in English.
        Written in English, German, French, Spanish, Italian, Dutch, Portuguese and Japanese.
        """
        return _text_for_buyer(info, self.decline, locale)


@strawberry.type(
    description="What was to pay cannot be used: it is gone, used up, does not fit, or its customer has not agreed to"
    " it. No bank was asked.",
    directives=PART_OF_A_ROW,
)
class PaymentMethodUnusableError(UserError):
    """Says it to the buyer, and to programs."""

    retry: RetryAdvice = strawberry.field(description="What to do next, as of a decline.")
    decline: strawberry.Private[declines.Decline]

    @field
    def customer_message(self, info: Info, locale: Locale = None) -> str:
        """What to show the buyer, in the same languages as a decline."""
        return _text_for_buyer(info, self.decline, locale)


def _text_for_buyer(info: Info, decline: declines.Decline, locale: str | None) -> str:
    return declines.text_for_buyer(decline, declines.choose_language(locale, info.context.languages))


@strawberry.type(description="Stripe could not do it, or has not said whether it did.", directives=PART_OF_A_ROW)
class ProviderError(UserError):
    """Says what is known about money."""

    effect: ProviderEffect = strawberry.field(description="What is known about money.")
    retry_after_ms: int | None = strawberry.field(description="When to ask again, in milliseconds.")
    stripe_request_id: str | None = strawberry.field(description="Name this to Stripe's support.")
    stripe_code: str | None = strawberry.field(description="Stripe's error code; null for buyers.")
    stripe_param: str | None = strawberry.field(description="The parameter that Stripe refused; null for buyers.")


ERROR_TYPES = (
    GenericError,
    IdempotencyKeyReusedError,
    OperationInProgressError,
    OrderAlreadyPaidError,
    AmountMismatchError,
    LimitExceededError,
    InvalidStateError,
    CardDeclinedError,
    PaymentMethodUnusableError,
    ProviderError,
)


def shown_error(info: Info, error: errors.DomainError) -> UserError:
    """A refusal of this request, as the caller may read it."""
    return user_error(visible_error(info.context, error), request_id=info.context.request_id)


def stored_error(info: Info, record: Mapping[str, Any], *, request_id: str | None) -> UserError:
    """Return a stored failure, as the caller may read it.

    `request_id` is the request that failed, and not the reader's; None where it was not kept.
    """
    error = visible_error(info.context, errors.DomainError.from_record(record))
    return user_error(error, request_id=request_id or NOT_KEPT)


def user_error(error: errors.DomainError, *, request_id: str) -> UserError:
    """The wire's form of a refusal; one without a type of its own is a GenericError."""
    common: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "path": list(error.path) if error.path is not None else None,
        "retryable": error.retryable,
        "request_id": strawberry.ID(request_id),
    }
    if error.code is ErrorCode.PAYMENT_METHOD_UNUSABLE:
        decline = declines.unusable_method_of(error)
        return PaymentMethodUnusableError(**common, retry=decline.next.retry, decline=decline)
    for kind, build in _BUILDERS.items():
        if isinstance(error, kind):
            return build(error, common)
    return GenericError(**common)


def _operation_id(value: Any) -> strawberry.ID:
    return strawberry.ID(encode(Kind.OPERATION, value))


def _reused(error: errors.IdempotencyKeyReused, common: dict[str, Any]) -> UserError:
    return IdempotencyKeyReusedError(
        **common,
        mismatched_paths=list(error.mismatched_paths),
        original_operation_id=_operation_id(error.operation_id),
    )


def _in_progress(error: errors.OperationInProgress, common: dict[str, Any]) -> UserError:
    return OperationInProgressError(
        **common, operation_id=_operation_id(error.operation_id), retry_after_ms=error.retry_after_ms
    )


def _paid(error: errors.OrderAlreadyPaid, common: dict[str, Any]) -> UserError:
    return OrderAlreadyPaidError(**common, order_id=error.order_id)


def _mismatch(error: errors.AmountMismatch, common: dict[str, Any]) -> UserError:
    return AmountMismatchError(**common, expected=Money.of(error.expected), actual=Money.of(error.actual))


def _limit(error: errors.LimitExceeded, common: dict[str, Any]) -> UserError:
    return LimitExceededError(**common, requested=Money.of(error.requested), available=Money.of(error.available))


def _state(error: errors.InvalidState, common: dict[str, Any]) -> UserError:
    return InvalidStateError(**common, status=error.status, allowed_actions=list(error.allowed_actions))


def _declined(error: errors.CardDeclined, common: dict[str, Any]) -> UserError:
    decline = declines.decline_of(error)  # not as it was stored: what is advised and what is told are from one row
    return CardDeclinedError(
        **common,
        decline_code=error.decline_code,
        advice_code=error.advice_code,
        network_decline_code=error.network_decline_code,
        retry=decline.next.retry,
        decline=decline,
    )


def _provider(error: errors.ProviderProblem, common: dict[str, Any]) -> UserError:
    return ProviderError(
        **common,
        effect=error.effect,
        retry_after_ms=error.retry_after_ms,
        stripe_request_id=error.stripe_request_id,
        stripe_code=error.stripe_code,
        stripe_param=error.stripe_param,
    )


_BUILDERS: dict[type[errors.DomainError], Callable[[Any, dict[str, Any]], UserError]] = {
    errors.IdempotencyKeyReused: _reused,
    errors.OperationInProgress: _in_progress,
    errors.OrderAlreadyPaid: _paid,
    errors.AmountMismatch: _mismatch,
    errors.LimitExceeded: _limit,
    errors.InvalidState: _state,
    errors.CardDeclined: _declined,
    errors.ProviderProblem: _provider,
}
