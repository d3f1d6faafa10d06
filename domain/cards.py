"""Finds card numbers in free text, so that none is ever logged or stored.

A match is one or more neighbouring groups of digits that together have the length of their issuer's prefix and pass
Luhn, however they are dressed: other scripts' digits, full width or circled, invisible characters inside, up to two
separators between digits. An expiry date beside the number does not hide it. UUIDs, hashes and dates are set aside
first: they are long, and by chance one in some thousand would pass.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import accumulate
from typing import Final

SHORTEST: Final = 14
FIRST_DIGITS: Final = frozenset("2345689")
_DIGITS: Final = "0123456789"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_UNSEEN_CATEGORIES: Final = frozenset({"Mn", "Me", "Cf"})  # accents and enclosures, zero widths, direction marks, tags
_UNSEEN_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # fillers: letters and signs that print as nothing
_UUID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z])", re.I)
# The usual lengths of a bare UUID, SHA-1 and SHA-256 in hex.
_HASH = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![0-9A-Za-z])", re.I)
# "23.11.2026-24.11.2026" has sixteen digits and begins like a Mastercard.
_DATE = re.compile(
    r"(?<![0-9])(?:(?:19|20)[0-9]{2}([-./])[01]?[0-9]\1[0-3]?[0-9]|[0-3]?[0-9]([-./])[0-3]?[0-9]\2(?:19|20)[0-9]{2})"
    r"(?![0-9])"
)
# Groups of digits with up to two separators between them.
_RUN = re.compile(r"[0-9]+(?:[\s\-._/]{1,2}[0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
_LONG_IDS: Final = tuple(re.compile(one.pattern.encode(), re.I) for one in (_UUID, _HASH))
_DIGITS_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_SEPARATORS: Final = b" \t\n\r\v\f\x1c\x1d\x1e\x1f-._/"  # of ASCII, all that `_RUN` takes for one
_SHORTEST_RUN: Final = b"0" * SHORTEST

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
    (5062, 5062, frozenset({16})),  # Carnet
)

_LENGTHS: Final = tuple(sorted({length for _, _, lengths in _ISSUERS for length in lengths}))
_VALUE = bytes((byte - 48) % 256 for byte in range(256))
_DOUBLED = bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]).ljust(256, b"\0")


def contains_card_number(text: str) -> bool:
    """Whether a card number stands in this text. Linear in its length."""
    plain = _plain(text)
    if len(plain) < SHORTEST:
        return False
    if not (_has_long_run(plain.encode()) if plain.isascii() else sum(map(plain.count, _DIGITS)) >= SHORTEST):
        return False
    for other in (_UUID, _HASH, _DATE):
        plain = other.sub("x", plain)
    return any(_holds_card(_GROUP.findall(run.group())) for run in _RUN.finditer(plain))


def may_hold_cards(ascii_text: bytes) -> bool:
    """Whether a card number may stand in one of the texts in this one: False tells that none does.

    It takes as many digits as the shortest has, in a row but for separators, beside UUIDs and hashes.
    """
    if not _has_long_run(ascii_text):
        return False
    for other in _LONG_IDS:
        ascii_text = other.sub(b"x", ascii_text)
    return _has_long_run(ascii_text)


def _has_long_run(ascii_text: bytes) -> bool:
    return _SHORTEST_RUN in ascii_text.translate(_DIGITS_AS_ZEROS, _SEPARATORS)


def _holds_card(groups: list[str]) -> bool:
    """Whether some neighbouring groups make one card number."""
    digits = "".join(groups)
    starts = list(accumulate(map(len, groups), initial=0))
    bounds = frozenset(starts)
    return any(
        start + length in bounds and _is_card(digits[start : start + length])
        for start in starts[:-1]
        if digits[start] in FIRST_DIGITS
        for length in _LENGTHS
    )


def _plain(text: str) -> str:
    """The text with every digit and dash in ASCII, and without characters that cannot be seen."""
    return text if text.isascii() else _NOT_ASCII.sub(lambda found: _fold(found.group()), text)


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    """One character as its digits, dash or NFKC form, or as nothing when it cannot be seen.

    One at a time: to normalise a whole text puts its accents in order, and that takes time quadratic in their number.
    """
    if unicodedata.category(character) in _UNSEEN_CATEGORIES or character in _UNSEEN_LETTERS:
        return ""
    if unicodedata.category(character) == "Pd" or character == "\u2212":
        return "-"
    plain = unicodedata.normalize("NFKC", character)
    return "".join(str(unicodedata.digit(c, c)) for c in plain)


def _is_card(digits: str) -> bool:
    """Whether these digits are one card number."""
    return len(digits) in _lengths(digits[:4]) and _luhn(digits)


@lru_cache(maxsize=10_000)
def _lengths(prefix: str) -> frozenset[int]:
    """How long a card number with these first four digits may be."""
    allowed = [lengths for low, high, lengths in _ISSUERS if low <= int(prefix[: len(str(low))]) <= high]
    return frozenset().union(*allowed)


def _luhn(digits: str) -> bool:
    """The checksum, over bytes: this is the innermost loop of every request."""
    values = digits.encode().translate(_VALUE)
    return (sum(values[-1::-2]) + sum(values[-2::-2].translate(_DOUBLED))) % 10 == 0
