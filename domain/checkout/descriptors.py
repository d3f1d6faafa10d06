"""The text on the payer's statement: the account's prefix at Stripe, `* `, and the suffix of one order.

Source: docs.stripe.com/get-started/account/statement-descriptors. Only cards have a suffix.
"""

from typing import Final

from domain.errors import ErrorCode, Path, Refused
from domain.text import clean_text

LONGEST: Final = 22
LONGEST_PREFIX: Final = 10  # a longer one is cut by Stripe
JOINT: Final = "* "
FORBIDDEN: Final = "<>\\'\"*"


def longest_suffix(prefix: str | None) -> int:
    """Return the characters that are left for a suffix; without the account's prefix, those that are left in any case.

    Example: 13 for `RUNCLUB`, and 10 for an unknown prefix.
    """
    return LONGEST - len(JOINT) - (LONGEST_PREFIX if prefix is None else len(prefix))


SAFE_SUFFIX: Final = longest_suffix(None)


def check_suffix(value: str, *, longest: int, path: Path) -> str:
    """Return the suffix as Stripe takes it. Raises Refused for one that Stripe would refuse, or would cut."""
    text, name = clean_text(value, path=path, max_length=longest), path[-1]
    if not text.isascii() or any(character in FORBIDDEN for character in text):
        message = f"`{name}` takes Latin letters, digits and signs, but none of {FORBIDDEN}"
        raise Refused(ErrorCode.VALIDATION_FAILED, message, path)
    if not any(character.isalpha() for character in text):
        raise Refused(ErrorCode.VALIDATION_FAILED, f"`{name}` must have a letter in it.", path)
    return text
