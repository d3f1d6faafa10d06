"""Money: an exact number of minor units in one currency. No float, no mixing, no silent rounding."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.currencies import CURRENCIES, Currency

MAX_MINOR: Final = 2**53 - 1  # exact in every JSON client
_DECIMAL = re.compile(r"(-?)([0-9]{1,16})(?:\.([0-9]{1,16}))?")  # no exponents, spaces or other scripts


class MixedCurrencies(TypeError):
    """Two currencies met in one sum: a bug, never a rounding."""


class ExcessPrecision(ValueError):
    """The decimal has more places than the currency."""


@dataclass(frozen=True, slots=True)
class Money:
    """`amount_minor` in the currency's minor unit as Stripe defines it; `currency` in upper case."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:  # a bool is an int to Python, and a float loses cents
            raise TypeError("An amount is a whole number of minor units.")
        if abs(self.amount_minor) > MAX_MINOR:
            raise OverflowError("An amount has at most 2^53 - 1 minor units.")
        if self.currency not in CURRENCIES:
            raise ValueError("Not a currency that Stripe knows.")

    @classmethod
    def zero(cls, currency: str) -> "Money":
        return cls(0, currency)

    @classmethod
    def from_decimal(cls, text: str, currency: str) -> "Money":
        """Parse an exact decimal, e.g. "10.99". Raises ExcessPrecision, OverflowError or ValueError."""
        exponent = cls.zero(currency).exponent
        written = _DECIMAL.fullmatch(text)
        if written is None:
            raise ValueError("Not a decimal number.")
        sign, whole, places = written.group(1), written.group(2), (written.group(3) or "").rstrip("0")
        if len(places) > exponent:
            raise ExcessPrecision(f"{currency} has {exponent} decimal places.")
        return cls(int(sign + whole + places.ljust(exponent, "0")), currency)

    @property
    def definition(self) -> Currency:
        return CURRENCIES[self.currency]

    @property
    def exponent(self) -> int:
        """The number of decimal places of Stripe's minor unit: 0, 2 or 3."""
        return self.definition.exponent

    @property
    def decimal(self) -> str:
        """The exact decimal, e.g. "10.99", "500", "5.120"."""
        return f"{Decimal(self.amount_minor).scaleb(-self.exponent):.{self.exponent}f}"

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount_minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount_minor - self._same(other), self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount_minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount_minor <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount_minor > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount_minor >= self._same(other)

    def _same(self, other: "Money") -> int:
        if not isinstance(other, Money):
            raise TypeError("Money meets only money.")
        if other.currency != self.currency:
            raise MixedCurrencies(f"{self.currency} and {other.currency}")
        return other.amount_minor
