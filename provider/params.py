"""The parameters of requests, brought into the form in which they are sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

Params = Mapping[str, Any]

EXPAND_PAYMENT: Final = ["latest_charge", "payment_method"]


def made_between(created_from: datetime, created_before: datetime | None, after: str | None) -> dict[str, Any]:
    """A list of what was made from the first moment on and before the second, behind the object `after`."""
    created = {"gte": int(created_from.timestamp())}
    if created_before is not None:
        created["lt"] = int(created_before.timestamp())
    return {"created": created, **({"starting_after": after} if after is not None else {})}


def expanding(params: Params) -> Any:
    """The same parameters, asking for what of a payment is read with it."""
    return ordered({**params, "expand": EXPAND_PAYMENT})


def ordered(params: Any) -> Any:
    """The same parameters in one order: a database gives an object's keys back in its own, and a retry must be the
    same request to the byte."""
    if isinstance(params, Mapping):
        return {name: ordered(params[name]) for name in sorted(params)}
    return params
