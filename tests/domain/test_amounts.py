"""The amounts that may be charged and refunded (scenarios 35 and 42)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.amounts import check_chargeable, check_positive
from domain.currencies import CURRENCIES, DEFAULT_CURRENCIES
from domain.errors import ErrorCode, Refused
from domain.money import Money

ALL = frozenset(CURRENCIES)
PATH = ("input", "total")


@pytest.mark.parametrize(
    ("minor", "currency", "code"),
    [
        (49, "USD", ErrorCode.AMOUNT_TOO_SMALL),
        (29, "GBP", ErrorCode.AMOUNT_TOO_SMALL),
        (49, "JPY", ErrorCode.AMOUNT_TOO_SMALL),
        (17_499, "HUF", ErrorCode.AMOUNT_TOO_SMALL),
        (1_050, "ISK", ErrorCode.VALIDATION_FAILED),
        (1_050, "UGX", ErrorCode.VALIDATION_FAILED),
        (1_001, "KWD", ErrorCode.VALIDATION_FAILED),
        (5_124, "BHD", ErrorCode.VALIDATION_FAILED),
        (100_000_000, "USD", ErrorCode.AMOUNT_TOO_LARGE),
        (3_000_000_000, "EUR", ErrorCode.AMOUNT_TOO_LARGE),
        (100_000_000, "JPY", ErrorCode.AMOUNT_TOO_LARGE),
        (0, "USD", ErrorCode.VALIDATION_FAILED),
        (-1, "USD", ErrorCode.VALIDATION_FAILED),
    ],
)
def test_scenario_42_the_table_refuses_what_stripe_would_refuse(minor: int, currency: str, code: ErrorCode) -> None:
    with pytest.raises(Refused) as refusal:
        check_chargeable(Money(minor, currency), enabled=ALL, path=PATH)

    assert refusal.value.code is code
    assert refusal.value.path == ("input", "total", "amount")


@pytest.mark.parametrize(
    ("minor", "currency"),
    [
        (50, "USD"),
        (99_999_999, "USD"),
        (50, "JPY"),
        (100_000, "JPY"),  # a hundred thousand yen is a fair price: only the order can know that 1000 was meant
        (1_000, "ISK"),
        (100, "UGX"),
        (1_000, "KWD"),
        (5_120, "BHD"),
        (17_500, "HUF"),
        (17_501, "HUF"),  # charged to the fillér: only payouts are whole
        (80_045, "TWD"),  # the same for cents
        (999_999_999_999, "IDR"),
        (9_999_999_999, "COP"),
    ],
)
def test_scenario_42_what_stripe_charges_passes(minor: int, currency: str) -> None:
    check_chargeable(Money(minor, currency), enabled=ALL, path=PATH)


@pytest.mark.parametrize("currency", ["UGX", "KWD", "BHD", "JOD", "OMR", "TND"])
def test_a_currency_of_few_accounts_is_off_until_it_is_asked_for(currency: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_chargeable(Money(10_000, currency), enabled=DEFAULT_CURRENCIES, path=PATH)

    assert refusal.value.code is ErrorCode.CURRENCY_NOT_ENABLED
    assert refusal.value.path == ("input", "total", "currency")


@pytest.mark.parametrize(
    ("code", "exponent", "step", "shown"),
    [
        ("ISK", 2, 100, 0),
        ("UGX", 2, 100, 0),
        ("HUF", 2, 1, 2),
        ("TWD", 2, 1, 2),
        ("KWD", 3, 10, 3),
        ("JPY", 0, 1, 0),
        ("USD", 2, 1, 2),
        ("MGA", 0, 1, 0),
    ],
)
def test_the_currencies_count_as_stripe_counts_them(code: str, exponent: int, step: int, shown: int) -> None:
    currency = CURRENCIES[code]

    assert (currency.exponent, currency.step, currency.display_exponent) == (exponent, step, shown)


@pytest.mark.parametrize("minor", [0, -1, -6_000])
def test_scenario_35_nothing_or_less_cannot_be_given_back(minor: int) -> None:
    with pytest.raises(Refused) as refusal:
        check_positive(Money(minor, "USD"), path=("input", "amount"))

    assert refusal.value.code is ErrorCode.VALIDATION_FAILED


@pytest.mark.parametrize(("minor", "currency"), [(50, "ISK"), (101, "UGX"), (1, "KWD"), (15, "OMR")])
def test_scenario_35_no_coin_exists_for_the_fraction(minor: int, currency: str) -> None:
    with pytest.raises(Refused, match="multiples of"):
        check_positive(Money(minor, currency), path=("input", "amount"))


@pytest.mark.parametrize(("minor", "currency"), [(1, "USD"), (1, "JPY"), (100, "ISK"), (10, "KWD")])
def test_a_refund_has_no_minimum(minor: int, currency: str) -> None:
    check_positive(Money(minor, currency), path=("input", "amount"))


@given(minor=st.integers(-(10**13), 10**13), currency=st.sampled_from(sorted(CURRENCIES)))
def test_whatever_may_be_charged_lies_within_the_table(minor: int, currency: str) -> None:
    table = CURRENCIES[currency]

    try:
        check_chargeable(Money(minor, currency), enabled=ALL, path=PATH)
    except Refused:
        allowed = False
    else:
        allowed = True

    assert allowed == (minor > 0 and minor % table.step == 0 and (table.min_minor or 1) <= minor <= table.max_minor)
