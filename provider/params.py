"""The parameters of requests, in the form in which they are sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

Params = Mapping[str, Any]

EXPAND_PAYMENT: Final = ["latest_charge", "payment_method"]
EXPAND_SETUP: Final = ["payment_method"]
EXPAND_CAPTURED: Final = ["latest_charge.balance_transaction", "payment_method"]  # the booking tells when it was taken


def made_between(created_from: datetime, created_before: datetime | None, after: str | None) -> dict[str, Any]:
    """Return a list's parameters: created from the first moment on, before the second, behind the id `after`."""
    created = {"gte": int(created_from.timestamp())}
    if created_before is not None:
        created["lt"] = int(created_before.timestamp())
    return {"created": created, **({"starting_after": after} if after is not None else {})}


def expanding(params: Params, expand: Sequence[str] = EXPAND_PAYMENT) -> Any:
    """Return the parameters with the expansions that a payment is mapped from."""
    return ordered({**params, "expand": list(expand)})


def ordered(params: Any) -> Any:
    """Return the parameters in sorted order, so that a retry sends the same bytes.

    A database returns an object's keys in an order of its own.
    """
    if isinstance(params, Mapping):
        return {name: ordered(params[name]) for name in sorted(params)}
    return [ordered(item) for item in params] if isinstance(params, list) else params
