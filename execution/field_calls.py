"""Calls of Strawberry's fields: their methods, and their arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import iscoroutinefunction
from types import FunctionType
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    VariableNode,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.schema import Schema
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from execution.declare import plain_class
from execution.input_conversion import Inputs

DEFINITION: Final = "strawberry-definition"
NO_VARIABLES: Final = VariableValues({}, {})
Arguments = Callable[[VariableValues], dict[str, Any]]


class Unplannable(Exception):
    """This document, or this field of it, is left to graphql-core."""


@dataclass(frozen=True, slots=True)
class FieldCall:
    """The method behind a field; `function` None stands for the attribute `name`.

    `self_given` and `info_given` say which of the two the function takes beside its arguments.
    """

    name: str
    function: FunctionType | None
    self_given: bool
    info_given: bool

    @property
    def is_async(self) -> bool:
        return self.function is not None and iscoroutinefunction(self.function)


def class_of(named: GraphQLObjectType) -> type[Any]:
    """Return the Python class behind an object type."""
    definition: StrawberryObjectDefinition = named.extensions[DEFINITION]
    return plain_class(definition.origin)


def field_of(definition: GraphQLField) -> StrawberryField:
    """Return Strawberry's side of a field. Raises Unplannable for one that Strawberry does not know."""
    field = definition.extensions.get(DEFINITION)
    if not isinstance(field, StrawberryField):
        raise Unplannable
    return field


def call_of(field: StrawberryField) -> FieldCall:
    """Return the call of a field.

    Raises Unplannable for one with permissions or extensions, which only Strawberry runs.
    """
    if field.extensions or field.permission_classes:
        raise Unplannable
    resolver = field.base_resolver
    if resolver is None:
        return FieldCall(field.python_name, None, self_given=False, info_given=False)
    function = resolver.wrapped_func
    if not isinstance(function, FunctionType) or resolver.parent_parameter is not None:
        raise Unplannable
    has_info = resolver.info_parameter is not None and resolver.info_parameter.name == "info"
    if resolver.info_parameter is not None and not has_info:
        raise Unplannable
    return FieldCall(field.python_name, function, resolver.self_parameter is not None, has_info)


def arguments_of(
    schema: Schema, inputs: Inputs, definition: GraphQLField, node: FieldNode
) -> dict[str, Any] | Arguments:
    """Return the arguments of a field by their Python names.

    They are the values themselves where no variable and nothing mutable is among them; otherwise a function of the
    coerced variables, which raises what is wrong with them.
    """
    field = field_of(definition)

    def converted(variables: VariableValues) -> dict[str, Any]:
        given = get_argument_values(definition, node, variables, hide_suggestions=True)
        return convert_arguments(given, field.arguments, schema.schema_converter.scalar_registry, schema.config)

    if not definition.args:
        return {}
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    variables = {name: value.name.value for name, value in given.items() if isinstance(value, VariableNode)}
    others = [argument for name, argument in definition.args.items() if name not in variables]
    if all(is_leaf_type(get_nullable_type(argument.type)) for argument in others):
        return _by_variables(inputs, definition, field, variables, converted) if variables else converted(NO_VARIABLES)
    return converted


def _by_variables(
    inputs: Inputs,
    definition: GraphQLField,
    field: StrawberryField,
    variables: Mapping[str, str],
    converted: Arguments,
) -> Arguments:
    """Return arguments of which some are variables, whose coerced values are converted, and the others are leaves."""
    names = {inputs.name_of(argument): argument for argument in field.arguments}
    by_variable = [
        (
            names[name].python_name,
            variable,
            not is_non_null_type(definition.args[name].type),
            inputs.converter(names[name].type),
        )
        for name, variable in variables.items()
    ]
    constant: dict[str, Any] | None = None

    def arguments(variables: VariableValues) -> dict[str, Any]:
        nonlocal constant
        coerced = variables.coerced
        if constant is None:
            varying = {name for name, *_ in by_variable}
            constant = {name: value for name, value in converted(variables).items() if name not in varying}
        given = dict(constant)
        for name, variable, may_be_null, convert in by_variable:
            value = coerced.get(variable)
            if value is None and not (may_be_null and variable in coerced):
                return converted(variables)  # a default, or an error
            given[name] = convert(value)
        return given

    return arguments
