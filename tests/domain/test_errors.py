"""Refusals survive a restart exactly, and contain no secret."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.declines import explain_decline
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
    MethodUnusable,
    NotFound,
    OperationInProgress,
    OrderAlreadyPaid,
    PaymentUnderWay,
    ProviderProblem,
    Refused,
)
from domain.idempotency import check_key
from domain.money import Money
from domain.states import PaymentAction, PaymentStatus, ProviderEffect, RetryAdvice

ID = UUID("0191c2de-7b5a-7c3e-9f10-1234567890ab")
ERRORS: list[DomainError] = [
    Refused(ErrorCode.VALIDATION_FAILED, "`note` has control characters in it.", ("input", "note")),
    Refused(ErrorCode.RATE_LIMITED, "Too many requests.", retryable=True),
    Refused(ErrorCode.CHARGE_DISPUTED, "Größe – 日本 🙂", ()),
    NotFound(),
    NotFound(("input", "orderId")),
    Forbidden(),
    Forbidden("The token lacks refunds:write.", ("input",)),
    IdempotencyKeyReused(mismatched_paths=("amount", "order.id"), operation_id=ID),
    IdempotencyKeyReused(mismatched_paths=(), operation_id=ID),
    OperationInProgress(operation_id=ID, retry_after_ms=1_500),
    ActivePaymentExists(payment_id=ID, allowed_actions=()),
    OrderAlreadyPaid(order_id=ID),
    AmountMismatch(expected=Money(2**53 - 1, "USD"), actual=Money(0, "JPY"), path=("input", "expectedAmount")),
    LimitExceeded(ErrorCode.AMOUNT_EXCEEDS_REFUNDABLE, requested=Money(6_000, "KWD"), available=Money(-1, "KWD")),
    InvalidState(
        status=PaymentStatus.UNKNOWN, allowed_actions=(PaymentAction.SYNC,), message="Not now.", path=("input",)
    ),
    InvalidState(status=PaymentStatus.CANCELED, allowed_actions=(), message="Never."),
    PaymentUnderWay(payment_id=ID, status=PaymentStatus.PROCESSING, allowed_actions=(), message="Too late."),
    CardDeclined(
        decline_code="insufficient_funds",
        advice_code="try_again_later",
        network_decline_code="51",
        message="The card has insufficient funds.",
        retry=RetryAdvice.RETRY_SAME_METHOD_LATER,
    ),
    CardDeclined(
        decline_code="authentication_required",
        advice_code=None,
        network_decline_code=None,
        message="Your bank asks you to confirm this payment.",
        retry=RetryAdvice.REAUTHENTICATE_ON_SESSION,
        code=ErrorCode.AUTHENTICATION_REQUIRED,
    ),
    explain_decline(),
    MethodUnusable("The card was detached.", ("input", "paymentMethodId"), stripe_code="resource_missing"),
    MethodUnusable("Nobody knows it.", None, stripe_code=None),
    ProviderProblem(ErrorCode.PROVIDER_REJECTED, "Stripe refused.", effect=ProviderEffect.NONE, path=("input",)),
    ProviderProblem(
        ErrorCode.OUTCOME_UNKNOWN,
        "Nobody knows yet.",
        effect=ProviderEffect.UNKNOWN,
        retry_after_ms=2_000,
        stripe_request_id="req_1",
        retryable=True,
    ),
]


def everything(error: DomainError) -> dict[str, object]:
    return {"type": type(error), "text": str(error), "args": error.args, **vars(error)}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_from_json_as_it_was(error: DomainError) -> None:
    written = json.dumps(error.to_record(), allow_nan=False)

    restored = DomainError.from_record(json.loads(written))

    assert everything(restored) == everything(error)
    assert restored.to_record() == error.to_record()


def test_every_kind_of_error_is_tried_above() -> None:
    kinds = {kind for kind in DomainError._kinds.values() if kind.__module__ == "domain.errors"}

    assert {type(error) for error in ERRORS} == kinds


@given(
    code=st.sampled_from(ErrorCode),
    message=st.text(),
    path=st.none() | st.lists(st.text(), max_size=4).map(tuple),
    retryable=st.booleans(),
)
def test_any_refusal_comes_back(code: ErrorCode, message: str, path: tuple[str, ...] | None, retryable: bool) -> None:
    error = Refused(code, message, path, retryable)

    assert everything(DomainError.from_record(json.loads(json.dumps(error.to_record())))) == everything(error)


def test_a_kind_of_error_from_a_newer_version_is_still_a_refusal() -> None:
    record = {**Forbidden().to_record(), "kind": "OutOfOffice", "details": {"until": "Monday"}}

    restored = DomainError.from_record(record)

    assert type(restored) is Refused
    assert (restored.code, restored.message) == (ErrorCode.FORBIDDEN, "Your token does not allow this.")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_has_a_whole_sentence_to_say(error: DomainError) -> None:
    if error.message.isascii():
        assert error.message[0] in f"`{error.message[0].upper()}"
        assert error.message.endswith((".", ")"))


def test_only_what_may_be_sent_again_is_retryable() -> None:
    assert OperationInProgress(operation_id=ID, retry_after_ms=1).retryable
    assert not IdempotencyKeyReused(mismatched_paths=(), operation_id=ID).retryable
    assert not explain_decline().retryable


@pytest.mark.parametrize("key", ["secret key-17", "4242424242424242", "clé-secrète", "k" * 300])
def test_no_error_repeats_the_idempotency_key(key: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_key(key)

    assert key not in json.dumps(refusal.value.to_record(), ensure_ascii=False)
    assert key not in f"{refusal.value!r} {refusal.value}"
