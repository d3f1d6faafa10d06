"""Lists with filters and pages, and `expand`."""

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.errors import invalid, missing
from sandbox.store import Store

Json = dict[str, Any]

FILTERS = {
    "payment_intent": ("customer",),
    "charge": ("customer", "payment_intent"),
    "refund": ("charge", "payment_intent"),
    "dispute": ("charge", "payment_intent"),
    "event": ("type",),
    "balance_transaction": ("source", "type", "currency"),
    "customer": ("email",),
    "payment_method": ("customer", "type"),
}
COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
EXPANDABLE = {
    "latest_charge": "charge",
    "charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "customer": "customer",
    "balance_transaction": "balance_transaction",
}


def page(store: Store, kind: str, url: str, params: Json) -> Json:
    """One page, newest first."""
    unknown = set(params) - {*FILTERS[kind], "created", "limit", "starting_after", "ending_before", "expand", "types"}
    if unknown:
        raise invalid(f"Received unknown parameter: {min(unknown)}", param=min(unknown), code="parameter_unknown")
    limit = params.get("limit", 10)
    if not isinstance(limit, int) or not 1 <= limit <= 100:
        raise invalid("Limit must be between 1 and 100.", param="limit")
    found = [thing for thing in store.newest_first(kind) if _matches(thing, kind, params)]
    after, before = params.get("starting_after"), params.get("ending_before")
    if after is not None:
        found = found[_place(found, kind, after, "starting_after") + 1 :]
        more, data = len(found) > limit, found[:limit]
    elif before is not None:
        found = found[: _place(found, kind, before, "ending_before")]
        more, data = len(found) > limit, found[-limit:]
    else:
        more, data = len(found) > limit, found[:limit]
    return {"object": "list", "data": data, "has_more": more, "url": url}


def expand(store: Store, answer: Json, paths: Iterable[str]) -> Json:
    """The answer with the named ids replaced by their objects."""
    for path in paths:
        _expand(store, answer, path.split("."))
    return answer


def _expand(store: Store, thing: Any, names: list[str]) -> None:
    if isinstance(thing, list):
        for item in thing:
            _expand(store, item, names)
        return
    name, rest = names[0], names[1:]
    if not isinstance(thing, dict) or name not in thing:
        raise invalid(f"This property cannot be expanded ({name}).", param="expand")
    if isinstance(thing[name], str) and name in EXPANDABLE:
        thing[name] = store.get(thing[name], EXPANDABLE[name]) or thing[name]
    if rest and thing[name] is not None:
        _expand(store, thing[name], rest)


def _matches(thing: Json, kind: str, params: Json) -> bool:
    created = params.get("created")
    if isinstance(created, int) and thing["created"] != created:
        return False
    if isinstance(created, dict) and not all(COMPARE[op](thing["created"], int(v)) for op, v in created.items()):
        return False
    if "types" in params and thing["type"] not in params["types"]:
        return False
    return all(name not in params or thing.get(name) == params[name] for name in FILTERS[kind])


def _place(found: list[Json], kind: str, identity: str, param: str) -> int:
    for place, thing in enumerate(found):
        if thing["id"] == identity:
            return place
    raise missing(kind, identity, param=param)
