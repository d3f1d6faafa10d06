"""Lists with filters and pages, and `expand`."""

import json
from collections.abc import Mapping
from typing import Any

from sandbox.errors import invalid, missing
from sandbox.http.params import Check, Takes, boolean, moments, named, page_size, words
from sandbox.payments.line_items import items_of
from sandbox.store import Store

Json = dict[str, Any]

FILTERS: Mapping[str, tuple[str, ...]] = {
    "payment_intent": ("customer",),
    "charge": ("customer", "payment_intent", "transfer_group"),
    "refund": ("charge", "payment_intent"),
    "dispute": ("charge", "payment_intent"),
    "event": ("type", "types", "delivery_success"),
    "balance_transaction": ("currency", "source", "type"),
    "customer": ("email",),
    "payment_method": ("allow_redisplay", "customer", "type"),
    "setup_attempt": ("setup_intent",),
    "setup_intent": ("customer", "payment_method"),
    "webhook_endpoint": (),
    "payout": ("destination", "status"),
    "customer_balance_transaction": ("customer",),
    "customer_cash_balance_transaction": ("customer",),
    "tax_id": ("customer",),
    "review": (),
    "radar.early_fraud_warning": ("charge", "payment_intent"),
}
TIMELESS = (
    *("payment_method", "webhook_endpoint"),
    *("customer_balance_transaction", "customer_cash_balance_transaction", "tax_id"),
)  # lists without a time filter
COMPARE: Mapping[str, str] = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
EXPANDABLE: Mapping[str, tuple[str, ...]] = {
    "latest_charge": ("charge",),
    "charge": ("charge",),
    "payment_intent": ("payment_intent",),
    "payment_method": ("payment_method",),
    "customer": ("customer",),
    "default_payment_method": ("payment_method",),
    "balance_transaction": ("balance_transaction",),
    "latest_attempt": ("setup_attempt",),
    "mandate": ("mandate",),
    "setup_intent": ("setup_intent",),
    "failure_balance_transaction": ("balance_transaction",),
    "review": ("review",),
    "source": ("charge", "refund", "dispute", "payout"),
}
PASSED = (
    "data",
    "invoice_settings",
    "payment_method_details",
    "refunds",
    "sepa_debit",
    "us_bank_account",
)  # members whose own members can be expanded
MAX_DEPTH = 4  # docs.stripe.com/api/expanding_objects
TYPES_AT_ONCE = 20


def list_parameters(kind: str, *, without: tuple[str, ...] = ()) -> Takes:
    """Return the parameters of a list of these objects; `without` names the ones that the address contains."""
    checks: dict[str, Check] = {name: named for name in FILTERS[kind] if name not in without}
    checks |= {"limit": page_size, "starting_after": named, "ending_before": named}
    if kind not in TIMELESS:
        checks["created"] = moments
    if kind == "setup_attempt":
        return Takes(checks, ("setup_intent",))
    if kind == "event":
        checks |= {"types": words, "delivery_success": boolean}
    return Takes(checks)


def page(store: Store, kind: str, url: str, params: Json) -> Json:
    """Return one page, newest first. `params` as `list_parameters` reads them."""
    if len(params.get("types", [])) > TYPES_AT_ONCE or {"type", "types"} <= set(params):
        raise invalid(f"Send `type`, or `types` with at most {TYPES_AT_ONCE}.", param="types")
    if {"starting_after", "ending_before"} <= set(params):
        raise invalid("You can pass `starting_after` or `ending_before`, not both.", param="ending_before")
    limit, backwards = params.get("limit", 10), "ending_before" in params
    where, values = _where(store, kind, params)
    order = "ASC" if backwards else "DESC"
    found = store.rows(
        f"SELECT json FROM object WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - built from our own names
        *values,
        limit + 1,
    )
    data = [json.loads(row[0]) for row in found[:limit]]
    return {
        "object": "list",
        "data": data[::-1] if backwards else data,
        "has_more": len(found) > limit,
        "url": url,
    }


def expand(store: Store, answer: Json, paths: object) -> Json:
    """Replace the named ids by their objects. Raises StripeError for a path that leads nowhere."""
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise invalid("Invalid array: expand must be a list of strings.", param="expand")
    for path in paths:
        names = path.split(".")
        if len(names) - (names[0] == "data") > MAX_DEPTH:
            raise invalid(f"You cannot expand more than {MAX_DEPTH} levels of a property.", param="expand")
        _expand(store, answer, names, path)
    return answer


def _expand(store: Store, thing: Any, names: list[str], path: str) -> None:
    if isinstance(thing, list):
        for item in thing:
            _expand(store, item, names, path)
        return
    if not names or not isinstance(thing, dict) or thing.get("deleted"):
        return
    name, *rest = names
    if name == "refunds" and thing.get("object") == "charge":
        url = f"/v1/charges/{thing['id']}/refunds"
        thing[name] = page(store, "refund", url, {"charge": thing["id"]})
    if name == "amount_details" and rest == ["line_items"]:
        thing[name] = thing[name] | {"line_items": items_of(store, thing["id"], {})}
        return
    if name not in thing or not (name in EXPANDABLE or name in PASSED):
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(thing[name], str):
        found = [store.get(thing[name], kind) for kind in EXPANDABLE[name]]
        thing[name] = next((item for item in found if item), _deleted(store, name, thing[name]))
    _expand(store, thing[name], rest, path)


def _deleted(store: Store, name: str, identity: str) -> Any:
    """Return the stub of a deleted customer."""
    if name == "customer" and store.hidden(identity).get("deleted"):
        return {"id": identity, "object": "customer", "deleted": True}
    return identity


def _where(store: Store, kind: str, params: Json) -> tuple[str, list[Any]]:
    clauses, values = ["kind = ?"], list[Any]([kind])
    for name in FILTERS[kind]:
        raw = params.get(name)
        if raw is None:
            continue
        if name == "types":
            clauses.append(f"json_extract(json, '$.type') IN ({', '.join('?' * len(raw))})")
            values.extend(raw)
        elif name == "delivery_success":
            waiting = "EXISTS (SELECT 1 FROM delivery WHERE event = object.id AND done = 0)"
            clauses.append(f"NOT {waiting}" if raw else waiting)
        elif kind == "event":
            clauses.append("json_extract(json, '$.type') GLOB ?")  # `charge.*` names a group
            values.append(raw.replace("[", "[[]").replace("?", "[?]"))
        else:
            clauses.append(f"json_extract(json, '$.{name}') = ?")
            values.append(raw)
    for comparison, moment in params.get("created", {}).items():
        clauses.append(f"created {COMPARE[comparison]} ?")
        values.append(moment)
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if name in params:
            clauses.append(f"seq {sign} ?")
            values.append(_place(store, kind, params[name], name))
    return " AND ".join(clauses), values


def _place(store: Store, kind: str, identity: str, param: str) -> int:
    found = store.rows("SELECT seq FROM object WHERE id = ? AND kind = ?", identity, kind)
    if not found:
        raise missing(kind, identity, param=param)
    return int(found[0][0])
