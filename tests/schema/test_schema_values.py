"""Values on the wire: strict scalars, impossible pages and filters, money for people, refusals as types."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain import errors
from domain.caller import Scope
from domain.money import Money
from domain.states import PaymentAction, PaymentStatus, ProviderEffect, RetryAdvice
from schema.errors import ERROR_TYPES, user_error
from schema.scalars import parse_moment, print_moment
from schema.types import money as money_on_the_wire
from tests.support.schema_context import caller, cause, run

# -- scalars ---------------------------------------------------------------------------------------------------------

STAFF = caller(Scope.PAYMENTS_READ)


@pytest.mark.parametrize("bad", [1.0, 1e3, 10.5, "100", True, None, 2**53, -(2**53), [1]])
async def test_minor_units_are_exact_integers(bad: object) -> None:
    result = await run(
        "query Q($a: MinorUnits!) { payments(filter: {amount: {gte: $a}}) { nodes { id } } }", STAFF, a=bad
    )

    assert result.errors is not None
    assert result.data is None


@pytest.mark.parametrize("bad", ["1.0", "1e3", '"100"', "true", "9007199254740992", "1" + "0" * 5000, "USD"])
async def test_minor_units_in_a_document_are_exact_integers(bad: str) -> None:
    result = await run(f"{{ payments(filter: {{amount: {{gte: {bad}}}}}) {{ nodes {{ id }} }} }}", STAFF)

    assert result.errors is not None
    assert result.data is None


@pytest.mark.parametrize(
    "bad",
    [
        "2026",
        "2026-01-31",
        "2026-01-31T09:30:00",
        "2026-01-31 09:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-01-31T25:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-01-31T09:30:00Z",
        "",
        "Z",
    ],
)
def test_a_moment_has_its_offset(bad: str) -> None:
    with pytest.raises(errors.Refused):
        parse_moment(bad)


def test_a_moment_comes_back_to_the_microsecond() -> None:
    moment = parse_moment("2026-01-31T10:30:00.123456+01:00")

    assert moment == datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC)
    assert print_moment(moment) == "2026-01-31T09:30:00.123456Z"


@pytest.mark.parametrize("secret", ["hunter2 hunter2", "schlüssel-hunter2", "hunter2" * 50])
async def test_a_refused_key_is_not_repeated_by_us(secret: str) -> None:
    result = await run(
        "query Q($k: IdempotencyKey!) { operation(key: $k, kind: CREATE_PAYMENT) { id } }", STAFF, k=secret
    )

    refusal = cause(result)
    assert isinstance(refusal, errors.Refused)
    assert "hunter2" not in str(refusal)


@pytest.mark.parametrize("bad", ["{a: 1}", "{a: {b: null}}", '"x"', "[]", "{a: X}"])
async def test_metadata_maps_strings_to_strings(bad: str) -> None:
    result = await run(f"{{ payments(filter: {{metadata: {bad}}}) {{ nodes {{ id }} }} }}", STAFF)

    assert result.errors is not None
    assert result.data is None


# -- filters and pages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("first: 0", "first"),
        ("first: 101", "first"),
        ("last: 0", "last"),
        ("last: 101", "last"),
        ("first: 5, last: 5", "last"),
        ('after: "x"', "after"),
        ('before: "b2Zmc2V0OjU="', "before"),
        ('after: ""', "after"),
        (f'after: "{"A" * 10_000}"', "after"),
        ("filter: {not: {not: {not: {not: {}}}}}", "filter"),
        ("filter: {or: [" + "{}, " * 30 + "]}", "filter"),
        ('filter: {search: ""}', "filter"),
        ('filter: {search: "4242424242424242"}', "filter"),
        ('filter: {metadata: {a: "\\u0000"}}', "filter"),
    ],
)
async def test_a_page_that_cannot_be_is_refused_by_name(arguments: str, named: str) -> None:
    result = await run(f"{{ payments({arguments}) {{ nodes {{ id }} }} }}", STAFF)

    refusal = cause(result)
    assert isinstance(refusal, errors.Refused)
    assert refusal.path is not None
    assert refusal.path[0] == named


# -- money and errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(1099, "USD"), "en-US", "$10.99"),
        (Money(500, "JPY"), "en-US", "¥500"),
        (Money(5120, "KWD"), "en-US", "KWD\u00a05.120"),
        (Money(105000, "ISK"), "en-US", "ISK\u00a01,050"),
        (Money(105001, "ISK"), "en-US", "ISK\u00a01,050.01"),
        (Money(1099, "RSD"), "en-US", "RSD\u00a010.99"),
        (Money(1099, "EUR"), "de-DE", "10,99\u00a0€"),
        (Money(-1099, "USD"), "xx-YY", "-$10.99"),
        (Money(1, "USD"), "xx" * 100, "$0.01"),
    ],
)
def test_money_is_written_with_stripes_decimals_and_never_rounded(money: Money, locale: str, text: str) -> None:
    assert money_on_the_wire._formatted(money, locale) == text


ID = uuid4()
USD = Money(100, "USD")
REFUSALS: list[errors.DomainError] = [
    errors.NotFound(("id",)),
    errors.IdempotencyKeyReused(mismatched_paths=("a.b",), operation_id=ID),
    errors.OperationInProgress(operation_id=ID, retry_after_ms=1000),
    errors.AmountMismatch(expected=USD, actual=USD),
    errors.LimitExceeded(errors.ErrorCode.AMOUNT_EXCEEDS_REFUNDABLE, requested=USD, available=USD),
    errors.InvalidState(status=PaymentStatus.SUCCEEDED, allowed_actions=(PaymentAction.SYNC,), message="No."),
    errors.CardDeclined(
        decline_code="lost_card",
        advice_code=None,
        network_decline_code=None,
        message="No.",
        retry=RetryAdvice.DO_NOT_RETRY,
    ),
    errors.ProviderProblem(errors.ErrorCode.OUTCOME_UNKNOWN, "Wait.", effect=ProviderEffect.UNKNOWN),
    errors.MethodUnusable("Gone.", ("input", "paymentMethodId"), stripe_code="resource_missing"),
    errors.OrderAlreadyPaid(order_id=ID),
]


def test_every_kind_of_refusal_has_its_type() -> None:
    kinds = {type(user_error(refusal, request_id="req_1")) for refusal in REFUSALS}

    assert kinds == set(ERROR_TYPES)


def test_a_kind_without_a_type_of_its_own_is_generic() -> None:
    given = user_error(errors.ActivePaymentExists(payment_id=ID, allowed_actions=()), request_id="req_1")

    assert type(given).__name__ == "GenericError"
    assert given.code is errors.ErrorCode.ACTIVE_PAYMENT_EXISTS
    assert given.request_id == "req_1"
