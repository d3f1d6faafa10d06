"""Finds secrets in free text by their shape: a secret in somebody else's words has no name to know it by.

Two measures: what comes in is refused when it holds what can only be a secret; what goes into a log or a stored event
loses all that may be one, because there a false alarm costs nothing. Each takes time in proportion to the text.
"""

import re
from typing import Final

from domain.cards import contains_card_number, id_holds_card_number, may_hold_cards

REMOVED: Final = "[removed]"

# Prefixes of Stripe's: docs.stripe.com/keys, docs.stripe.com/webhooks. A client secret is an id, `_secret_`, and as
# much again.
_SECRET: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|rk|ek)_(?:live|test)_[A-Za-z0-9]{10}"
    r"|whsec_[A-Za-z0-9+/]{16}"
    r"|[a-z]{2,6}_(?:(?:live|test)_)?[A-Za-z0-9]{8,}+_secret_[A-Za-z0-9]{8}"
    r"|src_client_secret_[A-Za-z0-9]{8}"
    r")"
)
# A JWT's header and claims are JSON objects in base64, so both begin with eyJ. What stands before claims is taken as a
# whole and searched for a header afterwards: a pattern that begins anew at each eyJ takes time squared.
_BEFORE_CLAIMS: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{11,}+(?=\.eyJ[A-Za-z0-9_-]{8})")
_HEADER: Final = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8}")
# One of these stands in every secret: a text without them needs no closer look.
SHORTEST_SECRET: Final = 18  # a key of Stripe's: the prefix and ten characters
MARKS: Final = ("_live_", "_test_", "whsec_", "_secret_", ".eyJ")

_DOMAIN: Final = r"@[A-Za-z0-9][A-Za-z0-9.-]{0,251}\.[A-Za-z]{2,24}"
_AN_EMAIL: Final = re.compile(rf"(?<=[A-Za-z0-9._%+'-]){_DOMAIN}")
# One after the other; those that begin with whatever stands before a secret begin where a run of letters does, and take
# all of it.
_REMOVABLE: Final = (
    re.compile(r"\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE),
    re.compile(
        r"(?<![A-Za-z0-9_-])(?>[A-Za-z0-9_-]*?(?<![A-Za-z0-9])eyJ)[A-Za-z0-9_-]++\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?<![A-Za-z0-9_])(?>[A-Za-z0-9_]*?(?<![A-Za-z0-9])[a-z]{2,6}_)[A-Za-z0-9_]+?_secret_[A-Za-z0-9_-]+",
        re.IGNORECASE,
    ),
    re.compile(r"(?<![A-Za-z0-9])(?:sk|rk|ek)_(?:live|test)_[A-Za-z0-9_]+", re.IGNORECASE),
    re.compile(r"(?<![A-Za-z0-9])whsec_[A-Za-z0-9_+/=-]+", re.IGNORECASE),
    re.compile(r"(?<=://)[^\s/@:]{0,200}:[^\s/@]{1,200}(?=@)"),
    re.compile(rf"(?<![A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]++{_DOMAIN}"),
)

# One of these stands in everything that is removed: most texts hold none, and looking for them costs a fifth.
_SUSPICIOUS: Final = re.compile(r"_(?:live|test|secret)_|whsec_|Bearer|Basic|eyJ|://|@", re.IGNORECASE)
# The same for the bytes of many texts at once, in small letters.
_SUSPICIOUS_MARKS: Final = (b"_live_", b"_test_", b"_secret_", b"whsec_", b"bearer", b"basic", b"eyj", b"://", b"@")


def contains_secret(text: str) -> bool:
    """Whether a key of Stripe's, a webhook secret, a client secret or a JWT stands in this text."""
    if len(text) < SHORTEST_SECRET or not any(mark in text for mark in MARKS):
        return False
    return _SECRET.search(text) is not None or any(_HEADER.search(run.group()) for run in _BEFORE_CLAIMS.finditer(text))


def contains_email(text: str) -> bool:
    """Whether an e-mail address stands in this text."""
    return "@" in text and _AN_EMAIL.search(text) is not None


def is_sensitive(text: str) -> bool:
    """Whether this text must not come in: a card number or a secret stands in it."""
    return contains_card_number(text) or contains_secret(text)


def is_sensitive_even_as_id(text: str) -> bool:
    """Whether this text must not come in, not even where an id is expected: a secret, or a card number beyond doubt."""
    return id_holds_card_number(text) or contains_secret(text)


def without_secrets(text: str) -> str:
    """The text without keys, tokens, client secrets, passwords in addresses, e-mail addresses and card numbers."""
    if _SUSPICIOUS.search(text):
        for removable in _REMOVABLE:
            text = removable.sub(REMOVED, text)
    return REMOVED if contains_card_number(text) else text


def is_harmless(json: bytes) -> bool:
    """Whether one look at a JSON text shows that `without_secrets` would leave each text in it, and each key, as it is.

    False says nothing: then the texts have to be looked at one by one.
    """
    if b"\\" in json or not json.isascii():
        return False  # a text is not what stands here, or its digits are in another script
    if may_hold_cards(json):
        return False
    lowered = json.lower()
    return not any(mark in lowered for mark in _SUSPICIOUS_MARKS)
