"""The smallest parts of Stripe's JSON: words, ids, moments. A malformed one is None and never an error."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from domain.sensitive import is_sensitive, without_secrets

Json = dict[str, Any]

LONGEST_DESCRIPTOR: Final = 22
_LAST_DIGITS: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,100}")


def id_of(thing: object) -> str | None:
    """Return the id of an object that may be expanded."""
    identity = thing.get("id") if isinstance(thing, dict) else thing
    return identity if isinstance(identity, str) else None


def short_text(value: object) -> str | None:
    """Return the value if it is text, cut to a column's length."""
    return value[:255] if isinstance(value, str) else None


def word(value: object) -> str | None:
    """Return one of Stripe's words: a code, a parameter's name, a request's id. None for anything else.

    Words are stored, logged and shown; other text in their place could contain sensitive data.
    """
    return value if isinstance(value, str) and _WORD.fullmatch(value) and not is_sensitive(value) else None


def descriptor(value: object) -> str | None:
    """Return a text as it stands on a payer's statement; None for any other, and for one with anything sensitive in it.

    Source: docs.stripe.com/get-started/account/statement-descriptors.
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_DESCRIPTOR:
        return None
    return value if value.isascii() and value.isprintable() and without_secrets(value) == value else None


def last_digits(value: object) -> str:
    """Return the last four digits of a number that is shown; empty for anything else."""
    text = str(value or "")
    return text if _LAST_DIGITS.fullmatch(text) else ""


def whole_number(value: object) -> int:
    """Return the value if it is an integer, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(seconds: int) -> datetime:
    """Return the moment `seconds` after 1970. Raises ValueError beyond the year 9999, and TypeError."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("not a moment") from None


def maybe_moment(value: object) -> datetime | None:
    """Return the moment that Stripe encodes as an integer; None for anything else."""
    try:
        return moment(value) if isinstance(value, int) and not isinstance(value, bool) else None
    except ValueError:
        return None
