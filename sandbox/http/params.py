"""The parameters of each endpoint, and Stripe's errors for others. Checked before anything is executed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import invalid, not_supported
from sandbox.http.stripe_names import NESTED

Json = dict[str, Any]
Check = Callable[[Any, str], Any]

MAX_TEXT = 5000
MAX_METADATA_KEYS, MAX_METADATA_KEY, MAX_METADATA_VALUE = 50, 40, 500


@dataclass(frozen=True, slots=True)
class Takes:
    """The parameters of one endpoint, besides `expand`: each with the check that turns text into its value."""

    fields: Mapping[str, Check] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def read(self, raw: Json, stripes: frozenset[str] = frozenset()) -> Json:
        """Parse the parameters. Raises StripeError for one that is unknown, missing or malformed.

        `stripes` are the parameters that Stripe's endpoint has.
        """
        return _read(self.fields, raw, "", self.required, stripes)


def check_confirmation(params: Json, only_with_confirm: tuple[str, ...]) -> None:
    """Check that the parameters of a confirmation are there with confirm=true only. Raises StripeError."""
    for name in only_with_confirm:
        if params.get(name) and not params.get("confirm"):
            raise invalid(f"`{name}` can only be used with confirm=true.", param=name)


def text(value: Any, name: str) -> str | None:
    """Check a string; the empty one unsets the field."""
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name} must be a string.", param=name)
    if len(value) > MAX_TEXT:
        raise invalid(f"Invalid string: {name} must be at most {MAX_TEXT} characters.", param=name)
    return value or None


def named(value: Any, name: str) -> str:
    """Check a string that may not be empty, such as an id."""
    checked = text(value, name)
    if checked is None:
        raise invalid(
            f"You passed an empty string for '{name}'. Leave the parameter out instead.",
            param=name,
            code="parameter_invalid_empty",
        )
    return checked


def email(value: Any, name: str) -> str | None:
    """Check an e-mail address; the empty string unsets it."""
    checked = text(value, name)
    if checked is None:
        return None
    box, _, host = checked.partition("@")
    if not box or "." not in host.strip(".") or "@" in host or any(character.isspace() for character in checked):
        raise invalid(f"Invalid email address: {checked}", param=name, code="email_invalid")
    return checked


def integer(value: Any, name: str) -> int:
    """Check a whole number."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,15}", value, re.ASCII):
        raise invalid(f"Invalid integer: {name}", param=name, code="parameter_invalid_integer")
    return int(value)


def positive(value: Any, name: str) -> int:
    """Check an amount of money."""
    number = integer(value, name)
    if number < 1:
        raise invalid("This value must be greater than or equal to 1.", param=name, code="parameter_invalid_integer")
    return number


def natural(value: Any, name: str) -> int:
    """Check a number that is not negative."""
    number = integer(value, name)
    if number < 0:
        raise invalid("This value must be greater than or equal to 0.", param=name, code="parameter_invalid_integer")
    return number


def page_size(value: Any, name: str) -> int:
    """Check the number of objects on a page."""
    number = integer(value, name)
    if not 1 <= number <= 100:
        raise invalid("This value must be between 1 and 100.", param=name, code="parameter_invalid_integer")
    return number


def boolean(value: Any, name: str) -> bool:
    """Check `true` or `false`."""
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {name} must be true or false.", param=name)
    return bool(value == "true")


def off_session(value: Any, name: str) -> bool | str:
    """Check the absence of the payer: a boolean, or Stripe's kind of absence."""
    return str(value) if value in ("one_off", "recurring") else boolean(value, name)


def one_of(*choices: str) -> Check:
    """Make the check for one of these words."""

    def check(value: Any, name: str) -> str:
        if value not in choices:
            raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}", param=name)
        return str(value)

    return check


def one_of_or_unset(*choices: str) -> Check:
    """Make the check for one of these words, or the empty string to unset it."""
    inner = one_of(*choices)
    return lambda value, name: None if value == "" else inner(value, name)


def words(value: Any, name: str) -> list[str]:
    """Check a list of strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(f"Invalid array: {name} must be a list of strings.", param=name)
    return list(value)


def each(inner: Check) -> Check:
    """Make the check for a list of such values."""

    def check(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list):
            raise invalid(f"Invalid array: {name} must be a list.", param=name)
        return [inner(item, f"{name}[{place}]") for place, item in enumerate(value)]

    return check


def anything(value: Any, _: str) -> Any:
    """Take a value as it is, whatever it says."""
    return value


def integers(value: Any, name: str) -> list[int]:
    """Check a list of whole numbers."""
    if not isinstance(value, list):
        raise invalid(f"Invalid array: {name} must be a list of integers.", param=name)
    return [integer(item, name) for item in value]


def group(required: tuple[str, ...] = (), /, **fields: Check) -> Check:
    """Make the check for a nested set of named parameters."""

    def check(value: Any, name: str) -> Json:
        if not isinstance(value, dict):
            raise invalid(f"Invalid object: {name} must be a set of named values.", param=name)
        return _read(fields, value, name, required)

    return check


def metadata(value: Any, name: str) -> Json:
    """Check metadata within Stripe's limits (docs.stripe.com/api/metadata). The empty string removes a name, or all."""
    if value == "":
        return {"": ""}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise invalid("Invalid hash: metadata must be a set of key-value pairs.", param=name)
    if len(value) > MAX_METADATA_KEYS:
        raise invalid(f"You can set at most {MAX_METADATA_KEYS} metadata keys.", param=name)
    for key, item in value.items():
        if not 1 <= len(key) <= MAX_METADATA_KEY or set(key) & set("[]"):
            raise invalid(f"Metadata keys have 1 to {MAX_METADATA_KEY} characters and no brackets.", param=name)
        if len(item) > MAX_METADATA_VALUE:
            raise invalid(f"Metadata values have at most {MAX_METADATA_VALUE} characters.", param=f"metadata[{key}]")
    return dict(value)


def merged(old: Json, new: Json | None) -> Json:
    """Merge metadata with an update. Raises StripeError when the result has too many names."""
    if new is None:
        return old
    result = {} if "" in new else old | new
    if len(result) > MAX_METADATA_KEYS:
        raise invalid(f"You can set at most {MAX_METADATA_KEYS} metadata keys.", param="metadata")
    return {key: value for key, value in result.items() if value != ""}


def moments(value: Any, name: str) -> Json:
    """Check a time, or a range of times as {"gte": …}; a plain time is {"eq": …}."""
    if isinstance(value, dict):
        return _read(dict.fromkeys(("gt", "gte", "lt", "lte"), integer), value, name, ())
    return {"eq": integer(value, name)}


def _read(
    fields: Mapping[str, Check],
    raw: Json,
    inside: str,
    required: tuple[str, ...],
    stripes: frozenset[str] = frozenset(),
) -> Json:
    for name in raw:
        if name not in fields:
            full = _full(inside, name)
            if name in stripes or name in NESTED.get(re.sub(r"\[\d+\]", "", inside), "").split():
                raise not_supported(f"The parameter {full}", param=full)
            raise invalid(f"Received unknown parameter: {full}", param=full, code="parameter_unknown")
    for name in required:
        if name not in raw:
            full = _full(inside, name)
            raise invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")
    return {name: fields[name](value, _full(inside, name)) for name, value in raw.items()}


def _full(inside: str, name: str) -> str:
    return f"{inside}[{name}]" if inside else name


def _complete(inner: Check, *names: str) -> Check:
    """Make a check whose group has null for each missing member, as Stripe answers it; the empty string unsets it."""
    return lambda value, name: None if value == "" else dict.fromkeys(names) | inner(value, name)


_PLACE = ("city", "country", "line1", "line2", "postal_code", "state")
ADDRESS = _complete(group(**dict.fromkeys(_PLACE, text)), *_PLACE)
SHIPPING = _complete(
    group(("address", "name"), address=ADDRESS, name=named, carrier=text, phone=text, tracking_number=text),
    "carrier",
    "phone",
    "tracking_number",
)
BILLING = group(address=ADDRESS, email=email, name=text, phone=text, tax_id=text)
