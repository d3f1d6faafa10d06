"""Every place where a client may put a value, read from the schema itself: a field added tomorrow is among them."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import graphql
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_required_argument,
    is_required_input_field,
)

from tests.shop import Json

DEEPEST = 2  # how often an input may stand in itself: a filter in a filter is one place more, not endlessly many
MAP_OF_TEXTS = "Metadata"
Given = GraphQLArgument | GraphQLInputField
Known = Callable[[str], Any]
"""The value for a required place that is not planted, by its dotted name; LookupError leaves it to its type."""


@dataclass(frozen=True, slots=True)
class Place:
    """One leaf of the arguments of one field. `path` is dotted, and begins with the field: `order.externalId`."""

    root: str
    field: tuple[str, ...]
    path: tuple[str, ...]
    in_key: bool = False

    def __str__(self) -> str:
        return ".".join((*self.field, *self.path)) + (" (its keys)" if self.in_key else "")


def schema_of(introspection: Json) -> GraphQLSchema:
    """The schema in the answer to an introspection."""
    return graphql.build_client_schema(introspection)  # type: ignore[arg-type]  # a TypedDict of the same shape


INTROSPECTION = graphql.get_introspection_query(descriptions=False)


def places(schema: GraphQLSchema) -> Iterator[Place]:
    """Every leaf of every argument of every field that can be asked for."""
    for root in ("mutation", "query"):
        for name, field in root_type(schema, root).fields.items():
            for path, in_key in _leaves(field.args):
                yield Place(root, (name,), path, in_key)
    for way in ways_to_arguments(schema):
        for path, in_key in _leaves(way.field.args):
            yield Place("query", way.names, path, in_key)


def root_type(schema: GraphQLSchema, root: str) -> GraphQLObjectType:
    found = schema.mutation_type if root == "mutation" else schema.query_type
    assert found is not None
    return found


def _leaves(given: Mapping[str, Any], seen: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    for name, place in given.items():
        named = get_named_type(place.type)
        if isinstance(named, GraphQLInputObjectType):
            if seen.count(named.name) < DEEPEST:
                for path, in_key in _leaves(named.fields, (*seen, named.name)):
                    yield (name, *path), in_key
            continue
        yield (name,), False
        if named.name == MAP_OF_TEXTS:
            yield (name,), True


# -- fields below the root -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """How to come to a field with arguments from `node(id:)`: the type of the node, and the fields below it."""

    node: str
    steps: tuple[str, ...]
    field: GraphQLField

    @property
    def names(self) -> tuple[str, ...]:
        return (self.node, *self.steps)


def ways_to_arguments(schema: GraphQLSchema) -> list[Way]:
    """The shortest way to each field with arguments that is not the root's."""
    node = schema.get_type("Node")
    assert isinstance(node, graphql.GraphQLInterfaceType)
    waiting = deque((type.name, (), type) for type in schema.get_implementations(node).objects)
    seen = {type.name for _, _, type in waiting}
    found = []
    while waiting:
        start, steps, type = waiting.popleft()
        for name, field in type.fields.items():
            if field.args:
                found.append(Way(start, (*steps, name), field))
            below = get_named_type(field.type)
            needs = any(is_required_argument(argument) for argument in field.args.values())
            if isinstance(below, GraphQLObjectType) and below.name not in seen and not needs:
                seen.add(below.name)
                waiting.append((start, (*steps, name), below))
    return found


def unreached_arguments(schema: GraphQLSchema) -> set[str]:
    """Fields with arguments that no way leads to: they would never be planted."""
    reached = {id(way.field) for way in ways_to_arguments(schema)}
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    return {
        f"{type.name}.{name}"
        for type in schema.type_map.values()
        if isinstance(type, GraphQLObjectType) and type not in roots and not type.name.startswith("__")
        for name, field in type.fields.items()
        if field.args and id(field) not in reached
    }


# -- requests ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    query: str
    variables: Json


def request_for(schema: GraphQLSchema, place: Place, secret: str, known: Known, *, literal: bool) -> Request:
    """The operation with `secret` at this place, as a variable or in the text itself, and all else as it should be."""
    field = _field(schema, place)
    given = _arguments(field.args, place.path, place, secret, known)
    declared = {name: field.args[name].type for name in given}
    if literal:
        text = ", ".join(f"{name}: {_literal(value, declared[name])}" for name, value in given.items())
        head, variables = "", {}
    else:
        text = ", ".join(f"{name}: ${name}" for name in given)
        head = "(" + ", ".join(f"${name}: {type}" for name, type in declared.items()) + ")" if given else ""
        variables = given
    arguments = f"({text})" if text else ""
    inner = f"{place.field[-1]}{arguments} {selection(schema, field)}"
    if len(place.field) > 1:
        node, *steps = place.field
        for step in reversed(steps[:-1]):
            inner = f"{step} {{ {inner} }}"
        inner = f'node(id: "{known(node)}") {{ ... on {node} {{ {inner} }} }}'
    return Request(f"{place.root}{head} {{ {inner} }}", variables)


def _field(schema: GraphQLSchema, place: Place) -> GraphQLField:
    if len(place.field) == 1:
        return root_type(schema, place.root).fields[place.field[0]]
    return next(way.field for way in ways_to_arguments(schema) if way.names == place.field)


def _arguments(
    given: Mapping[str, Any], path: tuple[str, ...], place: Place, secret: str, known: Known, above: str = ""
) -> Json:
    """Values for the required ones and for those on the way to the place."""
    values: Json = {}
    for name, argument in given.items():
        dotted = f"{above or place.field[0]}.{name}"
        if path and path[0] == name:
            values[name] = _planted(argument.type, path[1:], place, secret, known, dotted)
            continue
        try:
            values[name] = known(dotted)
        except LookupError:
            if _is_required(argument):
                values[name] = _plain(argument.type, known, dotted)
    return values


def _planted(
    type: GraphQLInputType, path: tuple[str, ...], place: Place, secret: str, known: Known, dotted: str
) -> Any:
    type = get_nullable_type(type)
    if isinstance(type, GraphQLList):
        return [_planted(type.of_type, path, place, secret, known, dotted)]
    if isinstance(type, GraphQLInputObjectType):
        return _arguments(type.fields, path, place, secret, known, dotted)
    if get_named_type(type).name == MAP_OF_TEXTS:
        return {secret: "note"} if place.in_key else {"note": secret}
    return secret


def _plain(type: GraphQLInputType, known: Known, dotted: str) -> Any:
    type = get_nullable_type(type)
    if isinstance(type, GraphQLList):
        return [_plain(type.of_type, known, dotted)]
    if isinstance(type, GraphQLEnumType):
        return next(iter(type.values))
    if isinstance(type, GraphQLInputObjectType):
        place = Place("", (dotted,), ())
        return _arguments(type.fields, (), place, "", known, dotted)
    return {"Boolean": True, "Int": 1, "Float": 1.0, "MinorUnits": 10_000, "CurrencyCode": "USD"}.get(type.name, "x")


def _is_required(given: Given) -> bool:
    return is_required_argument(given) if isinstance(given, GraphQLArgument) else is_required_input_field(given)


def _literal(value: Any, type: GraphQLInputType | None) -> str:
    """The value as it is written in a document."""
    type = get_nullable_type(type) if type is not None else None
    match value:
        case bool():
            return "true" if value else "false"
        case str() if isinstance(type, GraphQLEnumType) and value in type.values:
            return value
        case str():
            return graphql.print_ast(graphql.StringValueNode(value=value))
        case list():
            inner = type.of_type if isinstance(type, GraphQLList) else None
            return "[" + ", ".join(_literal(item, inner) for item in value) + "]"
        case dict():
            fields = type.fields if isinstance(type, GraphQLInputObjectType) else {}
            pairs = (f"{n}: {_literal(v, fields[n].type if n in fields else None)}" for n, v in value.items())
            return "{" + ", ".join(pairs) + "}"
    return str(value)


def selection(schema: GraphQLSchema, field: GraphQLField, depth: int = 2) -> str:
    """Every leaf that the answer to a field may have, down to a depth."""
    named = get_named_type(field.type)
    if isinstance(named, GraphQLUnionType):
        return "{ __typename }"
    if not isinstance(named, GraphQLObjectType | graphql.GraphQLInterfaceType):
        return ""
    own = _fields(schema, named, depth)
    variants = []
    if isinstance(named, graphql.GraphQLInterfaceType):
        objects = schema.get_implementations(named).objects
        for type in objects:
            inner = _fields(schema, type, depth - 1, left_out={*named.fields, *_clashing(objects)})
            variants.append(f"... on {type.name} {{ __typename {inner} }}")
    return "{ __typename " + " ".join([own, *variants]) + " }"


def _clashing(types: Iterable[GraphQLObjectType]) -> set[str]:
    """Fields that have one name and several types, which one document cannot ask for side by side."""
    seen: dict[str, set[str]] = defaultdict(set)
    for type in types:
        for name, field in type.fields.items():
            seen[name].add(str(field.type))
    return {name for name, found in seen.items() if len(found) > 1}


def _fields(schema: GraphQLSchema, type: Any, depth: int, left_out: set[str] | None = None) -> str:
    parts = []
    for name, field in type.fields.items():
        if name in (left_out or ()) or any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if graphql.is_leaf_type(get_named_type(field.type)):
            parts.append(name)
        elif depth > 0:
            parts.append(f"{name} {selection(schema, field, depth - 1)}")
    return " ".join(parts)
