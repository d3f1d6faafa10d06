"""Fields of commands: the parser of each input value, and its part in the idempotency fingerprint.

A command is a frozen dataclass whose fields are made by `parsed`. No other list names them: a field that is added to a
command is parsed, and is part of the fingerprint.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from domain.amounts import check_chargeable, check_positive
from domain.checkout.descriptors import SAFE_SUFFIX
from domain.checkout.method_types import ALL_TYPES, MethodTypes
from domain.currencies import CURRENCIES
from domain.errors import ErrorCode, NotFound, Path, Refused
from domain.idempotency import Fingerprint, fingerprint
from domain.ids import Kind, encode, row_id
from domain.money import MAX_MINOR, Money
from domain.states import OperationKind
from domain.text import (
    check_confirmation_token,
    check_email,
    check_external_id,
    check_metadata,
    check_payment_method_id,
    check_return_url,
    check_shared_token,
    clean_text,
)

REQUIRED: Final = dataclasses.MISSING
LONGEST_TEXT: Final = 1_000  # of a description and of a note
# The fields of which one names what pays.
METHODS: Final = ("payment_method_id", "saved_payment_method_id", "confirmation_token_id", "shared_payment_token")


@dataclass(frozen=True, slots=True)
class Rules:
    """The installation's limits.

    They are the currencies that may be charged, the URL schemes of the shop's own apps, and the most characters of a
    statement descriptor's suffix. `takes_shared_tokens` says that agents may pay with tokens of methods that they
    share; `method_types` are the types of payment methods that are offered.
    """

    currencies: frozenset[str] = frozenset()
    app_schemes: frozenset[str] = frozenset()
    longest_suffix: int = SAFE_SUFFIX
    takes_shared_tokens: bool = False
    method_types: MethodTypes = ALL_TYPES


@dataclass(frozen=True, slots=True)
class RawField:
    """One raw input value with its path, the whole input, and the installation's rules."""

    value: Any
    path: Path
    input: Mapping[str, Any]
    rules: Rules


Parser = Callable[[RawField], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A mutation's input, checked and normalised. `kind` is the operation that it starts."""

    kind: ClassVar[OperationKind]

    def stored(self) -> dict[str, Any]:
        """Return the values that the row of the command keeps as they are, by the names of its columns."""
        values = {field: getattr(self, field) for field, _, spec in _specs(type(self)) if spec.stored}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint over all fields, which differs between any two different commands."""
        shown = ((name, getattr(self, field), spec) for field, name, spec in _specs(type(self)))
        return fingerprint({name: spec.show(value) for name, value, spec in shown if not spec.is_left_out(value)})


C = TypeVar("C", bound=Command)
_SPECS: Final[dict[type[Command], tuple[tuple[str, str, "_Spec"], ...]]] = {}


@dataclass(frozen=True, slots=True)
class _Spec:
    parser: Parser
    show: Callable[[Any], Any]
    default: Any
    added_later: bool
    stored: bool

    def is_left_out(self, value: Any) -> bool:
        return self.added_later and value == self.default


def parsed(
    parser: Parser,
    *,
    default: Any = REQUIRED,
    show: Callable[[Any], Any] | None = None,
    added_later: bool = False,
    stored: bool = False,
) -> Any:
    """Declare a field of a command.

    `parser` returns its value, or raises Refused or NotFound. `show` returns its JSON form for the fingerprint; by
    default that follows from the value's type. A field that is `added_later` than the command is left out of the
    fingerprint while it has its default: a request from before keeps its fingerprint. A field that is `stored` is a
    column of the same name in the row that the command makes.
    """
    assert not added_later or default is not REQUIRED, "a field that is added later needs a default"
    spec = _Spec(parser, show or canonical, default, added_later, stored)
    return dataclasses.field(default=default, metadata={"spec": spec})


def parse(command: type[C], input: Mapping[str, Any], rules: Rules, *, prefix: Path = ("input",)) -> C:
    """Parse an input into its command. Input names are the command's field names; a missing one has its default.

    Raises Refused and NotFound, which name the field below `prefix`.
    """
    values: dict[str, Any] = {}
    for field, name, spec in _specs(command):
        raw = input[field] if spec.default is REQUIRED else input.get(field, spec.default)
        values[field] = spec.parser(RawField(raw, (*prefix, name), input, rules))
    return command(**values)


def _specs(command: type[Command]) -> tuple[tuple[str, str, _Spec], ...]:
    """Return the fields of a command, each with its name in the schema."""
    known = _SPECS.get(command)
    if known is None:
        fields = dataclasses.fields(command)
        known = _SPECS[command] = tuple((one.name, _camel(one.name), one.metadata["spec"]) for one in fields)
    return known


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def canonical(value: Any) -> Any:
    """Return a value's JSON form for the fingerprint. Raises TypeError for a row id, which needs its kind (`id_of`)."""
    if isinstance(value, Money):
        return {"amount": value.amount_minor, "currency": value.currency}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        raise TypeError("an id without its kind")
    return dict(value) if isinstance(value, Mapping) else value


# -- parsers -----------------------------------------------------------------------------------------------------------


def unchanged(raw: RawField) -> Any:
    """Return a scalar or an enum as it came: the schema has checked it."""
    return raw.value


def optional(parser: Parser) -> Parser:
    """Make a parser for an optional value: None stays None."""
    return lambda raw: None if raw.value is None else parser(raw)


def parse_money(raw: RawField) -> Money:
    """Parse an amount from an object with `amount`, in minor units, and `currency`.

    Raises Refused for a currency that Stripe does not know, and for an amount that JSON clients cannot hold exactly.
    """
    currency = raw.value.currency.upper()
    if currency not in CURRENCIES:
        raise Refused(ErrorCode.CURRENCY_NOT_ENABLED, "Stripe knows no such currency.", (*raw.path, "currency"))
    if abs(raw.value.amount) > MAX_MINOR:
        raise Refused(ErrorCode.AMOUNT_TOO_LARGE, "The amount must be below 2^53.", (*raw.path, "amount"))
    return Money(raw.value.amount, currency)


def id_of(kind: Kind) -> Any:
    """Declare a field for the id of a row of this kind. Raises NotFound for any other value."""

    def parser(raw: RawField) -> UUID:
        identity = row_id(raw.value, kind)
        if identity is None:
            raise NotFound(raw.path)
        return identity

    return parsed(parser, show=lambda identity: encode(kind, identity))


def optional_id_of(kind: Kind) -> Any:
    """Declare a field, added later, for the id of a row of this kind, or None. Raises NotFound for any other value."""

    def parser(raw: RawField) -> UUID | None:
        identity = row_id(raw.value, kind) if raw.value is not None else None
        if identity is None and raw.value is not None:
            raise NotFound(raw.path)
        return identity

    def show(identity: UUID | None) -> str | None:
        return encode(kind, identity) if identity is not None else None

    return parsed(parser, default=None, show=show, added_later=True)


def parse_external_id(raw: RawField) -> str:
    """Parse the shop's own id of an order or a customer. Raises Refused."""
    return check_external_id(raw.value, path=raw.path)


def parse_metadata(raw: RawField) -> dict[str, str]:
    """Parse metadata, which Stripe stores too; a missing value is an empty map. Raises Refused."""
    return check_metadata(raw.value or {}, path=raw.path)


def parse_text(raw: RawField) -> str:
    """Parse text of several lines for people, up to 1,000 characters. Raises Refused."""
    return clean_text(raw.value, path=raw.path, max_length=LONGEST_TEXT, multiline=True)


def parse_chargeable(raw: RawField) -> Money:
    """Parse an amount that may be charged here. Raises Refused."""
    total = parse_money(raw)
    check_chargeable(total, enabled=raw.rules.currencies, path=raw.path)
    return total


def parse_positive(raw: RawField) -> Money:
    """Parse an amount above zero. Raises Refused."""
    amount = parse_money(raw)
    check_positive(amount, path=raw.path)
    return amount


def parse_email(raw: RawField) -> str | None:
    """Parse the email address of the customer that the input names. Raises Refused, also if it names no customer."""
    if raw.value is None:
        return None
    if raw.input["customer_external_id"] is None:
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            "`customerEmail` needs `customerExternalId`: an address alone is nobody.",
            raw.path,
        )
    return check_email(raw.value, path=raw.path)


def parse_receipt_email(raw: RawField) -> str:
    """Parse the email address that a receipt is sent to. Raises Refused."""
    return check_email(raw.value, path=raw.path)


def parse_payment_method_id(raw: RawField) -> str | None:
    """Parse Stripe's token of a payment method. Raises Refused unless the input names one method, where it needs one.

    An input that only prepares a payment (`confirm` is false) needs none.
    """
    named = [field for field in METHODS if raw.input.get(field) is not None]
    if len(named) > 1:
        both = " and ".join(f"`{_camel(field)}`" for field in named)
        raise Refused(
            ErrorCode.VALIDATION_FAILED, f"Name one thing to pay with, not {both}.", (*raw.path[:-1], _camel(named[1]))
        )
    if not named and raw.input.get("confirm", True):
        names = " or ".join(f"`{_camel(field)}`" for field in METHODS if field in raw.input)
        raise Refused(ErrorCode.VALIDATION_FAILED, f"There is nothing to charge yet: name {names}.", raw.path)
    return None if raw.value is None else check_payment_method_id(raw.value, path=raw.path)


def parse_confirmation_token(raw: RawField) -> str | None:
    """Parse Stripe's token of a payer's input. Raises Refused, also where nothing is confirmed: it serves for no more.

    Source: docs.stripe.com/api/confirmation_tokens.
    """
    if raw.value is None:
        return None
    token = check_confirmation_token(raw.value, path=raw.path)
    _check_confirms(raw)
    return token


def parse_shared_token(raw: RawField) -> str | None:
    """Parse Stripe's token of a method that an agent shares. Raises Refused, also where agents may not pay.

    Source: docs.stripe.com/agentic-commerce/concepts/shared-payment-tokens.
    """
    if raw.value is None:
        return None
    token = check_shared_token(raw.value, path=raw.path)
    if not raw.rules.takes_shared_tokens:
        message = f"`{raw.path[-1]}` cannot be used: this installation takes no tokens of agents."
        raise Refused(ErrorCode.VALIDATION_FAILED, message, raw.path)
    _check_confirms(raw)
    return token


def _check_confirms(raw: RawField) -> None:
    """Refuse a token in an input that confirms nothing."""
    if not raw.input.get("confirm", True):
        raise Refused(ErrorCode.VALIDATION_FAILED, f"`{raw.path[-1]}` needs `confirm`: it is used at once.", raw.path)


def parse_return_url(raw: RawField) -> str | None:
    """Parse the page or app that the payer returns to. Raises Refused."""
    if raw.value is None:
        return None
    return check_return_url(raw.value, path=raw.path, app_schemes=raw.rules.app_schemes)


def parse_final_capture(raw: RawField) -> bool:
    """Parse a flag that must be true. Raises Refused."""
    if not raw.value:
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            "`finalCapture` must be true: a payment is captured once, and what is left is released.",
            raw.path,
        )
    return True
