"""What must never be written down, and how it is taken out of logs and messages.

Redaction is the second line: the first is not to log values at all. It looks at the names of keys and at the
shape of values, because a secret in a message of someone else's library has no name.
"""

import re
from collections.abc import Mapping
from typing import Final

from domain.cards import contains_card_number

REMOVED: Final = "[removed]"
MAX_DEPTH: Final = 6
MAX_TEXT: Final = 10_000  # A longer text in a log line is a body, and bodies are not logged.
SHORTEST_CARD: Final = 12

_SECRET_NAMES: Final = re.compile(
    r"secret|token|passw|authorization|api_?key|idempotency|cookie|signature|credential|private|cvc|cvv"
    r"|card_?number|e?mail|^(?:key|query|variables|body|payload|dsn|database_url|headers)$",
    re.IGNORECASE,
)
_SECRET_SHAPES: Final = re.compile(
    r"\b(?:sk|rk|ek)_(?:live|test)_[A-Za-z0-9_]+"
    r"|\bwhsec_[A-Za-z0-9_+/=-]+"
    r"|\b[a-z]{2,6}_[A-Za-z0-9]+_secret_[A-Za-z0-9_-]+"
    r"|\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"
    r"|(?<=://)[^\s/@:]{0,200}:[^\s/@]{1,200}(?=@)"
    r"|[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251})\.[A-Za-z]{2,24}",
    re.IGNORECASE,
)


def redact_text(text: str) -> str:
    """The text without keys, tokens, client secrets, e-mail addresses and card numbers."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    text = _SECRET_SHAPES.sub(REMOVED, text)
    if contains_card_number(text):
        return REMOVED
    return text


def redact(value: object, depth: int = 0) -> object:
    """The value as it may be logged: containers walked, values under secret names removed."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return REMOVED if abs(value) >= 10 ** (SHORTEST_CARD - 1) and contains_card_number(str(value)) else value
    if isinstance(value, str):
        return redact_text(value)
    if depth >= MAX_DEPTH:
        return REMOVED
    if isinstance(value, Mapping):
        return {
            redact_text(str(key)): REMOVED if is_secret_name(str(key)) else redact(entry, depth + 1)
            for key, entry in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(entry, depth + 1) for entry in value]
    if isinstance(value, BaseException):
        # The text of an exception may carry a body or a row.
        return type(value).__qualname__
    if isinstance(value, (bytes, bytearray, memoryview)):
        return REMOVED
    return redact_text(str(value))


def is_secret_name(name: str) -> bool:
    """Whether a value under this name is never logged, whatever it looks like."""
    return _SECRET_NAMES.search(name) is not None
