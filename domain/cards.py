"""Finds card numbers in free text, so that none is ever logged or stored.

A match is a run of digits that has the length of its issuer's prefix and passes Luhn, however it is dressed: other
scripts' digits, full width, zero-width characters inside, up to two separators between digits.
"""

import re
import unicodedata
from typing import Final

SHORTEST: Final = 12
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z])", re.I)
# Digits with up to two separators between them, not inside a word: ids and hashes are no card numbers.
_RUN = re.compile(r"(?<![0-9A-Za-z_])[0-9](?:[\s\-._/]{0,2}[0-9])+(?![0-9A-Za-z_])")
_ANY_DIGITS = re.compile(r"[^\W\D]", re.UNICODE)

# prefix range → lengths; ISO/IEC 7812 as the networks publish them
_ISSUERS: Final[tuple[tuple[int, int, frozenset[int]], ...]] = (
    (4, 4, frozenset({13, 16, 19})),  # Visa
    (51, 55, frozenset({16})),  # Mastercard
    (2221, 2720, frozenset({16})),  # Mastercard
    (34, 34, frozenset({15})),  # American Express
    (37, 37, frozenset({15})),
    (6011, 6011, frozenset({16, 19})),  # Discover
    (644, 649, frozenset({16, 19})),
    (65, 65, frozenset({16, 19})),
    (300, 305, frozenset({14, 16})),  # Diners
    (3095, 3095, frozenset({14, 16})),
    (36, 36, frozenset({14, 16})),
    (38, 39, frozenset({14, 16})),
    (3528, 3589, frozenset({16})),  # JCB
    (62, 62, frozenset({16, 17, 18, 19})),  # UnionPay
    (81, 81, frozenset({16})),
    (5018, 5018, frozenset(range(12, 20))),  # Maestro
    (5020, 5020, frozenset(range(12, 20))),
    (5038, 5038, frozenset(range(12, 20))),
    (5893, 5893, frozenset(range(12, 20))),
    (6304, 6304, frozenset(range(12, 20))),
    (6759, 6763, frozenset(range(12, 20))),
    (2200, 2204, frozenset({16})),  # Mir
    (9792, 9792, frozenset({16})),  # Troy
)


def contains_card_number(text: str) -> bool:
    """Whether a card number stands in this text. Linear in its length."""
    if len(text) < SHORTEST or not _ANY_DIGITS.search(text):
        return False
    plain = _plain(text)
    if sum(map(str.isdigit, plain)) < SHORTEST:
        return False
    plain = _UUID.sub(" ", plain)
    return any(_is_card(re.sub(r"[^0-9]", "", run.group())) for run in _RUN.finditer(plain))


def _plain(text: str) -> str:
    """NFKC, every script's digits as ASCII, without characters that cannot be seen."""
    if text.isascii():
        return text
    folded = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)


def _is_card(digits: str) -> bool:
    """Whether a whole run of digits is one card number."""
    return any(_fits(digits, low, high, lengths) for low, high, lengths in _ISSUERS) and _luhn(digits)


def _fits(digits: str, low: int, high: int, lengths: frozenset[int]) -> bool:
    width = len(str(low))
    return len(digits) in lengths and low <= int(digits[:width]) <= high


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
