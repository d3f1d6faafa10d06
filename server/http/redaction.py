"""Redaction of logs and messages: secrets and personal data are never written down.

Redaction is the second line of defence: the first is not to log values at all. It looks at the names of keys and at the
form of values, because a secret in the message of a third-party library has no name.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import orjson

from domain.cards import contains_card_number
from domain.sensitive import REMOVED, is_harmless, without_secrets

MAX_DEPTH: Final = 6
MAX_TEXT: Final = 10_000  # A longer text in a log line is a body, and bodies are not logged.
SHORTEST_CARD: Final = 12

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_SECRET_NAMES: Final = frozenset({"key", "query", "variables", "body", "payload", "dsn", "database_url", "headers"})
_SECRET_WORDS: Final = (
    *("secret", "token", "passw", "authorization", "api_key", "apikey", "idempotency", "cookie", "signature"),
    *("credential", "private", "cvc", "cvv", "card_number", "cardnumber", "mail"),
)


def redact_text(text: str) -> str:
    """Remove keys, tokens, client secrets, e-mail addresses and card numbers from a text."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    return without_secrets(text)


def redact(value: object, depth: int = 0) -> object:
    """Redact a value for the log: containers are walked, values under secret names removed."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return REMOVED if abs(value) >= 10 ** (SHORTEST_CARD - 1) and contains_card_number(str(value)) else value
    if isinstance(value, str):
        return redact_text(value)
    if depth >= MAX_DEPTH:
        return REMOVED
    if isinstance(value, Mapping):
        names = ((_name(str(key)), entry) for key, entry in value.items())
        return {shown: REMOVED if is_secret else redact(entry, depth + 1) for (shown, is_secret), entry in names}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(entry, depth + 1) for entry in value]
    if isinstance(value, BaseException):
        # An exception's text may hold a body or a row.
        return type(value).__qualname__
    if isinstance(value, (bytes, bytearray, memoryview)):
        return REMOVED
    return redact_text(str(value))


@lru_cache(maxsize=1_000)
def _name(name: str) -> tuple[str, bool]:
    """Return the name as it may be shown, and whether it names a secret. Cached: there are few names."""
    return redact_text(name), is_secret_name(name)


def needs_no_redaction(line: Mapping[str, object]) -> bool:
    """Return True when one scan of the whole line shows that `redact` would not change it, as for most lines."""
    if not all(_is_flat(value) and _name(name) == (name, False) for name, value in line.items()):
        return False
    try:
        text = orjson.dumps(line)
    except orjson.JSONEncodeError:
        return False
    return len(text) <= MAX_TEXT and is_harmless(text)


def _is_flat(value: object) -> bool:
    """Return True for a value without names in it, that JSON can hold."""
    return type(value) in _PLAIN or (type(value) is list and all(type(one) in _PLAIN for one in value))


def is_secret_name(name: str) -> bool:
    """Return True for a name whose value is never logged, whatever it looks like."""
    name = name.lower()
    return name in _SECRET_NAMES or any(word in name for word in _SECRET_WORDS)
