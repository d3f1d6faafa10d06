"""Strict scalars. Each refuses what it does not mean, and no message repeats what was sent."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from graphql import IntValueNode, ObjectValueNode, StringValueNode, ValueNode, VariableNode
from strawberry.types.scalar import ScalarDefinition

from domain.errors import ErrorCode, Refused
from domain.idempotency import check_key
from domain.money import MAX_MINOR

MinorUnits = NewType("MinorUnits", int)
CurrencyCode = NewType("CurrencyCode", str)
IdempotencyKey = NewType("IdempotencyKey", str)
Metadata = NewType("Metadata", dict[str, str])
Json = NewType("Json", object)

LONGEST_INTEGER = 17  # digits and sign; 2^53 has 16
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _refused(what: str) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, what)


def parse_minor_units(value: object) -> MinorUnits:
    """An exact integer. Raises Refused for anything else, 1.0 and true included."""
    if type(value) is not int:
        raise _refused("MinorUnits must be a whole number of minor units, such as 1099, without point or exponent.")
    if abs(value) > MAX_MINOR:
        raise _refused("MinorUnits must not go beyond 2^53 - 1.")
    return MinorUnits(value)


def parse_currency_code(value: object) -> CurrencyCode:
    """Three letters, in upper case from here on."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise _refused("CurrencyCode must be three letters, such as USD.")
    return CurrencyCode(value.upper())


def parse_idempotency_key(value: object) -> IdempotencyKey:
    if not isinstance(value, str):
        raise _refused("IdempotencyKey must be a string.")
    return IdempotencyKey(check_key(value))


def parse_metadata(value: object) -> Metadata:
    """A flat map of strings; its limits are checked where it is used."""
    if not isinstance(value, Mapping):
        raise _refused("Metadata must be an object.")
    if not all(isinstance(name, str) and isinstance(text, str) for name, text in value.items()):
        raise _refused("Metadata must have a string for each key.")
    return Metadata(dict(value))


def parse_moment(value: object) -> datetime:
    """A moment with its offset; finer than microseconds is cut off, as the database would."""
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _refused("DateTime must be RFC 3339 with an offset, such as 2026-01-31T09:30:00Z.")


def print_moment(value: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _print_minor_units(value: object) -> int:
    if type(value) is not int or abs(value) > MAX_MINOR:
        raise TypeError("minor units that are no exact integer")
    return value


def _refuse_json(_: object, variables: object = None) -> Json:
    raise _refused("JSON is only given out here, never taken.")


def _literal(kind: type[ValueNode], read: Callable[[Any], object], parse: Callable[[object], object]) -> Any:
    """Parse literals of one kind only: an enum word or a float is not the string or integer that it looks like."""

    def parse_literal(node: ValueNode, variables: Mapping[str, object] | None = None) -> object:
        return parse(read(node) if isinstance(node, kind) else None)

    return parse_literal


def _integer(node: IntValueNode) -> int:
    # Python refuses to read thousands of digits; anything this long is beyond the range anyway.
    return int(node.value) if len(node.value) <= LONGEST_INTEGER else MAX_MINOR + 1


def _text(node: StringValueNode) -> str:
    return node.value


def _metadata_literal(node: ValueNode, variables: Mapping[str, object] | None = None) -> Metadata:
    if not isinstance(node, ObjectValueNode):
        return parse_metadata(None)
    given: dict[str, object] = {}
    for entry in node.fields:
        value: object = entry.value
        if isinstance(value, StringValueNode):
            value = value.value
        elif isinstance(value, VariableNode):
            # Validation sees no variables: whatever string stands there is checked when the operation runs.
            value = (variables or {}).get(value.name.value) if variables is not None else ""
        given[entry.name.value] = value
    return parse_metadata(given)


def _scalar(
    name: str,
    description: str,
    *,
    parse: Callable[[Any], object],
    serialize: Callable[[Any], object],
    parse_literal: Callable[..., object],
    specified_by: str,
) -> ScalarDefinition:
    return strawberry.scalar(
        name=name,
        description=description,
        specified_by_url=specified_by,
        serialize=serialize,
        parse_value=parse,
        parse_literal=parse_literal,
    )


SCALARS: dict[object, ScalarDefinition] = {
    MinorUnits: _scalar(
        "MinorUnits",
        "Exact signed integer in the currency's minor unit as Stripe defines it: a JSON integer with |x| < 2^53. "
        "Floats and exponents are refused.",
        parse=parse_minor_units,
        serialize=_print_minor_units,
        parse_literal=_literal(IntValueNode, _integer, parse_minor_units),
        specified_by="https://docs.stripe.com/currencies#minor-units",
    ),
    CurrencyCode: _scalar(
        "CurrencyCode",
        "ISO 4217 alphabetic code in upper case, such as USD.",
        parse=parse_currency_code,
        serialize=str,
        parse_literal=_literal(StringValueNode, _text, parse_currency_code),
        specified_by="https://www.iso.org/iso-4217-currency-codes.html",
    ),
    datetime: _scalar(
        "DateTime",
        "RFC 3339 moment. Any offset is taken, UTC is given; a time without an offset is refused.",
        parse=parse_moment,
        serialize=print_moment,
        parse_literal=_literal(StringValueNode, _text, parse_moment),
        specified_by="https://www.rfc-editor.org/rfc/rfc3339",
    ),
    IdempotencyKey: _scalar(
        "IdempotencyKey",
        "1 to 255 printable ASCII characters without spaces; a UUID is a good choice. A key belongs to one caller "
        "and one mutation.",
        parse=parse_idempotency_key,
        serialize=str,
        parse_literal=_literal(StringValueNode, _text, parse_idempotency_key),
        specified_by="https://docs.stripe.com/api/idempotent_requests",
    ),
    Metadata: _scalar(
        "Metadata",
        "A map from string to string within Stripe's limits: 50 keys of 40 characters, values of 500.",
        parse=parse_metadata,
        serialize=dict,
        parse_literal=_metadata_literal,
        specified_by="https://docs.stripe.com/metadata",
    ),
    Json: _scalar(
        "JSON",
        "Any JSON value.",
        parse=_refuse_json,
        serialize=lambda value: value,
        parse_literal=_refuse_json,
        specified_by="https://www.rfc-editor.org/rfc/rfc8259",
    ),
}
