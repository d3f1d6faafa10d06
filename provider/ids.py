"""Stripe's ids: checked by their pattern before one becomes part of an address."""

import re
from typing import Final

from provider.failures import Outcome, ProviderFailure

MALFORMED_ID: Final = "malformed_id"
_REST: Final = re.compile(r"[A-Za-z0-9_]{1,250}", re.ASCII)
# What the ids of a kind begin with; refunds and charges of methods that are no cards have words of their own.
PREFIXES: Final = {
    "balance_transactions": ("txn",),
    "charges": ("ch", "py"),
    "disputes": ("dp", "du", "pdp"),
    "events": ("evt",),
    "payment_intents": ("pi",),
    "refunds": ("re", "pyr"),
}


def is_id(identity: object, kind: str) -> bool:
    """Whether this is an id of such a thing of Stripe's; `kind` is a key of `PREFIXES`."""
    if not isinstance(identity, str):
        return False
    prefix, _, rest = identity.partition("_")
    return prefix in PREFIXES[kind] and _REST.fullmatch(rest) is not None


def path_of(kind: str, identity: str, act: str = "") -> str:
    """The path of a thing at Stripe, or of an act on it.

    Raises ProviderFailure(REJECTED) for what is no id: nothing was sent then.
    """
    if not is_id(identity, kind):
        raise ProviderFailure(Outcome.REJECTED, code=MALFORMED_ID)
    return f"/v1/{kind}/{identity}{act}"
