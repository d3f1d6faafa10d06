"""The description of an order for Stripe: the parameters by which people recognise its payment there."""

import re
from collections.abc import Mapping
from copy import copy
from typing import Any, Final

from database.row_writer import set_fields
from domain.checkout.line_items import LineItem, read_line_items, sum_of
from domain.checkout.shipping import Shipping
from domain.metadata import metadata_change
from models import Order, Payment

# Stripe takes 12 characters (docs.stripe.com/api/payment_intents/create); of longer references it is not told.
PRODUCT_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,12}", re.ASCII)


def describe(order: Order, *, amount_minor: int) -> dict[str, Any]:
    """Return the parameters that describe the order of a payment of this amount, in the order's minor units.

    None of them moves money, and a change of them changes nothing that is charged.
    """
    described: dict[str, Any] = line_item_params(order.line_items, amount_minor=amount_minor)
    if order.description is not None:
        described["description"] = order.description
    if order.statement_descriptor_suffix is not None:
        described["statement_descriptor_suffix"] = order.statement_descriptor_suffix
    if order.shipping is not None:
        described["shipping"] = _shipping(Shipping.from_record(order.shipping))
    return described


def describe_change(order: Order, payment: Payment, changed: Mapping[str, Any], *, amount_minor: int) -> dict[str, Any]:
    """Return the parameters that describe an order anew when its payment gets this amount.

    `changed` are the order's fields that change with it, by the names of their columns. Stripe refuses a new amount
    that says nothing of lines that it was told before, and documents no way to take a text away: that stays at Stripe.
    """
    after = copy(order)
    set_fields(after, changed)
    described = describe(after, amount_minor=amount_minor)
    if order.line_items and "amount_details" not in described:
        described["amount_details"] = ""
    if order.shipping is not None and after.shipping is None:
        described["shipping"] = ""
    if "metadata" in changed:
        described["metadata"] = metadata_change(
            payment.metadata, order.metadata, after.metadata, names_customer=order.customer_id is not None
        )
    return described


def line_item_params(lines: list[dict[str, Any]] | None, *, amount_minor: int) -> dict[str, Any]:
    """Return an order's lines as Stripe takes them; none for a payment of another amount, such as a part.

    Stripe is told not to refuse a payment for lines that do not add up: a capture of less is one. Such lines are shown
    in its Dashboard, and sent to no card network. A capture repeats the lines of its creation, as Stripe asks for.
    Source: docs.stripe.com/payments/payment-line-items.
    """
    items = read_line_items(lines)
    if not items or sum_of(items) != amount_minor:
        return {}
    return {
        "amount_details": {"enforce_arithmetic_validation": False, "line_items": [_line_item(item) for item in items]}
    }


def _line_item(item: LineItem) -> dict[str, Any]:
    line: dict[str, Any] = {
        "product_name": item.name,
        "quantity": item.quantity,
        "unit_cost": item.unit_amount_minor,
    }
    if item.reference is not None and PRODUCT_CODE.fullmatch(item.reference):
        line["product_code"] = item.reference
    if item.tax_amount_minor is not None:
        line["tax"] = {"total_tax_amount": item.tax_amount_minor}
    if item.discount_amount_minor:  # Stripe takes none of zero
        line["discount_amount"] = item.discount_amount_minor
    return line


def _shipping(to: Shipping) -> dict[str, Any]:
    address = {
        "line1": to.line1,
        "line2": to.line2,
        "city": to.city,
        "postal_code": to.postal_code,
        "state": to.state,
        "country": to.country,
    }
    stated = {name: part for name, part in address.items() if part is not None}
    return {"name": to.name, "address": stated} | ({"phone": to.phone} if to.phone is not None else {})
