"""Money on the wire: exact units, and a text for people's eyes."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

import strawberry
from babel import Locale, UnknownLocaleError
from babel.numbers import NumberPattern, parse_pattern

from domain import money
from schema.directives import PART_OF_A_ROW
from schema.fields import field
from schema.scalars import CurrencyCode, MinorUnits

DEFAULT_LOCALE = "en-US"
LONGEST_LOCALE = 35  # RFC 5646, 4.4.1
# CLDR puts a space between a code and its number ("KWD 5.120"); Babel leaves that out.
_LETTERS_BESIDE_DIGITS = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


@strawberry.type(description="An exact amount of one currency.", directives=PART_OF_A_ROW)
class Money:
    """An amount and its currency; the texts are computed."""

    amount: MinorUnits = strawberry.field(description="The amount in minor units.")
    currency: CurrencyCode = strawberry.field(description="The currency of the amount.")

    @classmethod
    def of(cls, value: money.Money) -> "Money":
        return cls(amount=MinorUnits(value.amount_minor), currency=CurrencyCode(value.currency))

    @property
    def value(self) -> money.Money:
        """The amount as the rest of the house has it."""
        return money.Money(self.amount, self.currency)

    @field
    def exponent(self) -> int:
        """How many decimal places Stripe gives the currency (0, 2 or 3), so that no client has to guess."""
        return self.value.exponent

    @field
    def decimal(self) -> str:
        """The exact decimal, such as "10.99", "500" or "5.120"."""
        return self.value.decimal

    @field
    def formatted(
        self,
        locale: Annotated[
            str,
            strawberry.argument(description="BCP 47 tag, such as de-CH. An unknown one is read as en-US."),
        ] = DEFAULT_LOCALE,
    ) -> str:
        """The amount as people of this locale write it. Display only; never parse."""
        return _formatted(self.value, locale)


@strawberry.input(description="An exact amount of one currency.")
class MoneyInput:
    """An amount as a client gives it."""

    amount: MinorUnits = strawberry.field(description="The amount in minor units.")
    currency: CurrencyCode = strawberry.field(description="The currency of the amount.")


def _formatted(value: money.Money, tag: str) -> str:
    locale = _locale(tag if len(tag) <= LONGEST_LOCALE else DEFAULT_LOCALE)
    amount = Decimal(value.decimal)
    digits = value.definition.display_exponent
    if amount != round(amount, digits):
        digits = value.exponent  # never round, not even for the eye
    text = _pattern(locale, digits).apply(amount, locale, currency=value.currency, currency_digits=False)
    return _LETTERS_BESIDE_DIGITS.sub("\u00a0", text)


@lru_cache(maxsize=256)
def _locale(tag: str) -> Locale:
    """The locale of a tag, or of its language alone, or English."""
    for attempt in (tag, tag.partition("-")[0]):
        try:
            return Locale.parse(attempt, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return Locale.parse(DEFAULT_LOCALE, sep="-")


@lru_cache(maxsize=256)
def _pattern(locale: Locale, digits: int) -> NumberPattern:
    """The locale's way to write money, with Stripe's decimal places instead of CLDR's."""
    pattern = parse_pattern(locale.currency_formats["standard"].pattern)
    pattern.frac_prec = (digits, digits)
    return pattern
