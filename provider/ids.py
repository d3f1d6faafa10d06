"""Stripe's ids: checked by their pattern before one becomes part of a URL."""

import re
from typing import Final

from provider.failures import Outcome, ProviderFailure

MALFORMED_ID: Final = "malformed_id"
_REST: Final = re.compile(r"[A-Za-z0-9_]{1,250}", re.ASCII)
# The prefixes of each kind; refunds and charges of methods other than cards have prefixes of their own.
PREFIXES: Final = {
    "balance_transactions": ("txn",),
    "cash_balance_transactions": ("ccsbtxn",),
    "charges": ("ch", "py"),
    "customers": ("cus",),
    "disputes": ("dp", "du", "pdp"),
    "events": ("evt",),
    "payment_intents": ("pi",),
    "payment_methods": ("pm", "card", "ba", "src"),
    "refunds": ("re", "pyr"),
    "setup_intents": ("seti",),
    "shared_payment/granted_tokens": ("spt",),
}


def is_id(identity: object, kind: str) -> bool:
    """Return True if this is an id of this kind, a key of `PREFIXES`."""
    if not isinstance(identity, str):
        return False
    prefix, _, rest = identity.partition("_")
    return prefix in PREFIXES[kind] and _REST.fullmatch(rest) is not None


def path_of(kind: str, identity: str, act: str = "") -> str:
    """Return the path of an object at Stripe, or of an action on it.

    Raises ProviderFailure(REJECTED) for a malformed id: nothing was sent then.
    """
    if not is_id(identity, kind):
        raise ProviderFailure(Outcome.REJECTED, code=MALFORMED_ID)
    return f"/v1/{kind}/{identity}{act}"
