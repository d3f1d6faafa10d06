"""Finds card numbers in free text, so that none is ever logged or stored.

A match is one or more neighbouring groups of digits that together have the length of their issuer's prefix and pass
Luhn, however they are dressed: other scripts' digits, full width, zero-width characters inside, up to two separators
between digits. An expiry date beside the number does not hide it.
"""

import re
import unicodedata
from itertools import accumulate
from typing import Final

SHORTEST: Final = 14
LENGTHS: Final = range(14, 20)
FIRST_DIGITS: Final = frozenset("2345689")
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z])", re.I)
# Groups of digits with up to two separators between them.
_RUN = re.compile(r"[0-9]+(?:[\s\-._/]{1,2}[0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
_ANY_DIGITS = re.compile(r"[^\W\D]", re.UNICODE)

# prefix range → lengths; ISO/IEC 7812 as the networks publish them
_ISSUERS: Final[tuple[tuple[int, int, frozenset[int]], ...]] = (
    (4, 4, frozenset({16, 19})),  # Visa; its 13-digit numbers are long gone, and look like EAN-13
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
    (5018, 5018, frozenset({16, 17, 18, 19})),  # Maestro
    (5020, 5020, frozenset({16, 17, 18, 19})),
    (5038, 5038, frozenset({16, 17, 18, 19})),
    (5893, 5893, frozenset({16, 17, 18, 19})),
    (6304, 6304, frozenset({16, 17, 18, 19})),
    (6759, 6763, frozenset({16, 17, 18, 19})),
    (2200, 2204, frozenset({16})),  # Mir
    (9792, 9792, frozenset({16})),  # Troy
)


_VALUE = bytes((byte - 48) % 256 for byte in range(256))
_DOUBLED = bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]).ljust(256, b"\0")


def contains_card_number(text: str) -> bool:
    """Whether a card number stands in this text. Linear in its length."""
    if len(text) < SHORTEST or not _ANY_DIGITS.search(text):
        return False
    plain = _plain(text)
    if sum(map(str.isdigit, plain)) < SHORTEST:
        return False
    plain = _UUID.sub("x", plain)
    return any(_holds_card(_GROUP.findall(run.group())) for run in _RUN.finditer(plain))


def _holds_card(groups: list[str]) -> bool:
    """Whether some neighbouring groups make one card number."""
    digits = "".join(groups)
    starts = list(accumulate(map(len, groups), initial=0))
    bounds = frozenset(starts)
    return any(
        start + length in bounds and _is_card(digits[start : start + length])
        for start in starts[:-1]
        if digits[start] in FIRST_DIGITS
        for length in LENGTHS
    )


def _plain(text: str) -> str:
    """NFKC, every script's digits as ASCII, without characters that cannot be seen."""
    if text.isascii():
        return text
    folded = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)


def _is_card(digits: str) -> bool:
    """Whether these digits are one card number."""
    return _luhn(digits) and any(_fits(digits, low, high, lengths) for low, high, lengths in _ISSUERS)


def _fits(digits: str, low: int, high: int, lengths: frozenset[int]) -> bool:
    width = len(str(low))
    return len(digits) in lengths and low <= int(digits[:width]) <= high


def _luhn(digits: str) -> bool:
    """The checksum, over bytes because somebody may send a hundred thousand digits."""
    values = digits.encode().translate(_VALUE)
    return (sum(values[-1::-2]) + sum(values[-2::-2].translate(_DOUBLED))) % 10 == 0
