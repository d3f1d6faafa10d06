"""Conversion of coerced values to Strawberry's inputs, decided once for each type and not anew for each value."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any, Final

from strawberry.relay import GlobalID
from strawberry.scalars import is_scalar
from strawberry.schema import Schema
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

Convert = Callable[[Any], Any]
DEFINITION: Final = "__strawberry_definition__"


class Inputs:
    """Converters of a schema's input types, which do as Strawberry's `convert_argument` does."""

    def __init__(self, schema: Schema) -> None:
        self._registry = schema.schema_converter.scalar_registry
        self._config = schema.config
        self._made: dict[type[Any], Convert] = {}

    def name_of(self, argument: StrawberryArgument) -> str:
        """Return the name of an argument in GraphQL."""
        return self._config.name_converter.from_argument(argument)

    def converter(self, type_: Any) -> Convert:
        """Return the converter of this type; null stays null."""
        if isinstance(type_, LazyType):
            type_ = type_.resolve_type()
        if isinstance(type_, StrawberryOptional) and not isinstance(type_, StrawberryMaybe):
            return self.converter(type_.of_type)
        if isinstance(type_, StrawberryList):
            return _each(self.converter(type_.of_type))
        if type_ is not GlobalID and is_scalar(type_, self._registry):
            return _same
        if isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_):
            return _same
        if has_object_definition(type_) and getattr(type_, DEFINITION).from_input is None:
            return self._object(type_)
        return lambda value: convert_argument(value, type_, self._registry, self._config)

    def _object(self, type_: type[Any]) -> Convert:
        made = self._made.get(type_)
        if made is None:
            # An input may hold itself: its fields are looked at when the first value comes.
            made = self._made[type_] = _Object(type_, self)
        return made

    def fields(self, definition: StrawberryObjectDefinition) -> Mapping[str, tuple[str, Convert]]:
        """Return, by the names in GraphQL, the names in Python and the converters."""
        return {
            self._config.name_converter.from_field(field): (
                field.python_name,
                self.converter(field.resolve_type(type_definition=definition)),
            )
            for field in definition.fields
        }


class _Object:
    """The converter of one input type."""

    def __init__(self, type_: type[Any], inputs: Inputs) -> None:
        self._type = type_
        self._inputs = inputs
        self._fields: Mapping[str, tuple[str, Convert]] | None = None
        fields: list[StrawberryField] = getattr(type_, DEFINITION).fields
        self._left_out: Mapping[str, None] = {
            field.python_name: None
            for field in fields
            if field.default_value is MISSING and field.default_factory is MISSING
        }

    def __call__(self, value: Any) -> Any:
        if value is None:
            return None
        if self._fields is None:
            self._fields = self._inputs.fields(getattr(self._type, DEFINITION))
        given: dict[str, Any] = dict(self._left_out)
        for name, one in value.items():
            python_name, convert = self._fields[name]
            given[python_name] = one if convert is _same else convert(one)
        return self._type(**given)


def _same(value: Any) -> Any:
    return value


def _each(convert: Convert) -> Convert:
    """Return the converter of a list. It copies in any case: a default is the same list for every request."""

    def converted(value: Any) -> Any:
        if value is None:
            return None
        return list(value) if convert is _same else [convert(one) for one in value]

    return converted
