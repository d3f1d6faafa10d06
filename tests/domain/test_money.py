"""Money is exact, in one currency, and never a float."""

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.currencies import CURRENCIES
from domain.money import MAX_MINOR, ExcessPrecision, MixedCurrencies, Money

currencies = st.sampled_from(sorted(CURRENCIES))
minors = st.integers(-MAX_MINOR, MAX_MINOR)


@given(minor=minors, currency=currencies)
def test_every_amount_survives_its_decimal_in_every_currency(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    assert Money.from_decimal(money.decimal, currency) == money
    assert Decimal(money.decimal) * 10**money.exponent == minor
    assert "E" not in money.decimal.upper()


@pytest.mark.parametrize(
    ("minor", "currency", "decimal"),
    [
        (1_099, "USD", "10.99"),
        (-5, "USD", "-0.05"),
        (0, "USD", "0.00"),
        (500, "JPY", "500"),
        (5_120, "KWD", "5.120"),
        (1_000, "ISK", "10.00"),
        (MAX_MINOR, "EUR", "90071992547409.91"),
        (MAX_MINOR, "BHD", "9007199254740.991"),
    ],
)
def test_the_decimal_has_the_places_that_stripe_counts_in(minor: int, currency: str, decimal: str) -> None:
    assert Money(minor, currency).decimal == decimal


@given(a=minors, b=minors, first=currencies, second=currencies)
def test_two_currencies_never_meet_in_a_sum_or_a_comparison(a: int, b: int, first: str, second: str) -> None:
    one, other = Money(a, first), Money(b, second)
    mixed: tuple[Callable[[Money, Money], object], ...] = (
        operator.add,
        operator.sub,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
    )

    if first == second:
        assert (one < other, one <= other, one > other, one >= other) == (a < b, a <= b, a > b, a >= b)
    else:
        assert one != other
        for operation in mixed:
            with pytest.raises(MixedCurrencies):
                operation(one, other)


@given(a=st.integers(-(10**12), 10**12), b=st.integers(-(10**12), 10**12), currency=currencies)
def test_sums_and_differences_are_exact(a: int, b: int, currency: str) -> None:
    assert Money(a, currency) + Money(b, currency) == Money(a + b, currency)
    assert Money(a, currency) - Money(b, currency) == Money(a - b, currency)


@pytest.mark.parametrize("amount", [True, False, 10.0, 10.5, math.nan, "10", Decimal(10), None])
def test_only_an_integer_is_an_amount(amount: Any) -> None:
    with pytest.raises(TypeError):
        Money(amount, "USD")


@pytest.mark.parametrize("amount", [MAX_MINOR + 1, -MAX_MINOR - 1, 2**63, 10**40])
def test_an_amount_that_javascript_cannot_hold_is_refused(amount: int) -> None:
    with pytest.raises(OverflowError):
        Money(amount, "USD")


def test_a_sum_that_outgrows_the_limit_is_refused_too() -> None:
    with pytest.raises(OverflowError):
        Money(MAX_MINOR, "USD") + Money(1, "USD")


@pytest.mark.parametrize("currency", ["usd", "", "XXX", "US", "USD ", "BTC", "ÜSD"])
def test_a_currency_that_stripe_does_not_know_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="currency"):
        Money(1, currency)
    with pytest.raises(ValueError, match="currency"):
        Money.from_decimal("1", currency)


@given(currency=currencies, minor=st.integers(0, 10**10), extra=st.integers(0, 40), digit=st.integers(1, 9))
def test_excess_precision_is_refused_however_far_behind_the_point(
    currency: str, minor: int, extra: int, digit: int
) -> None:
    decimal = Money(minor, currency).decimal
    point = "" if "." in decimal else "."

    with pytest.raises(ValueError, match="decimal") as refusal:
        Money.from_decimal(f"{decimal}{point}{'0' * extra}{digit}", currency)

    if extra < 10:
        assert isinstance(refusal.value, ExcessPrecision)


@pytest.mark.parametrize(
    "text",
    ["", "x", "nan", "inf", "-inf", "sNaN", "1,5", "1_000", " 1", "1 ", "1e2", "0x10", "--1", "１０", "1.", ".5", "+1"],
)
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        Money.from_decimal(text, "USD")


@pytest.mark.parametrize("text", ["1e400", "1e999999999", "-1e999999999", "1e-999999999", "9" * 10_000])
def test_a_monstrous_number_is_refused_at_once(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        Money.from_decimal(text, "USD")


@given(text=st.text(max_size=40), currency=currencies)
def test_no_text_does_anything_but_become_money_or_be_refused(text: str, currency: str) -> None:
    try:
        money = Money.from_decimal(text, currency)
    except (ValueError, OverflowError):
        return

    assert Decimal(money.decimal) == Decimal(text)
