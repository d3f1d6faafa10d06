"""Documents made up from a schema: valid ones, with all that GraphQL offers for saying the same in another way."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_required_argument,
    is_required_input_field,
)

Leaf = Callable[[random.Random, str, str], Any]


@dataclass
class Document:
    """A document with one operation, and twice the variables for it."""

    text: str
    variables: tuple[dict[str, Any], dict[str, Any]]


@dataclass
class _Parts:
    variables: dict[str, tuple[str, tuple[Any, Any]]] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)


class Writer:
    """Makes up documents. `leaf` gives a scalar's value for an input, by the scalar's name and that of its place."""

    def __init__(self, schema: GraphQLSchema, seed: int, leaf: Leaf) -> None:
        self._schema = schema
        self._random = random.Random(seed)  # noqa: S311 - documents, not secrets
        self._leaf = leaf

    def document(self, kind: str, names: Sequence[str], *, fields: int = 2, depth: int = 4) -> Document:
        """An operation with some of these root fields."""
        parts = _Parts()
        root = getattr(self._schema, f"{kind}_type")
        assert root is not None
        chosen = [self._random.choice(names) for _ in range(self._random.randint(1, fields))]
        lines = [self._field(root, name, depth, parts) for name in chosen]
        if kind != "subscription" and self._chance(0.1):
            lines.append("__typename")
        return self._written(kind, lines, parts)

    def followed(self, root_field: str, arguments: str, *, depth: int = 4) -> Document:
        """A subscription of this field, with arguments that are given."""
        parts = _Parts()
        assert self._schema.subscription_type is not None
        event = get_named_type(self._schema.subscription_type.fields[root_field].type)
        return self._written(
            "subscription", [f"on: {root_field}({arguments}){self._selection(event, depth, parts)}"], parts
        )

    def _written(self, kind: str, lines: Sequence[str], parts: _Parts) -> Document:
        head = ", ".join(f"${name}: {type_}" for name, (type_, _) in parts.variables.items())
        operation = f"{kind} Made{f'({head})' if head else ''} {{ {' '.join(lines)} }}"
        one, other = (
            {name: values[turn] for name, (_, values) in parts.variables.items() if values[turn] is not Undefined}
            for turn in (0, 1)
        )
        return Document("\n".join([operation, *parts.fragments.values()]), (one, other))

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _field(self, parent: Any, name: str, depth: int, parts: _Parts) -> str:
        definition: GraphQLField = parent.fields[name]
        alias = (
            f"{self._random.choice('abcd')}{self._random.randint(0, 99)}: "
            if parent.name in ("Query", "Mutation", "Subscription") or definition.args or self._chance(0.2)
            else ""
        )
        arguments = self._arguments(definition.args, parts)
        directive = self._directive(parts) if parent.name not in ("Mutation", "Subscription") else ""
        inner = self._selection(get_named_type(definition.type), depth - 1, parts)
        return f"{alias}{name}{arguments}{directive}{inner}"

    def _directive(self, parts: _Parts) -> str:
        if not self._chance(0.08):
            return ""
        condition: str = self._random.choice(["true", "false"])
        if self._chance(0.6):
            name = f"v{len(parts.variables)}"
            parts.variables[name] = ("Boolean!", (self._chance(0.5), self._chance(0.5)))
            condition = f"${name}"
        return f" @{self._random.choice(['include', 'skip'])}(if: {condition})"

    def _selection(self, named: GraphQLNamedType, depth: int, parts: _Parts) -> str:
        if not is_composite_type(named):
            return ""
        lines = ["__typename"] if self._chance(0.3) else []
        if is_abstract_type(named):
            for possible in self._schema.get_possible_types(named):
                if self._chance(0.7):
                    lines.append(self._fragment(possible, depth, parts))
        fields = [name for name, one in getattr(named, "fields", {}).items() if self._fits(one, depth)]
        self._random.shuffle(fields)
        for name in fields[: self._random.randint(1, 6)]:
            lines.append(self._field(named, name, depth, parts))
        if is_object_type(named) and self._chance(0.25):
            lines.append(self._fragment(named, depth, parts))
        return f" {{ {' '.join(lines) or '__typename'} }}"

    def _fits(self, definition: GraphQLField, depth: int) -> bool:
        return depth > 0 or not is_composite_type(get_named_type(definition.type))

    def _fragment(self, on: GraphQLObjectType, depth: int, parts: _Parts) -> str:
        inner = self._selection(on, depth, parts)
        if self._chance(0.5):
            return f"... on {on.name}{self._directive(parts)}{inner}"
        name = f"F{len(parts.fragments)}"
        parts.fragments[name] = f"fragment {name} on {on.name}{inner}"
        return f"...{name}{self._directive(parts)}"

    def _arguments(self, arguments: Mapping[str, GraphQLArgument], parts: _Parts) -> str:
        given = []
        for name, argument in arguments.items():
            if not is_required_argument(argument) and not self._chance(0.4):
                continue
            value = self._value(argument.type, name)
            if self._chance(0.5):
                variable = f"v{len(parts.variables)}"
                values = (value, self._value(argument.type, name))
                may_be_left_out = not is_required_argument(argument)
                one, other = (Undefined if may_be_left_out and self._chance(0.2) else value for value in values)
                parts.variables[variable] = (str(argument.type), (one, other))
                given.append(f"{name}: ${variable}")
            else:
                given.append(f"{name}: {self._literal(argument.type, value)}")
        return f"({', '.join(given)})" if given else ""

    def _value(self, type_: GraphQLInputType, name: str, depth: int = 2, *, nullable: bool = True) -> Any:
        """A value as JSON has it."""
        if is_non_null_type(type_):
            return self._value(type_.of_type, name, depth, nullable=False)
        if nullable and self._chance(0.08):
            return None
        if is_list_type(type_):
            return [self._value(type_.of_type, name, depth) for _ in range(self._random.randint(0, 2))]
        if is_enum_type(type_):
            return self._random.choice(list(type_.values))
        if is_input_object_type(type_):
            return {
                key: self._value(one.type, key, depth - 1)
                for key, one in type_.fields.items()
                if is_required_input_field(one)
                or (self._chance(0.2) and (depth > 0 or not is_input_object_type(get_named_type(one.type))))
            }
        return self._leaf(self._random, get_named_type(type_).name, name)

    def _literal(self, type_: GraphQLInputType, value: Any) -> str:
        """The same value as GraphQL has it."""
        named = type_.of_type if is_non_null_type(type_) else type_
        if value is None:
            return "null"
        if is_list_type(named):
            return f"[{', '.join(self._literal(named.of_type, one) for one in value)}]"
        if isinstance(named, GraphQLEnumType):
            return str(value)
        if isinstance(named, GraphQLInputObjectType):
            return (
                f"{{{', '.join(f'{key}: {self._literal(named.fields[key].type, one)}' for key, one in value.items())}}}"
            )
        return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_plain(one)}' for key, one in value.items())}}}"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
