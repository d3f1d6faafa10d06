"""Detection of secrets and addresses in free text, by their shape.

Two thresholds: input is refused when it contains what can only be a secret; logs and stored events lose everything that
may be one, because a false alarm costs nothing there. Each function takes time in proportion to the text.
"""

import re
from typing import Final

from domain.cards import contains_card_number, id_holds_card_number, may_hold_cards

REMOVED: Final = "[removed]"

# Stripe's prefixes: docs.stripe.com/keys, docs.stripe.com/webhooks. A client secret is an id, `_secret_`, and a random
# part as long as the id.
_SECRET: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|rk|ek)_(?:live|test)_[A-Za-z0-9]{10}"
    r"|whsec_[A-Za-z0-9+/]{16}"
    r"|[a-z]{2,6}_(?:(?:live|test)_)?[A-Za-z0-9]{8,}+_secret_[A-Za-z0-9]{8}"
    r"|(?:src_client|cuss)_secret_[A-Za-z0-9]{8}"
    r")"
)
# A JWT's header and claims are JSON objects in base64, so both begin with eyJ. The run before the claims is matched as
# a whole and searched for a header afterwards: a pattern that begins anew at each eyJ takes quadratic time.
_BEFORE_CLAIMS: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{11,}+(?=\.eyJ[A-Za-z0-9_-]{8})")
_HEADER: Final = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8}")
# Every secret contains one of these marks: a text without them is not searched.
SHORTEST_SECRET: Final = 18  # a key of Stripe's: the prefix and ten characters
MARKS: Final = ("_live_", "_test_", "whsec_", "_secret_", ".eyJ")

_DOMAIN: Final = r"@[A-Za-z0-9][A-Za-z0-9.-]{0,251}\.[A-Za-z]{2,24}"
_AN_EMAIL: Final = re.compile(rf"(?<=[A-Za-z0-9._%+'-]){_DOMAIN}")
# Applied in turn; a pattern that includes the text before a secret begins where a run of letters begins, and matches
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
    re.compile(r"(?<![A-Za-z0-9])cuss_secret_[A-Za-z0-9_-]+", re.IGNORECASE),
    re.compile(r"(?<![A-Za-z0-9])(?:sk|rk|ek)_(?:live|test)_[A-Za-z0-9_]+", re.IGNORECASE),
    re.compile(r"(?<![A-Za-z0-9])whsec_[A-Za-z0-9_+/=-]+", re.IGNORECASE),
    re.compile(r"(?<=://)[^\s/@:]{0,200}:[^\s/@]{1,200}(?=@)"),
    re.compile(rf"(?<![A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]++{_DOMAIN}"),
)

# Every removable text contains one of these marks: most texts contain none, and this search costs a fifth.
_SUSPICIOUS: Final = re.compile(r"_(?:live|test|secret)_|whsec_|Bearer|Basic|eyJ|://|@", re.IGNORECASE)
# The marks in lower case, for the bytes of many texts at once.
_SUSPICIOUS_MARKS: Final = (b"_live_", b"_test_", b"_secret_", b"whsec_", b"bearer", b"basic", b"eyj", b"://", b"@")


def contains_secret(text: str) -> bool:
    """Return True if the text contains a Stripe key, a webhook secret, a client secret or a JWT."""
    if len(text) < SHORTEST_SECRET or not any(mark in text for mark in MARKS):
        return False
    return _SECRET.search(text) is not None or any(_HEADER.search(run.group()) for run in _BEFORE_CLAIMS.finditer(text))


def contains_email(text: str) -> bool:
    """Return True if the text contains an email address."""
    return "@" in text and _AN_EMAIL.search(text) is not None


def is_sensitive(text: str) -> bool:
    """Return True if the text must be refused: it contains a card number or a secret."""
    return contains_card_number(text) or contains_secret(text)


def is_sensitive_even_as_id(text: str) -> bool:
    """Return True if the text must be refused even as an id: a secret, or a card number beyond doubt."""
    return id_holds_card_number(text) or contains_secret(text)


def without_secrets(text: str) -> str:
    """Return the text without keys, tokens, client secrets, passwords in URLs, email addresses and card numbers."""
    if _SUSPICIOUS.search(text):
        for removable in _REMOVABLE:
            text = removable.sub(REMOVED, text)
    return REMOVED if contains_card_number(text) else text


def is_harmless(json: bytes) -> bool:
    """Return True if one scan of a JSON text proves that `without_secrets` would change none of its texts and keys.

    False proves nothing: then each text has to be scanned by itself.
    """
    if b"\\" in json or not json.isascii():
        return False  # escapes hide the real text, or its digits are in another script
    if may_hold_cards(json):
        return False
    lowered = json.lower()
    return not any(mark in lowered for mark in _SUSPICIOUS_MARKS)
