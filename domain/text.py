"""Free text from clients: normalised, bounded, and without anything that must not be stored."""

import ipaddress
import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from domain.cards import contains_card_number, id_holds_card_number
from domain.errors import ErrorCode, Path, Refused
from domain.metadata import MAX_METADATA_KEY, MAX_METADATA_KEYS, MAX_METADATA_VALUE
from domain.sensitive import contains_email, contains_secret

MAX_EXTERNAL_ID: Final = 255
# Unicode's stream-safe limit (UAX #15); sorting more of them takes quadratic time.
MOST_ACCENTS: Final = 30
_EMAIL = re.compile(r"[^@\s]+@[^@\s][^@\s.]*\.[^@\s]+")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Schemes that browsers and systems handle by themselves; none of them leads back into a shop's own app.
NOT_AN_APPS_OWN: Final = frozenset(
    {
        *("about", "blob", "content", "data", "file", "filesystem", "ftp", "http", "https", "intent", "jar"),
        *("javascript", "mailto", "resource", "sms", "tel", "vbscript", "view-source", "ws", "wss"),
    }
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")  # RFC 3986, 3.1
_METHOD = re.compile(r"(?:pm|card|src)_[A-Za-z0-9_]{1,100}")
_CONFIRMATION_TOKEN = re.compile(r"ctoken_[A-Za-z0-9_]{1,100}")
_SHARED_TOKEN = re.compile(r"spt_[A-Za-z0-9_]{1,100}")


def clean_text(value: str, *, path: Path, max_length: int, multiline: bool = False, min_length: int = 1) -> str:
    """Return the text in NFC. Raises Refused with VALIDATION_FAILED, or SENSITIVE_DATA_REFUSED for a card or a secret.

    Refuses NUL and other control characters, lone surrogates, bidirectional marks, more than 30 accents on one
    character, spaces around, and text that is too short or too long.
    """
    text = _clean(value, path=path, multiline=multiline)
    refuse_sensitive(text, path=path)
    return _fitting(text, path=path, max_length=max_length, min_length=min_length)


def clean_id(value: str, *, path: Path, max_length: int) -> str:
    """Clean a one-line id that somebody else has assigned; a card number in it is refused only beyond doubt."""
    text = _clean(value, path=path)
    refuse_sensitive_id(text, path=path)
    return _fitting(text, path=path, max_length=max_length)


def _clean(value: str, *, path: Path, multiline: bool = False) -> str:
    if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise _refused("has half of a character in it", path)
    if _longest_accents(value) > MOST_ACCENTS:
        raise _refused(f"has more than {MOST_ACCENTS} accents on one character", path)
    text = unicodedata.normalize("NFC", value)
    allowed = "\n\t" if multiline else ""
    if any(unicodedata.category(c) == "Cc" and c not in allowed for c in text):
        raise _refused("has control characters in it", path)
    if any(c in _BIDI for c in text):
        raise _refused("has marks in it that turn the writing direction", path)
    if text != text.strip():
        raise _refused("begins or ends with spaces", path)
    return text


def _fitting(text: str, *, path: Path, max_length: int, min_length: int = 1) -> str:
    """Return the text if it is long and short enough. Asked last: a secret is called one, whatever its length."""
    if not min_length <= len(text) <= max_length:
        raise _refused(f"must have {min_length} to {max_length} characters", path)
    return text


def refuse_sensitive(text: str, *, path: Path) -> None:
    """Raise Refused(SENSITIVE_DATA_REFUSED), without echo, if the text contains a card number or a secret."""
    if contains_card_number(text):
        raise Refused(
            ErrorCode.SENSITIVE_DATA_REFUSED,
            "This looks like a card number. Never send one here: send Stripe's token (pm_…).",
            path,
        )
    _refuse_secret(text, path)


def refuse_sensitive_id(text: str, *, path: Path) -> None:
    """Raise Refused(SENSITIVE_DATA_REFUSED) if an id contains a secret, or a card number beyond doubt."""
    if id_holds_card_number(text):
        raise Refused(
            ErrorCode.SENSITIVE_DATA_REFUSED,
            f"`{path[-1]}` has a number in it that cannot be told from a card number: its length, its first digits and "
            "its check digit are a card's. An id with letters between its digits, or one that begins with its date "
            "(yymmdd), passes.",
            path,
        )
    _refuse_secret(text, path)


def _refuse_secret(text: str, path: Path) -> None:
    if contains_secret(text):
        raise Refused(
            ErrorCode.SENSITIVE_DATA_REFUSED,
            "This looks like a secret: a key, a token or a client secret. Never send one here.",
            path,
        )


def check_external_id(value: str, *, path: Path) -> str:
    """Return the shop's own id of an order or a customer, cleaned. Raises Refused."""
    return clean_id(value, path=path, max_length=MAX_EXTERNAL_ID)


def check_email(value: str, *, path: Path) -> str:
    """Return an email address, cleaned. Raises Refused for a text that has not the form of one."""
    text = clean_text(value, path=path, max_length=320)
    if not _EMAIL.fullmatch(text):
        raise _refused("is not an e-mail address", path)
    return text


def check_payment_method_id(value: str, *, path: Path) -> str:
    """Return Stripe's token of a payment method. Raises Refused for any other text."""
    refuse_sensitive(value, path=path)
    if not _METHOD.fullmatch(value):
        raise _refused("must be a payment method of Stripe's (pm_…)", path)
    return value


def check_confirmation_token(value: str, *, path: Path) -> str:
    """Return Stripe's token of a payer's input, which confirms one payment. Raises Refused for any other text."""
    refuse_sensitive(value, path=path)
    if not _CONFIRMATION_TOKEN.fullmatch(value):
        raise _refused("must be a confirmation token of Stripe's (ctoken_…)", path)
    return value


def check_shared_token(value: str, *, path: Path) -> str:
    """Return Stripe's token of a method that an agent shares. Raises Refused for any other text."""
    refuse_sensitive(value, path=path)
    if not _SHARED_TOKEN.fullmatch(value):
        raise _refused("must be a shared payment token of Stripe's (spt_…)", path)
    return value


def is_apps_own_scheme(scheme: str) -> bool:
    """Return True if an app can have registered this scheme, in lower case, for itself."""
    return _SCHEME.fullmatch(scheme) is not None and scheme not in NOT_AN_APPS_OWN


def check_return_url(value: str, *, path: Path, app_schemes: Collection[str] = ()) -> str:
    """Return a URL for the payer's return: https anywhere, http only on this machine, or one of the app's own schemes.

    Example: `https://shop.example/paid`, and `myapp://paid` where `app_schemes` has `myapp`. Raises
    Refused(VALIDATION_FAILED), which names the allowed forms.
    """
    text = clean_text(value, path=path, max_length=2048)
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port  # a malformed one raises
    except ValueError:
        raise _refused("is not an address", path) from None
    if any(c.isspace() for c in text):
        raise _refused("must not have spaces in it", path)
    if parts.username or parts.password:
        raise _refused("must be an address without a user name", path)
    if parts.scheme in app_schemes and is_apps_own_scheme(parts.scheme):
        if text[len(parts.scheme) :].startswith(":/"):
            return text
    elif host and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        return text
    allowed = ["https://", "http:// on this machine", *(f"{scheme}://" for scheme in sorted(app_schemes))]
    raise _refused(f"must be an absolute address that begins with {', '.join(allowed[:-1])} or {allowed[-1]}", path)


def check_metadata(value: Mapping[str, str], *, path: Path) -> dict[str, str]:
    """Return metadata within Stripe's limits: 50 keys of 40 characters, values of 500, no square brackets in keys.

    A key must not contain an email address: keys are names, and appear in the paths of errors. Raises Refused.
    """
    if len(value) > MAX_METADATA_KEYS:
        raise _refused(f"may have at most {MAX_METADATA_KEYS} keys", path)
    cleaned: dict[str, str] = {}
    for name, text in value.items():
        key = clean_text(name, path=path, max_length=MAX_METADATA_KEY)
        if "[" in key or "]" in key:
            raise _refused("may not have square brackets in its keys", path)
        if contains_email(key):
            raise Refused(ErrorCode.SENSITIVE_DATA_REFUSED, "A person's address is no name for an entry.", path)
        cleaned[key] = clean_text(text, path=(*path, key), max_length=MAX_METADATA_VALUE, multiline=True, min_length=0)
    if len(cleaned) != len(value):
        raise _refused("has two keys that are the same once normalised", path)
    return cleaned


def _longest_accents(text: str) -> int:
    """Return the length of the longest run of combining characters."""
    longest = current = 0
    for c in "" if text.isascii() else text:
        current = current + 1 if unicodedata.combining(c) else 0
        longest = max(longest, current)
    return longest


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(what: str, path: Path) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, f"`{path[-1]}` {what}.", path)
