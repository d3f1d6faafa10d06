"""The currencies that Stripe charges, with Stripe's decimals, steps and limits (not ISO's).

Source: docs.stripe.com/currencies. HUF and TWD are charged to the cent; only payouts need whole units. ISK and UGX have
two decimals at Stripe although only whole units exist. Amounts in the three-decimal currencies end in a zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

EIGHT_DIGITS: Final = 99_999_999  # the maximum that every card network accepts; Stripe allows more for few


@dataclass(frozen=True, slots=True)
class Currency:
    """Stripe's definition of a currency, in minor units; `min_minor` is None where Stripe documents no minimum."""

    code: str
    exponent: int
    step: int = 1
    min_minor: int | None = None
    max_minor: int = EIGHT_DIGITS
    display_exponent: int = 2
    enabled_by_default: bool = True


_NO_DECIMALS = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD JOD KWD OMR TND"  # not on every account: off unless CURRENCIES names them
_TWO_DECIMALS = """
AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP
CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK
JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN
NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SRD SZL THB TJS
TRY TTD TWD TZS UAH UGX USD UYU UZS WST XCD XCG YER ZAR ZMW
"""
_WHOLE_UNITS_ONLY = {"ISK", "UGX"}
_OFF = {*_THREE_DECIMALS.split(), "UGX"}
_MINIMUM = {
    **dict.fromkeys(
        [
            "ARS",
            "AUD",
            "BRL",
            "CAD",
            "CHF",
            "COP",
            "EUR",
            "IDR",
            "ILS",
            "INR",
            "JPY",
            "KRW",
            "NZD",
            "PHP",
            "RUB",
            "SGD",
            "USD",
            "ZAR",
        ],
        50,
    ),
    "AED": 200,
    "CZK": 1500,
    "DKK": 250,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17500,
    "MXN": 1000,
    "MYR": 200,
    "NOK": 300,
    "PLN": 200,
    "RON": 200,
    "SEK": 300,
    "THB": 1000,
}
_MAXIMUM = {"COP": 9_999_999_999, "IDR": 999_999_999_999, "INR": 999_999_999}


def _currency(code: str, exponent: int) -> Currency:
    whole = code in _WHOLE_UNITS_ONLY
    step = 100 if whole else 10 if exponent == 3 else 1
    return Currency(
        code=code,
        exponent=exponent,
        step=step,
        min_minor=_MINIMUM.get(code),
        max_minor=_MAXIMUM.get(code, EIGHT_DIGITS),
        display_exponent=0 if whole else exponent,
        enabled_by_default=code not in _OFF,
    )


CURRENCIES: Final[Mapping[str, Currency]] = {
    code: _currency(code, exponent)
    for codes, exponent in ((_NO_DECIMALS, 0), (_TWO_DECIMALS, 2), (_THREE_DECIMALS, 3))
    for code in codes.split()
}
DEFAULT_CURRENCIES: Final = frozenset(code for code, currency in CURRENCIES.items() if currency.enabled_by_default)
