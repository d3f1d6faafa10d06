"""Finds card numbers in free text and in ids, so that none is ever logged or stored.

A match is one or more neighbouring groups of digits that together have the length of their issuer's prefix and pass
Luhn, however they are dressed: other scripts' digits, full width or circled, invisible characters inside, up to two
separators between digits. An expiry date beside the number does not hide it. UUIDs, hashes and dates are set aside
first: they are long, and by chance one in some thousand would pass.

An id is no free text: an order number that is refused is refused for ever. There a number counts only if nothing
speaks against it; docs/adr/0013-numbers-that-look-like-cards.md has the rates.
"""

import re
import unicodedata
from collections.abc import Iterator
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

# Prefixes are owned for more lengths than cards are issued in; counters and 64-bit ids have the others.
_ISSUED_LENGTHS: Final = frozenset({14, 15, 16})
_UNION_PAY: Final = "62"  # its debit cards have 19 digits
# How the digits of a card stand in groups: Visa and most others, American Express, Diners Club, UnionPay's 19.
_PRINTED: Final = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13)})
_YEARS: Final = range(20, 32)  # of this century: of the order numbers that a shop of today has, and will have

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


def id_holds_card_number(text: str) -> bool:
    """Whether a card number stands in this id beyond reasonable doubt.

    It has a length that cards are issued in, stands alone or in groups as cards are printed, and does not begin with a
    date. Every number of Visa and American Express is found, and of all numbers about one in two hundred is not:
    Mastercards and Diners Club cards that begin like a date of this decade.
    """
    if not contains_card_number(text):
        return False
    plain = _plain(text)
    for other in (_UUID, _HASH, _DATE):
        plain = other.sub("x", plain)
    runs = (_GROUP.findall(run.group()) for run in _RUN.finditer(plain))
    return any(_is_card_beyond_doubt(groups) for run in runs for groups in _as_printed(run))


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


def _as_printed(groups: list[str]) -> Iterator[list[str]]:
    """Neighbouring groups that stand as on a card: one alone, some as cards are printed, or each digit apart."""
    for start in range(len(groups)):
        yield groups[start : start + 1]
        for printed in _PRINTED:
            some = groups[start : start + len(printed)]
            if tuple(map(len, some)) == printed:
                yield some
        if len(groups[start]) == 1:
            for length in (*sorted(_ISSUED_LENGTHS), 19):
                some = groups[start : start + length]
                if len(some) == length and all(len(group) == 1 for group in some):
                    yield some


def _is_card_beyond_doubt(groups: list[str]) -> bool:
    digits = "".join(groups)
    is_issued = len(digits) in _ISSUED_LENGTHS or (len(digits) == 19 and digits.startswith(_UNION_PAY))
    return is_issued and _is_card(digits) and not _begins_with_date(digits)


def _begins_with_date(digits: str) -> bool:
    """Whether these digits begin with a date of this decade: yymmdd, ddmmyy or ddmmyyyy."""
    first, second, third = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if second not in range(1, 13):
        return False
    of_century = third == 20 and int(digits[6:8]) in _YEARS
    return (first in _YEARS and third in range(1, 32)) or (first in range(1, 32) and (third in _YEARS or of_century))


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
