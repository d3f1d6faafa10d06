"""Parsers of the statements about an order; each returns what is stored with it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from domain.checkout.descriptors import check_suffix
from domain.checkout.line_items import MOST_LINE_ITEMS, LineItem, check_line_item, check_sum
from domain.checkout.method_types import EXCLUDABLE
from domain.checkout.shipping import Shipping, check_shipping
from domain.command_fields import RawField, parse_money
from domain.errors import ErrorCode, Refused
from domain.text import clean_text

LONGEST_NAME: Final = 250
LONGEST_PHONE: Final = 40


def parse_suffix(raw: RawField) -> str:
    """Parse the end of the text on the payer's statement. Raises Refused."""
    return check_suffix(raw.value, longest=raw.rules.longest_suffix, path=raw.path)


def parse_shipping(raw: RawField) -> dict[str, Any]:
    """Parse the recipient of an order. Raises Refused."""
    stated = Shipping(**{field.name: getattr(raw.value, field.name) for field in fields(Shipping)})
    return check_shipping(stated, path=raw.path).to_record()


def show_as_one(record: Mapping[str, Any] | None) -> list[Any] | None:
    """Return a record for the fingerprint, which keeps one hash of all of it: a part could be guessed from its own."""
    return None if record is None else [[name, record[name]] for name in sorted(record)]


def parse_line_items(raw: RawField) -> list[dict[str, Any]] | None:
    """Parse the lines of an order, which come to its total; an empty list is none.

    Raises Refused, and AmountMismatch with both figures.
    """
    if not raw.value:
        return None
    if len(raw.value) > MOST_LINE_ITEMS:
        message = f"An order has at most {MOST_LINE_ITEMS} line items. Without any it is taken too."
        raise Refused(ErrorCode.VALIDATION_FAILED, message, raw.path)
    total = parse_money(RawField(raw.input["total"], (*raw.path[:-1], "total"), raw.input, raw.rules))
    items = [
        check_line_item(_line_item(stated), currency=total, path=(*raw.path, str(place)))
        for place, stated in enumerate(raw.value)
    ]
    check_sum(items, total, path=raw.path)
    return [item.to_record() for item in items]


def _line_item(stated: Any) -> LineItem:
    return LineItem(
        name=stated.name,
        quantity=stated.quantity,
        unit_amount_minor=stated.unit_amount,
        tax_amount_minor=stated.tax_amount,
        discount_amount_minor=stated.discount_amount,
        reference=stated.reference,
    )


def parse_excluded_types(raw: RawField) -> list[str] | None:
    """Parse the types of payment methods that may not pay an order, in one order; an empty list is none.

    Raises Refused for a type that Stripe cannot exclude, and where nothing that is offered would be left.
    """
    if not raw.value:
        return None
    for place, name in enumerate(raw.value):
        if name not in EXCLUDABLE:
            message = "Stripe cannot exclude such a type of payment method: types are words like `klarna`."
            raise Refused(ErrorCode.VALIDATION_FAILED, message, (*raw.path, str(place)))
    if raw.rules.method_types.without(raw.value).is_empty:
        message = "These are all the types of payment methods that are offered: nothing could pay the order."
        raise Refused(ErrorCode.VALIDATION_FAILED, message, raw.path)
    return sorted({*raw.value})


def parse_customer_name(raw: RawField) -> str | None:
    """Parse the name of the customer that the input names. Raises Refused, also if it names no customer."""
    return _of_customer(raw, LONGEST_NAME)


def parse_customer_phone(raw: RawField) -> str | None:
    """Parse the telephone number of the customer that the input names. Raises Refused as above."""
    return _of_customer(raw, LONGEST_PHONE)


def _of_customer(raw: RawField, max_length: int) -> str | None:
    if raw.value is None:
        return None
    text = clean_text(raw.value, path=raw.path, max_length=max_length)
    if raw.input["customer_external_id"] is None:
        message = f"`{raw.path[-1]}` needs `customerExternalId`: it is about nobody otherwise."
        raise Refused(ErrorCode.VALIDATION_FAILED, message, raw.path)
    return text
