"""What may be charged and given back, and the currencies as Stripe counts them (scenarios 35 and 42)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.amounts import check_chargeable, check_positive
from domain.currencies import CURRENCIES, DEFAULT_CURRENCIES
from domain.errors import ErrorCode, Refused
from domain.money import Money

ALL = frozenset(CURRENCIES)
PATH = ("input", "total")
codes = st.sampled_from(sorted(CURRENCIES))


def refusal(minor: int, currency: str, enabled: frozenset[str] = ALL) -> tuple[ErrorCode, tuple[str, ...] | None]:
    with pytest.raises(Refused) as caught:
        check_chargeable(Money(minor, currency), enabled=enabled, path=PATH)
    return caught.value.code, caught.value.path


@pytest.mark.parametrize(
    ("minor", "currency", "code"),
    [
        (49, "USD", ErrorCode.AMOUNT_TOO_SMALL),
        (29, "GBP", ErrorCode.AMOUNT_TOO_SMALL),
        (49, "JPY", ErrorCode.AMOUNT_TOO_SMALL),
        (17_499, "HUF", ErrorCode.AMOUNT_TOO_SMALL),
        (199, "AED", ErrorCode.AMOUNT_TOO_SMALL),
        (100_000_000, "USD", ErrorCode.AMOUNT_TOO_LARGE),
        (1_000_000_000, "INR", ErrorCode.AMOUNT_TOO_LARGE),
        (10_000_000_000, "COP", ErrorCode.AMOUNT_TOO_LARGE),
        (1_000_000_000_000, "IDR", ErrorCode.AMOUNT_TOO_LARGE),
        (1050, "ISK", ErrorCode.VALIDATION_FAILED),
        (1050, "UGX", ErrorCode.VALIDATION_FAILED),
        (1001, "KWD", ErrorCode.VALIDATION_FAILED),
        (0, "USD", ErrorCode.VALIDATION_FAILED),
        (-100, "USD", ErrorCode.VALIDATION_FAILED),
    ],
)
def test_an_amount_that_stripe_would_not_charge_is_refused(minor: int, currency: str, code: ErrorCode) -> None:
    assert refusal(minor, currency) == (code, (*PATH, "amount"))


@pytest.mark.parametrize(
    ("minor", "currency"),
    [
        (50, "USD"),
        (30, "GBP"),
        (50, "JPY"),
        (99_999_999, "USD"),
        (999_999_999, "INR"),
        (9_999_999_999, "COP"),
        (999_999_999_999, "IDR"),
        (1100, "ISK"),
        (1010, "KWD"),
        (1, "XPF"),
    ],
)
def test_the_limits_themselves_are_allowed(minor: int, currency: str) -> None:
    check_chargeable(Money(minor, currency), enabled=ALL, path=PATH)


@given(codes)
def test_a_currency_that_is_not_enabled_is_refused_first(currency: str) -> None:
    assert refusal(-1, currency, ALL - {currency}) == (ErrorCode.CURRENCY_NOT_ENABLED, (*PATH, "currency"))


@given(codes, st.integers(min_value=1, max_value=99_999_999))
def test_a_refund_has_a_step_but_no_minimum(currency: str, minor: int) -> None:
    money = Money(minor, currency)

    if minor % CURRENCIES[currency].step == 0:
        check_positive(money, path=PATH)
    else:
        with pytest.raises(Refused) as caught:
            check_positive(money, path=PATH)
        assert caught.value.code is ErrorCode.VALIDATION_FAILED


@given(codes, st.integers(max_value=0, min_value=-1000))
def test_nothing_and_less_than_nothing_cannot_be_given_back(currency: str, minor: int) -> None:
    with pytest.raises(Refused) as caught:
        check_positive(Money(minor, currency), path=PATH)
    assert (caught.value.code, caught.value.path) == (ErrorCode.VALIDATION_FAILED, (*PATH, "amount"))


def test_the_limits_in_a_message_are_decimals_of_the_currency() -> None:
    with pytest.raises(Refused, match=r"^The least that can be charged is 0\.50 USD\.$"):
        check_chargeable(Money(1, "USD"), enabled=ALL, path=PATH)


def test_stripes_exponents_are_not_isos() -> None:
    no_decimals = {code for code, currency in CURRENCIES.items() if currency.exponent == 0}
    three_decimals = {code for code, currency in CURRENCIES.items() if currency.exponent == 3}

    assert no_decimals == set("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
    assert three_decimals == {"BHD", "JOD", "KWD", "OMR", "TND"}
    assert {currency.exponent for currency in CURRENCIES.values()} == {0, 2, 3}
    assert (CURRENCIES["HUF"].step, CURRENCIES["TWD"].step) == (1, 1)


def test_steps_keep_the_whole_units_of_some_currencies() -> None:
    steps = {code: currency.step for code, currency in CURRENCIES.items() if currency.step != 1}

    assert steps == {"ISK": 100, "UGX": 100, "BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10}
    assert (CURRENCIES["ISK"].display_exponent, CURRENCIES["UGX"].display_exponent) == (0, 0)


def test_what_differs_between_accounts_is_off_until_asked_for() -> None:
    assert {"UGX", "BHD", "JOD", "KWD", "OMR", "TND"} == ALL - DEFAULT_CURRENCIES


def test_every_currency_can_be_charged_at_all() -> None:
    assert len(CURRENCIES) == 135
    for code, currency in CURRENCIES.items():
        assert code == currency.code
        assert code.isalpha()
        assert code.isupper()
        least = max(currency.min_minor or 0, currency.step)
        check_chargeable(Money(least, code), enabled=ALL, path=PATH)
        check_chargeable(Money(currency.max_minor - currency.max_minor % currency.step, code), enabled=ALL, path=PATH)
