"""Every refusal survives being stored, and says nothing that must stay secret."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import errors
from domain.errors import (
    ActivePaymentExists,
    AmountMismatch,
    CardDeclined,
    DomainError,
    ErrorCode,
    Forbidden,
    IdempotencyKeyReused,
    InvalidState,
    LimitExceeded,
    NotFound,
    OperationInProgress,
    ProviderProblem,
    Refused,
)
from domain.money import Money
from domain.states import PaymentAction, PaymentStatus, ProviderEffect, RetryAdvice

SOME_ID = UUID("01900000-0000-7000-8000-000000000001")

EXAMPLES: list[DomainError] = [
    Refused(ErrorCode.VALIDATION_FAILED, "`note` is too long.", ("input", "note")),
    Refused(ErrorCode.RATE_LIMITED, "Too many requests.", None, retryable=True),
    Refused(ErrorCode.CHARGE_DISPUTED, "The payment is disputed.", ()),
    NotFound(),
    NotFound(("input", "orderId")),
    Forbidden(),
    Forbidden("This needs the scope refunds:write.", ("input",)),
    IdempotencyKeyReused(mismatched_paths=("expectedAmount.amount", "orderId"), operation_id=SOME_ID),
    OperationInProgress(operation_id=SOME_ID, retry_after_ms=1500),
    ActivePaymentExists(payment_id=SOME_ID),
    AmountMismatch(expected=Money(1099, "USD"), actual=Money(1299, "USD"), path=("input", "expectedAmount")),
    LimitExceeded(
        ErrorCode.AMOUNT_EXCEEDS_REFUNDABLE,
        requested=Money(6000, "JPY"),
        available=Money(0, "JPY"),
        path=("input", "amount"),
    ),
    InvalidState(
        status=PaymentStatus.REQUIRES_CAPTURE,
        allowed_actions=(PaymentAction.CAPTURE, PaymentAction.CANCEL, PaymentAction.SYNC),
        message="The payment is not captured yet. Cancel it instead.",
        path=("input", "paymentId"),
    ),
    CardDeclined(
        decline_code="insufficient_funds",
        advice_code="try_again_later",
        network_decline_code="51",
        customer_message="Your card has insufficient funds.",
        retry=RetryAdvice.RETRY_SAME_METHOD_LATER,
    ),
    CardDeclined(
        decline_code="authentication_required",
        advice_code=None,
        network_decline_code=None,
        customer_message="Please confirm with your bank.",
        retry=RetryAdvice.REAUTHENTICATE_ON_SESSION,
        code=ErrorCode.AUTHENTICATION_REQUIRED,
    ),
    CardDeclined.unexplained(),
    ProviderProblem(ErrorCode.PROVIDER_UNAVAILABLE, "Try again.", effect=ProviderEffect.NONE, retryable=True),
    ProviderProblem(
        ErrorCode.OUTCOME_UNKNOWN,
        "It is not known yet.",
        effect=ProviderEffect.UNKNOWN,
        retry_after_ms=5000,
        stripe_request_id="req_1",
        path=("input",),
    ),
]


def stored(error: DomainError) -> DomainError:
    return DomainError.from_record(json.loads(json.dumps(error.to_record())))


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: f"{type(error).__name__}-{error.code}")
def test_an_error_is_the_same_after_it_was_stored(error: DomainError) -> None:
    again = stored(error)

    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error) == error.message
    assert again.to_record() == error.to_record()


def test_no_kind_of_error_is_left_out() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, DomainError) and kind is not DomainError
    }

    assert {type(error) for error in EXAMPLES} == kinds


paths = st.none() | st.lists(st.text(alphabet=st.characters(codec="utf-8"))).map(tuple)


@given(st.sampled_from(list(ErrorCode)), st.text(alphabet=st.characters(codec="utf-8")), paths, st.booleans())
def test_any_refusal_is_the_same_after_it_was_stored(
    code: ErrorCode, message: str, path: tuple[str, ...] | None, retryable: bool
) -> None:
    assert vars(stored(Refused(code, message, path, retryable))) == {
        "code": code,
        "message": message,
        "path": path,
        "retryable": retryable,
    }


def test_a_kind_that_no_longer_exists_comes_back_as_a_refusal() -> None:
    record: dict[str, Any] = {**CardDeclined.unexplained().to_record(), "kind": "SomethingOld"}

    again = DomainError.from_record(record)

    assert type(again) is Refused
    assert (again.code, again.message) == (ErrorCode.CARD_DECLINED, record["message"])


def test_the_codes_are_the_contracts() -> None:
    assert set(ErrorCode) == set(
        """
        VALIDATION_FAILED NOT_FOUND FORBIDDEN RATE_LIMITED IDEMPOTENCY_KEY_REUSED OPERATION_IN_PROGRESS
        IDEMPOTENCY_KEY_EXPIRED AMOUNT_MISMATCH CURRENCY_MISMATCH AMOUNT_TOO_SMALL AMOUNT_TOO_LARGE ORDER_ALREADY_PAID
        ACTIVE_PAYMENT_EXISTS INVALID_STATE AMOUNT_EXCEEDS_CAPTURABLE AMOUNT_EXCEEDS_REFUNDABLE REFUND_LIMIT_EXCEEDED
        CHARGE_DISPUTED CARD_DECLINED AUTHENTICATION_REQUIRED PAYMENT_METHOD_UNUSABLE PROVIDER_UNAVAILABLE
        PROVIDER_REJECTED OUTCOME_UNKNOWN SENSITIVE_DATA_REFUSED CURRENCY_NOT_ENABLED
        """.split()
    )
    assert all(code.name == code.value for code in ErrorCode)


def test_only_what_may_be_repeated_with_the_same_key_says_so() -> None:
    assert OperationInProgress(operation_id=SOME_ID, retry_after_ms=1).retryable
    for error in (NotFound(), Forbidden(), CardDeclined.unexplained(), ActivePaymentExists(payment_id=SOME_ID)):
        assert not error.retryable


def test_a_thing_that_is_not_yours_sounds_like_one_that_is_not_there() -> None:
    """Scenario 44."""
    assert NotFound(("id",)).to_record() == NotFound(("id",)).to_record()
    assert str(NotFound()) == "There is nothing with this id."


def test_amounts_are_told_in_decimals() -> None:
    mismatch = AmountMismatch(expected=Money(1099, "USD"), actual=Money(1299, "USD"))
    excess = LimitExceeded(ErrorCode.AMOUNT_EXCEEDS_REFUNDABLE, requested=Money(60, "JPY"), available=Money(40, "JPY"))

    assert mismatch.message == "The order owes 12.99 USD, not 10.99 USD."
    assert excess.message == "60 JPY was asked for; 40 JPY is left."


def test_a_reused_key_names_paths_and_never_values() -> None:
    """Scenario 3."""
    error = IdempotencyKeyReused(mismatched_paths=("expectedAmount.amount",), operation_id=SOME_ID)

    assert error.path == ("idempotencyKey",)
    assert "amount" not in error.message
    assert error.to_record()["details"] == {
        "mismatched_paths": ["expectedAmount.amount"],
        "operation_id": str(SOME_ID),
    }
