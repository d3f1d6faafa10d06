"""The parts of an amount: line items, tax, shipping, discount; and the payment's references at the shop.

Source: docs.stripe.com/payments/payment-line-items, and the parameters of the API reference. By default the parts must
add up to the amount of the same request; with `enforce_arithmetic_validation=false` a difference is an `error` in the
answer instead. Line items are shown when they are expanded.
"""

from typing import Any

from sandbox.errors import invalid
from sandbox.http.params import Check, boolean, group, named, natural, positive, text
from sandbox.ledger import Ledger
from sandbox.store import ALPHABET, Store, new_id

Json = dict[str, Any]

MOST_ITEMS = 200
MISMATCH = "amount_details_amount_mismatch"
GREATER = "amount_details_tax_shipping_discount_greater_than_amount"
REFERENCES = ("customer_reference", "order_reference")


def _within(inner: Check, longest: int, characters: str = "") -> Check:
    def check(value: Any, name: str) -> Any:
        checked = inner(value, name)
        if checked is not None and (len(checked) > longest or (characters and set(checked) - set(characters))):
            raise invalid(f"Invalid string: {name} has at most {longest} characters, of some kinds only.", param=name)
        return checked

    return check


def _or_unset(inner: Check) -> Check:
    return lambda value, name: None if value == "" else inner(value, name)


_TAX = group(("total_tax_amount",), total_tax_amount=natural)
_CODE = _or_unset(_within(text, 10, f"{ALPHABET} -"))
_ITEM = group(
    ("product_name", "quantity", "unit_cost"),
    discount_amount=positive,
    product_code=_within(named, 12),
    product_name=_within(named, 1024),
    quantity=positive,
    tax=_TAX,
    unit_cost=natural,
    unit_of_measure=_within(named, 12, f"{ALPHABET} "),
)


def _items(value: Any, name: str) -> list[Json]:
    if value == "":
        return []
    if not isinstance(value, list):
        raise invalid(f"Invalid array: {name} must be a list of line items.", param=name)
    if len(value) > MOST_ITEMS:
        raise invalid(f"A PaymentIntent has at most {MOST_ITEMS} line items.", param=name)
    return [_ITEM(item, f"{name}[{place}]") for place, item in enumerate(value)]


DETAILS: dict[str, Check] = {
    "amount_details": _or_unset(
        group(
            discount_amount=_or_unset(positive),
            enforce_arithmetic_validation=boolean,
            line_items=_items,
            shipping=_or_unset(group(amount=_or_unset(natural), from_postal_code=_CODE, to_postal_code=_CODE)),
            tax=_or_unset(_TAX),
        )
    ),
    "payment_details": _or_unset(group(**dict.fromkeys(REFERENCES, _or_unset(_within(text, 500))))),
}


def apply(ledger: Ledger, intent: Json, params: Json, amount: int) -> None:
    """Write the parts of `amount`, and the references, on the intent. Raises StripeError for parts that do not add up.

    A new amount without new parts must fit the parts that are there.
    """
    if "payment_details" in params:
        intent["payment_details"] = dict.fromkeys(REFERENCES) | (params["payment_details"] or {})
    if "amount_details" not in params:
        if "amount" in params:
            _check_sum(intent["amount_details"], _kept(ledger, intent), amount, enforced=True)
        return
    given = params["amount_details"]
    if given is None:
        intent["amount_details"] = {"tip": {}}
        ledger.store.remember(intent["id"], line_items=[])
        return
    details: Json = {k: v for k, v in intent["amount_details"].items() if k != "error"}
    for name in ("discount_amount", "shipping", "tax"):
        if name in given:
            details[name] = given[name]
    if details.get("shipping"):
        details["shipping"] = dict.fromkeys(("amount", "from_postal_code", "to_postal_code")) | details["shipping"]
    details = {name: value for name, value in details.items() if value is not None}
    items = [_item(item) for item in given["line_items"]] if "line_items" in given else _kept(ledger, intent)
    _check_places(details, items)
    error = _check_sum(details, items, amount, enforced=given.get("enforce_arithmetic_validation", True))
    intent["amount_details"] = details | ({"error": error} if error else {})
    ledger.store.remember(intent["id"], line_items=items)


def page(ledger: Ledger, identity: str, params: Json) -> Json:
    """Return a page of the line items of an intent, in their order."""
    ledger.need("payment_intent", identity, param="intent")
    return items_of(ledger.store, identity, params)


def items_of(store: Store, identity: str, params: Json) -> Json:
    """Return a page of the line items of an intent that exists."""
    items, limit = store.hidden(identity).get("line_items", []), params.get("limit", 10)
    ids = [item["id"] for item in items]
    for name in ("starting_after", "ending_before"):
        if name in params and params[name] not in ids:
            raise invalid(f"No such line item: '{params[name]}'", param=name, code="resource_missing")
    first = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
    last = ids.index(params["ending_before"]) if "ending_before" in params else len(items)
    if "ending_before" in params:
        first = max(first, last - limit)
    shown = items[first:last][:limit]
    more = first > 0 if "ending_before" in params else first + len(shown) < last
    url = f"/v1/payment_intents/{identity}/amount_details_line_items"
    return {"object": "list", "data": shown, "has_more": more, "url": url}


def _kept(ledger: Ledger, intent: Json) -> list[Json]:
    return list(ledger.store.hidden(intent["id"]).get("line_items", []))


def _item(given: Json) -> Json:
    blank = dict.fromkeys(("discount_amount", "payment_method_options", "product_code", "tax", "unit_of_measure"))
    return {"id": new_id("uli"), "object": "payment_intent_amount_details_line_item"} | blank | given


def _check_places(details: Json, items: list[Json]) -> None:
    """Check that tax and discount stand in one place: with the whole, or with its items."""
    for whole, part in (("discount_amount", "discount_amount"), ("tax", "tax")):
        if details.get(whole) is not None and any(item[part] is not None for item in items):
            raise invalid(
                f"Send amount_details[{whole}], or {part} in each of amount_details[line_items], not both.",
                param=f"amount_details[{whole}]",
            )


def _check_sum(details: Json, items: list[Json], amount: int, *, enforced: bool) -> Json | None:
    """Return the error of parts that do not make up the amount. Raises it as StripeError where it is enforced."""
    tax = (details.get("tax") or {}).get("total_tax_amount", 0)
    shipping = (details.get("shipping") or {}).get("amount") or 0
    beside = tax + shipping - (details.get("discount_amount") or 0)
    each = sum(
        item["unit_cost"] * item["quantity"]
        - (item["discount_amount"] or 0)
        + (item["tax"] or {}).get("total_tax_amount", 0)
        for item in items
    )
    if items and each + beside != amount:
        error = {
            "code": MISMATCH,
            "message": f"The sum of amount_details ({each + beside}) does not equal the amount ({amount}).",
        }
    elif not items and beside > amount:
        error = {
            "code": GREATER,
            "message": f"Tax, shipping and discount ({beside}) are more than the amount ({amount}).",
        }
    else:
        return None
    if enforced:
        raise invalid(error["message"], param="amount_details", code=error["code"])
    return error
