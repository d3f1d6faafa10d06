"""An order number is not free text: measured by format, only what cannot be told from a card number is refused.

The table of docs/adr/0013-numbers-that-look-like-cards.md is made of these figures.
"""

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.cards import contains_card_number, id_holds_card_number
from domain.errors import ErrorCode, Refused
from domain.idempotency import check_key
from domain.ids import Kind, encode, new_id
from domain.text import check_external_id, clean_text
from tests.domain.test_cards import CARDS, grouped

MANY = 20_000
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
Make = Callable[[random.Random], str]


def digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("0123456789", k=count))


def at(chance: random.Random, form: str) -> str:
    """Return a moment of 2020 to 2031 in a form of `strftime`."""
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    return (begin + timedelta(seconds=chance.randrange(12 * 365 * 86_400))).strftime(form)


def ean(chance: random.Random, length: int) -> str:
    """Return a GTIN-13 or GTIN-14: weights 3 and 1 from the right."""
    body = digits(chance, length - 1)
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


NEVER: dict[str, Make] = {
    "yymmddhhmmss and a counter of 4": lambda r: at(r, "%y%m%d%H%M%S") + digits(r, 4),
    "yymmddhhmmss of 2026 and a counter of 4": lambda r: "26" + at(r, "%m%d%H%M%S") + digits(r, 4),
    "yymmdd and a counter of 10": lambda r: at(r, "%y%m%d") + digits(r, 10),
    "yymmdd and a counter of 8": lambda r: at(r, "%y%m%d") + digits(r, 8),
    "ddmmyyhhmmss and a counter of 4": lambda r: at(r, "%d%m%y%H%M%S") + digits(r, 4),
    "ddmmyyyyhhmmss": lambda r: at(r, "%d%m%Y%H%M%S"),
    "ddmmyyyyhhmmss and a counter of 2": lambda r: at(r, "%d%m%Y%H%M%S") + digits(r, 2),
    "yyyymmddhhmmss and a counter of 2": lambda r: at(r, "%Y%m%d%H%M%S") + digits(r, 2),
    "yyyy-mm-dd and a counter of 6": lambda r: at(r, "%Y-%m-%d-") + digits(r, 6),
    "ORD- before yymmddhhmmss and 4": lambda r: "ORD-" + at(r, "%y%m%d%H%M%S") + digits(r, 4),
    "yymmdd-, then a counter of 10": lambda r: at(r, "%y%m%d-") + digits(r, 10),
    "8 digits - 8 digits": lambda r: f"{digits(r, 8)}-{digits(r, 8)}",
    "milliseconds since 1970 and 3 digits": lambda r: (
        str(r.randrange(1_577_836_800_000, 1_956_528_000_000)) + digits(r, 3)
    ),
    "microseconds since 1970": lambda r: str(r.randrange(1_577 * 10**12, 1_956 * 10**12)),
    "a snowflake": lambda r: str(r.randrange(10**18, 2 * 10**18)),
    "21 digits, as Google's subjects": lambda r: "1" + digits(r, 20),
    "a phone number": lambda r: "+" + str(r.randrange(10**10, 10**13)),
    "EAN-13": lambda r: ean(r, 13),
    "UUID 4": lambda r: str(uuid.UUID(int=r.getrandbits(128), version=4)),
    "UUID without dashes": lambda r: uuid.UUID(int=r.getrandbits(128), version=4).hex,
    "ULID": lambda r: "01" + "".join(r.choices(CROCKFORD, k=24)),
    "our own ids": lambda _: encode(Kind.ORDER, new_id()),
}
# Only the check digit and the issuers' prefixes tell these from cards: at most so many of a hundred are refused.
SELDOM: dict[str, tuple[Make, float]] = {
    "16 random digits": (lambda r: digits(r, 16), 3.5),
    "15 random digits": (lambda r: digits(r, 15), 0.5),
    "14 random digits": (lambda r: digits(r, 14), 0.7),
    "GTIN-14": (lambda r: ean(r, 14), 0.7),
    "19 random digits": (lambda r: digits(r, 19), 0.3),
    "17 or 18 random digits": (lambda r: digits(r, r.choice((17, 18))), 0.0),
}


def refused(make: Make) -> float:
    """Return the share refused as ids, in percent."""
    chance = random.Random(20261130)  # noqa: S311 - nothing secret: the same numbers each time
    return 100 * sum(id_holds_card_number(make(chance)) for _ in range(MANY)) / MANY


@pytest.mark.parametrize("make", NEVER.values(), ids=NEVER.keys())
def test_a_usual_order_number_is_never_refused(make: Make) -> None:
    assert refused(make) == 0


@pytest.mark.parametrize(("make", "most"), SELDOM.values(), ids=SELDOM.keys())
def test_a_number_without_a_form_is_seldom_refused(make: Make, most: float) -> None:
    assert refused(make) <= most


@pytest.mark.parametrize("card", CARDS)
def test_every_test_card_is_refused_as_an_id(card: str) -> None:
    dresses = [card, grouped(card, "-"), f"order-{card}", f"{card}-2", f"O{card}X", "-".join(card), f"1001 {card}"]

    assert [dress for dress in dresses if not id_holds_card_number(dress)] == []


@pytest.mark.parametrize(
    ("prefix", "length", "most"),
    [
        *(("4", 16, 0.0), ("34", 15, 0.0), ("37", 15, 0.0), ("51", 16, 0.0), ("6011", 16, 0.0), ("36", 14, 0.0)),
        *(("22", 16, 5.0), ("23", 16, 8.0), ("27", 16, 20.0), ("30", 14, 10.0), ("62", 19, 0.0), ("35", 16, 0.0)),
    ],
)
def test_of_real_numbers_only_those_pass_that_begin_with_a_date(prefix: str, length: int, most: float) -> None:
    chance = random.Random(1)  # noqa: S311
    cards = [number for number in (_card(chance, prefix, length) for _ in range(3_000)) if contains_card_number(number)]

    passing = [number for number in cards if not id_holds_card_number(number)]

    assert len(cards) > 500
    assert 100 * len(passing) / len(cards) <= most


def test_what_is_no_id_is_looked_at_as_closely_as_ever() -> None:
    [number] = [n for n in (f"26113015304512{last}" for last in range(30, 40)) if contains_card_number(n)]

    assert check_external_id(number, path=("externalId",)) == number
    assert check_key(number) == number
    with pytest.raises(Refused) as refusal:
        clean_text(number, path=("note",), max_length=100)
    assert refusal.value.code is ErrorCode.SENSITIVE_DATA_REFUSED


def test_the_refusal_of_an_id_says_why_and_what_passes() -> None:
    with pytest.raises(Refused) as refusal:
        check_external_id("4242424242424242", path=("input", "externalId"))

    assert refusal.value.message.startswith("`externalId` has a number in it that cannot be told from a card number")
    assert "letters between its digits" in refusal.value.message
    assert "4242" not in refusal.value.message


def _card(chance: random.Random, prefix: str, length: int) -> str:
    """Return a number of this prefix with the right check digit."""
    body = prefix + digits(chance, length - len(prefix) - 1)
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return body + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)
