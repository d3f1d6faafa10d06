"""Money is exact, of one currency, and never rounded in silence."""

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.currencies import CURRENCIES
from domain.money import MAX_MINOR, ExcessPrecision, MixedCurrencies, Money

codes = st.sampled_from(sorted(CURRENCIES))
minors = st.integers(min_value=-MAX_MINOR, max_value=MAX_MINOR)
monies = st.builds(Money, minors, codes)
OPERATIONS = [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge]


@given(monies)
def test_a_decimal_reads_back_as_the_same_money(money: Money) -> None:
    assert Money.from_decimal(money.decimal, money.currency) == money


@given(monies)
def test_a_decimal_has_exactly_the_places_of_its_currency(money: Money) -> None:
    whole, _, places = money.decimal.partition(".")

    assert len(places) == money.exponent == CURRENCIES[money.currency].exponent
    assert int(whole + places) == money.amount_minor


@pytest.mark.parametrize(
    ("minor", "currency", "decimal"),
    [
        (1099, "USD", "10.99"),
        (500, "JPY", "500"),
        (5120, "KWD", "5.120"),
        (5, "EUR", "0.05"),
        (-5, "EUR", "-0.05"),
        (0, "GBP", "0.00"),
        (500, "ISK", "5.00"),
        (500, "MGA", "500"),
        (MAX_MINOR, "USD", "90071992547409.91"),
    ],
)
def test_decimals_are_written_with_stripes_exponent(minor: int, currency: str, decimal: str) -> None:
    assert Money(minor, currency).decimal == decimal


@given(minors, minors, codes)
def test_sums_and_differences_undo_each_other(first: int, second: int, currency: str) -> None:
    assume(abs(first + second) <= MAX_MINOR)
    one, other = Money(first, currency), Money(second, currency)

    assert one + other == Money(first + second, currency)
    assert one + other - other == one
    assert one - one == Money.zero(currency)


@given(minors, minors, codes)
def test_money_is_ordered_like_its_minor_units(first: int, second: int, currency: str) -> None:
    one, other = Money(first, currency), Money(second, currency)

    assert (one < other, one <= other, one > other, one >= other) == (
        first < second,
        first <= second,
        first > second,
        first >= second,
    )


@pytest.mark.parametrize("operation", OPERATIONS)
@given(monies, monies)
def test_two_currencies_never_meet(operation: Callable[[Any, Any], Any], one: Money, other: Money) -> None:
    assume(one.currency != other.currency)

    with pytest.raises(MixedCurrencies):
        operation(one, other)
    assert one != other


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("stranger", [1, 1.0, "1", None, (1, "USD")])
def test_money_meets_only_money(operation: Callable[[Any, Any], Any], stranger: object) -> None:
    with pytest.raises(TypeError):
        operation(Money(1, "USD"), stranger)
    with pytest.raises(TypeError):
        operation(stranger, Money(1, "USD"))


@pytest.mark.parametrize("amount", [True, False, 10.5, 10.0, "10", None])
def test_only_whole_numbers_are_amounts(amount: Any) -> None:
    """Scenario 43."""
    with pytest.raises(TypeError):
        Money(amount, "USD")


def test_amounts_stay_exact_in_every_json_client() -> None:
    assert Money(2**53 - 1, "USD").amount_minor == 9_007_199_254_740_991
    for amount in (2**53, -(2**53)):
        with pytest.raises(OverflowError):
            Money(amount, "USD")
    with pytest.raises(OverflowError):
        Money(MAX_MINOR, "USD") + Money(1, "USD")


@pytest.mark.parametrize("currency", ["usd", "XXX", "", "US", "USDX", "BTC"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        Money(1, currency)
    with pytest.raises(ValueError, match="currency"):
        Money.from_decimal("1", currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [("10.999", "USD"), ("0.1", "JPY"), ("1.0001", "KWD"), ("1.0000000000000001", "USD")],
)
def test_excess_precision_is_refused_and_not_rounded(text: str, currency: str) -> None:
    with pytest.raises(ExcessPrecision):
        Money.from_decimal(text, currency)


@pytest.mark.parametrize(
    ("text", "minor"), [("10", 1000), ("10.9", 1090), ("10.990", 1099), ("-0.01", -1), ("-0", 0), ("007", 700)]
)
def test_the_same_value_may_be_written_in_several_ways(text: str, minor: int) -> None:
    assert Money.from_decimal(text, "USD") == Money(minor, "USD")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 10",
        "10 ",
        "1_0",
        "1,0",
        "1e3",
        "1E999999999",
        "NaN",
        "Infinity",
        "+1",
        "--1",
        ".5",
        "5.",
        "٣",
        "10\n",
        "1." + "0" * 30 + "1",
        "9" * 100,
    ],
)
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        Money.from_decimal(text, "USD")


def test_a_decimal_above_the_limit_is_refused() -> None:
    with pytest.raises(OverflowError):
        Money.from_decimal("90071992547409.92", "USD")


@given(monies)
def test_money_is_a_value(money: Money) -> None:
    assert {money, Money(money.amount_minor, money.currency)} == {money}
    with pytest.raises(AttributeError):
        money.amount_minor = 1  # type: ignore[misc]  # the point of the test
