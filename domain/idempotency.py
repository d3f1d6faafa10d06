"""Idempotency keys, and the fingerprint that identifies a request without storing its values."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.errors import ErrorCode, Path, Refused
from domain.sensitive import contains_email
from domain.text import refuse_sensitive_id

LONGEST: Final = 255
_written: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`digest` is SHA-256 in hex over the canonical input; `leaves` has a short hash for each dotted path."""

    digest: str
    leaves: Mapping[str, str]


def check_key(key: str, *, path: Path = ("idempotencyKey",)) -> str:
    """Return the key as it came: 1 to 255 printable ASCII characters without spaces. Never trimmed, never echoed.

    Raises Refused, also for a card number, a secret or an email address in it.
    """
    if not _KEY.fullmatch(key):
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            f"`{path[-1]}` must have 1 to {LONGEST} printable ASCII characters and no spaces. A UUID is a good choice.",
            path,
        )
    refuse_sensitive_id(key, path=path)
    if contains_email(key):
        # A key is stored for years. docs.stripe.com/api/idempotent_requests says the same of Stripe's.
        message = f"`{path[-1]}` must not have an e-mail address in it. A UUID is a good choice."
        raise Refused(ErrorCode.SENSITIVE_DATA_REFUSED, message, path)
    return key


def fingerprint(input: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint of a validated, normalised input; equal inputs have equal fingerprints.

    The order of keys and the Unicode form do not matter; the caller fills in defaults. Raises TypeError for a value
    that is not JSON.
    """
    canonical = _canonical(input)
    leaves = {path: _digest(value)[:16] for path, value in _leaves("", canonical)}
    return Fingerprint(digest=_digest(canonical), leaves=leaves)


def mismatched_paths(stored: Mapping[str, str], received: Mapping[str, str]) -> tuple[str, ...]:
    """Return the dotted paths at which two inputs differ, sorted."""
    return tuple(sorted(path for path in {*stored, *received} if stored.get(path) != received.get(path)))


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {unicodedata.normalize("NFC", name): _canonical(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if value is None or isinstance(value, (bool, int)):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and (value or not prefix):  # an empty input has no leaf
        for name, item in value.items():
            yield from _leaves(f"{prefix}.{name}" if prefix else name, item)
    else:
        yield prefix, value


def _digest(value: Any) -> str:
    return hashlib.sha256(_written(value).encode()).hexdigest()
