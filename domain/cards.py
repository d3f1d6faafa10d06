"""Detection of card numbers in free text and in ids, so that none is ever logged or stored.

A match is one or more neighbouring groups of digits that together have the length of their issuer's prefix and pass the
Luhn check. It is found in other scripts' digits, full width or circled, with invisible characters inside, and with up
to two separators between digits. An expiry date beside the number does not hide it. UUIDs, hashes and dates are removed
first: they are long, and by chance one in some thousand would pass.

Scanning takes time in proportion to the text's length, by linear patterns. The digit groups that are checked one by one
are capped; a text with more of them counts as one with a card number.

An id is no free text: an order number that is refused is refused for ever. In an id, a number counts only if nothing
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
_UNSEEN_CATEGORIES: Final = frozenset({"Mn", "Me", "Cf"})  # accents and enclosures, zero widths, direction marks, tags
_UNSEEN_LETTERS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # fillers: letters and signs that print as nothing
# Letters, and unassigned and private characters: none of them normalises to a digit, a dash or a space.
_AS_IT_IS: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Cn", "Co", "Cs"})
_FOLDS_KEPT: Final = 20_000  # about 2 MB; there are 13,000 characters in other categories
# Each pattern begins with its possible first characters and looks back only then: most positions cost nothing.
# A UUID, or as many hexadecimal digits as a UUID without dashes, a SHA-1 or a SHA-256 has.
_LONG_ID = re.compile(
    r"[0-9A-Fa-f](?<![0-9A-Za-z][0-9A-Fa-f])[0-9A-Fa-f]{7}"
    r"(?:-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
    r"|[0-9A-Fa-f]{24}(?:[0-9A-Fa-f]{8}(?:[0-9A-Fa-f]{24})?)?)"
    r"(?![0-9A-Za-z])"
)
_LONG_ID_BYTES: Final = re.compile(_LONG_ID.pattern.encode())
# "23.11.2026-24.11.2026" has sixteen digits and begins like a Mastercard.
_DATE = re.compile(
    r"[0-9](?<![0-9][0-9])"
    r"(?:(?:(?<=1)9|(?<=2)0)[0-9]{2}([-./])[01]?[0-9]\1[0-3]?[0-9]"
    r"|(?:(?<=[0-3])[0-9])?([-./])[0-3]?[0-9]\2(?:19|20)[0-9]{2})"
    r"(?![0-9])"
)
# At least as many digits as the shortest card number, with up to two separators between them; possessive.
_LONG_RUN = re.compile(
    r"[0-9](?<![0-9][0-9])(?<![0-9][\s\-._/][0-9])(?<![0-9][\s\-._/]{2}[0-9])"
    rf"(?:[\s\-._/]{{0,2}}[0-9]){{{SHORTEST - 1},}}+"
)
_GROUP = re.compile(r"[0-9]+")
# The cap on groups of digits in these runs: a thousand candidate numbers, and three times as many more in ids and
# dates. No text with more is meant for people.
MOST_GROUPS: Final = 1_000
MOST_GROUPS_WITH_IDS: Final = 4 * MOST_GROUPS
_DIGITS_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_SEPARATORS: Final = b" \t\n\r\v\f\x1c\x1d\x1e\x1f-._/"  # the ASCII characters that `_LONG_RUN` takes for separators
_SHORTEST_RUN: Final = b"0" * SHORTEST

# prefix range → lengths; ISO/IEC 7812 as the networks publish them
_ISSUERS: Final[tuple[tuple[int, int, frozenset[int]], ...]] = (
    (4, 4, frozenset({16, 19})),  # Visa; its 13-digit numbers are no longer issued, and look like EAN-13
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

# Issuers own their prefixes for more lengths than they issue; counters and 64-bit ids have the other lengths.
_ISSUED_LENGTHS: Final = frozenset({14, 15, 16})
_UNION_PAY: Final = "62"  # its debit cards have 19 digits
# The printed groups of digits: Visa and most others, American Express, Diners Club, UnionPay's 19.
_PRINTED: Final = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13)})
_YEARS: Final = range(20, 32)  # of this century: the years in a shop's order numbers, now and soon

_VALUE = bytes((byte - 48) % 256 for byte in range(256))
_DOUBLED = bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]).ljust(256, b"\0")


def contains_card_number(text: str) -> bool:
    """Return True if the text contains a card number. Linear in its length."""
    return any(map(_holds_card, _long_runs(text)))


def id_holds_card_number(text: str) -> bool:
    """Return True if the id contains a card number beyond reasonable doubt. Linear in its length.

    The number has a length that issuers use, stands alone or in the groups of a printed card, and does not begin with a
    date. Every number of Visa and American Express is found. Of all numbers about one in two hundred is missed:
    Mastercard and Diners Club numbers that begin like a date of this decade.
    """
    return any(run is None or any(map(_is_beyond_doubt, _cards(run))) for run in _long_runs(text))


def may_hold_cards(ascii_text: bytes) -> bool:
    """Return False if none of the texts in this JSON can contain a card number; True if one may.

    A card number needs as many digits as the shortest one has, in a row but for separators, outside UUIDs and hashes.
    """
    if not _has_long_run(ascii_text):
        return False
    return _has_long_run(_LONG_ID_BYTES.sub(b"x", ascii_text))


def _has_long_run(ascii_text: bytes) -> bool:
    return _SHORTEST_RUN in ascii_text.translate(_DIGITS_AS_ZEROS, _SEPARATORS)


def _long_runs(text: str) -> Iterator[list[str] | None]:
    """Yield the digit groups of each run that may hold a card number; None once the cap is reached."""
    plain = text if text.isascii() else text.translate(_FOLDED)
    if len(plain) < SHORTEST or (plain.isascii() and not _has_long_run(plain.encode())):
        return
    in_ids = MOST_GROUPS_WITH_IDS
    for run in _LONG_RUN.findall(plain):
        in_ids -= len(_GROUP.findall(run))
        if in_ids < 0:
            yield None
            return
    if in_ids == MOST_GROUPS_WITH_IDS:
        return
    left = MOST_GROUPS
    for run in _LONG_RUN.findall(_DATE.sub("x", _LONG_ID.sub("x", plain))):
        groups = _GROUP.findall(run)
        left -= len(groups)
        if left < 0:
            yield None
            return
        yield groups


def _holds_card(groups: list[str] | None) -> bool:
    return groups is None or next(_cards(groups), None) is not None


def _cards(groups: list[str]) -> Iterator[list[str]]:
    """Yield the neighbouring groups that make one card number."""
    digits = "".join(groups)
    starts = list(accumulate(map(len, groups), initial=0))
    places = {start: place for place, start in enumerate(starts)}
    for place, start in enumerate(starts[:-1]):
        if digits[start] not in FIRST_DIGITS:
            continue
        for length in _lengths(digits[start : start + 4]):
            end = places.get(start + length)
            if end is not None and _luhn(digits[start : start + length]):
                yield groups[place:end]


def _is_beyond_doubt(groups: list[str]) -> bool:
    """Return True if a card number's groups are as issued, as printed, and begin with no date."""
    digits = "".join(groups)
    is_issued = len(digits) in _ISSUED_LENGTHS or (len(digits) == 19 and digits.startswith(_UNION_PAY))
    is_printed = len(groups) in (1, len(digits)) or tuple(map(len, groups)) in _PRINTED
    return is_issued and is_printed and not _begins_with_date(digits)


def _begins_with_date(digits: str) -> bool:
    """Return True if these digits begin with a date of this decade: yymmdd, ddmmyy or ddmmyyyy."""
    first, second, third = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if second not in range(1, 13):
        return False
    of_century = third == 20 and int(digits[6:8]) in _YEARS
    return (first in _YEARS and third in range(1, 32)) or (first in range(1, 32) and (third in _YEARS or of_century))


class _Folds(dict[int, str | int]):
    """Table for `str.translate`: each character as its digits, dash or NFKC form, or as nothing when it is invisible.

    It works character by character: normalising a whole text sorts its accents, in time quadratic in their number.
    """

    def __missing__(self, code: int) -> str | int:
        folded = code if code < 128 else _folded(chr(code))
        if len(self) < _FOLDS_KEPT:
            self[code] = folded
        return folded


_FOLDED: Final = _Folds()


def _folded(character: str) -> str | int:
    category = unicodedata.category(character)
    if category in _UNSEEN_CATEGORIES or character in _UNSEEN_LETTERS:
        return ""
    if category in _AS_IT_IS:
        return ord(character)
    if category == "Pd" or character == "\u2212":
        return "-"
    return "".join(str(unicodedata.digit(c, c)) for c in unicodedata.normalize("NFKC", character))


@lru_cache(maxsize=10_000)
def _lengths(prefix: str) -> frozenset[int]:
    """Return the lengths of card numbers with these first four digits."""
    allowed = [lengths for low, high, lengths in _ISSUERS if low <= int(prefix[: len(str(low))]) <= high]
    return frozenset().union(*allowed)


def _luhn(digits: str) -> bool:
    """Return True if the Luhn checksum holds. Works on bytes: this is the innermost loop of every request."""
    values = digits.encode().translate(_VALUE)
    return (sum(values[-1::-2]) + sum(values[-2::-2].translate(_DOUBLED))) % 10 == 0
