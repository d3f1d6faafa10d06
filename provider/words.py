"""The smallest parts of Stripe's JSON: words, ids, moments; what is none of these is None and never an error."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from domain.sensitive import is_sensitive

Json = dict[str, Any]

_WORD: Final = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,100}")


def id_of(thing: object) -> str | None:
    """The id of an object that may be expanded."""
    identity = thing.get("id") if isinstance(thing, dict) else thing
    return identity if isinstance(identity, str) else None


def short_text(value: object) -> str | None:
    """The value if it is text, never more of it than a column holds."""
    return value[:255] if isinstance(value, str) else None


def word(value: object) -> str | None:
    """One of Stripe's words: a code, a parameter's name, a request's id. None for anything else.

    Where Stripe writes a word we keep, log and answer it; a text there could hold what must not be kept.
    """
    return value if isinstance(value, str) and _WORD.fullmatch(value) and not is_sensitive(value) else None


def whole_number(value: object) -> int:
    """The value if it is an integer, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def moment(seconds: int) -> datetime:
    """The moment so many seconds after 1970. Raises ValueError beyond the year 9999, and TypeError."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("not a moment") from None


def maybe_moment(value: object) -> datetime | None:
    """The moment that Stripe names by an integer; None for anything else."""
    try:
        return moment(value) if isinstance(value, int) and not isinstance(value, bool) else None
    except ValueError:
        return None
