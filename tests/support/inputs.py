"""Every place where a client may put a value, read from the schema itself, so that new fields are included."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphql
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_required_argument,
    is_required_input_field,
)

from tests.support.shop import Json

DEEPEST = 2  # how often an input type may contain itself: a filter in a filter is one place more, not endlessly many
MAP_OF_TEXTS = "Metadata"
MOST_WORDS = 500  # more than the fields that a document may have, for braces are words too
Path = tuple[str, ...]
InputType = Any  # graphql-core's own name for it is a union that its functions do not keep to
Leaf = Callable[[InputType], Any]
Known = Callable[[str], Any]
"""The value for a required place that is not planted, by its dotted name; LookupError leaves it to its type."""


@dataclass(frozen=True, slots=True)
class Place:
    """One leaf of the arguments of one field. `path` is dotted, and begins with the field: `order.externalId`."""

    root: str
    field: Path
    path: Path
    in_key: bool = False

    def __str__(self) -> str:
        return ".".join((*self.field, *self.path)) + (" (its keys)" if self.in_key else "")


def schema_of(introspection: Json) -> GraphQLSchema:
    """Build the schema of an introspection result."""
    return graphql.build_client_schema(introspection)  # type: ignore[arg-type]  # a TypedDict of the same shape


INTROSPECTION = graphql.get_introspection_query(descriptions=False, input_value_deprecation=True)


def places(schema: GraphQLSchema) -> Iterator[Place]:
    """List every leaf of every argument of every root field."""
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


def _leaves(given: Mapping[str, Any], seen: Path = ()) -> Iterator[tuple[Path, bool]]:
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
    """A path to a field with arguments from `node(id:)`: the type of the node, and the fields below it.

    Below a field that may be of several types a step is a condition, `... on Type`.
    """

    node: str
    steps: Path
    field: GraphQLField

    @property
    def names(self) -> Path:
        return (self.node, *self.steps)


def ways_to_arguments(schema: GraphQLSchema) -> list[Way]:
    """Return the shortest path to each field with arguments that is not a root field."""
    node = schema.get_type("Node")
    assert isinstance(node, graphql.GraphQLInterfaceType)
    waiting: deque[tuple[str, Path, GraphQLObjectType]] = deque(
        (kind.name, (), kind) for kind in schema.get_implementations(node).objects
    )
    seen = {kind.name for _, _, kind in waiting}
    found = []
    while waiting:
        start, steps, kind = waiting.popleft()
        for name, field in kind.fields.items():
            if field.args:
                found.append(Way(start, (*steps, name), field))
            below = get_named_type(field.type)
            needs = any(is_required_argument(argument) for argument in field.args.values())
            for one in [] if needs else _possible(schema, below):
                if one.name not in seen:
                    seen.add(one.name)
                    condition = () if one is below else (f"... on {one.name}",)
                    waiting.append((start, (*steps, name, *condition), one))
    return found


def _possible(schema: GraphQLSchema, kind: Any) -> Sequence[GraphQLObjectType]:
    if isinstance(kind, GraphQLObjectType):
        return [kind]
    return schema.get_possible_types(kind) if graphql.is_abstract_type(kind) else []


def unreached_arguments(schema: GraphQLSchema) -> set[str]:
    """List the fields with arguments that no path leads to: they would never be tested."""
    reached = {id(way.field) for way in ways_to_arguments(schema)}
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    return {
        f"{kind.name}.{name}"
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and kind not in roots and not kind.name.startswith("__")
        for name, field in kind.fields.items()
        if field.args and id(field) not in reached
    }


# -- requests ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    query: str
    variables: Json


def request_for(schema: GraphQLSchema, place: Place, secret: str, known: Known, *, literal: bool) -> Request:
    """Build the operation with `secret` at this place, as a variable or a literal, and valid values elsewhere."""
    field = _field(schema, place)

    def leaf(kind: InputType) -> Any:
        if kind.name != MAP_OF_TEXTS:
            return secret
        return {secret: "note"} if place.in_key else {"note": secret}

    given = _arguments(field.args, place.path, leaf, known, place.field[0])
    declared = {name: field.args[name].type for name in given}
    if literal:
        text = ", ".join(f"{name}: {_literal(value, declared[name])}" for name, value in given.items())
        head, variables = "", {}
    else:
        text = ", ".join(f"{name}: ${name}" for name in given)
        head = "(" + ", ".join(f"${name}: {kind}" for name, kind in declared.items()) + ")" if given else ""
        variables = given
    inner = place.field[-1] + (f"({text}) " if text else " ") + _fitting(schema, field)
    if len(place.field) > 1:
        node, *steps = place.field
        for step in reversed(steps[:-1]):
            inner = f"{step} {{ {inner} }}"
        inner = f'node(id: "{known(node)}") {{ ... on {node} {{ {inner} }} }}'
    return Request(f"{place.root}{head} {{ {inner} }}", variables)


def _field(schema: GraphQLSchema, place: Place) -> GraphQLField:
    if len(place.field) == 1:
        field: GraphQLField = root_type(schema, place.root).fields[place.field[0]]
        return field
    return next(way.field for way in ways_to_arguments(schema) if way.names == place.field)


def _arguments(given: Mapping[str, Any], path: Path, leaf: Leaf, known: Known, above: str) -> Json:
    """Return values for the required arguments, for the known ones, and for the path to the place."""
    values: Json = {}
    for name, argument in given.items():
        dotted = f"{above}.{name}"
        if path and path[0] == name:
            values[name] = _value(argument.type, path[1:], leaf, known, dotted)
            continue
        try:
            values[name] = known(dotted)
        except LookupError:
            if _is_required(argument):
                values[name] = _value(argument.type, (), _plain, known, dotted)
    return values


def _value(given: InputType, path: Path, leaf: Leaf, known: Known, dotted: str) -> Any:
    kind: InputType = get_nullable_type(given)
    if isinstance(kind, GraphQLList):
        return [_value(kind.of_type, path, leaf, known, dotted)]
    if isinstance(kind, GraphQLInputObjectType):
        return _arguments(kind.fields, path, leaf, known, dotted)
    return leaf(kind)


def _plain(kind: InputType) -> Any:
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return {"Boolean": True, "Int": 1, "Float": 1.0, "MinorUnits": 10_000, "CurrencyCode": "USD"}.get(kind.name, "x")


def _is_required(given: GraphQLArgument | GraphQLInputField) -> bool:
    return is_required_argument(given) if isinstance(given, GraphQLArgument) else is_required_input_field(given)


def _literal(value: Any, given: InputType) -> str:
    """Write the value as a literal."""
    kind: InputType = get_nullable_type(given)
    match value:
        case bool():
            return "true" if value else "false"
        case str() if isinstance(kind, GraphQLEnumType) and value in kind.values:
            return value
        case str():
            return graphql.print_ast(graphql.StringValueNode(value=value))
        case list():
            inner = kind.of_type if isinstance(kind, GraphQLList) else None
            return "[" + ", ".join(_literal(item, inner) for item in value) + "]"
        case dict():
            fields = kind.fields if isinstance(kind, GraphQLInputObjectType) else {}
            pairs = (f"{n}: {_literal(v, fields[n].type if n in fields else None)}" for n, v in value.items())
            return "{" + ", ".join(pairs) + "}"
    return str(value)


def _fitting(schema: GraphQLSchema, field: GraphQLField) -> str:
    """Select as much of the answer to a field as one document may."""
    whole = selection(schema, field)
    return whole if len(whole.split()) < MOST_WORDS else selection(schema, field, depth=1)


def selection(schema: GraphQLSchema, field: GraphQLField, depth: int = 2) -> str:
    """Select every leaf that the answer to a field may have, down to a depth."""
    named = get_named_type(field.type)
    if isinstance(named, GraphQLUnionType):
        return "{ __typename }"
    if not isinstance(named, GraphQLObjectType | graphql.GraphQLInterfaceType):
        return ""
    own = _fields(schema, named, depth)
    variants = []
    if isinstance(named, graphql.GraphQLInterfaceType):
        objects = schema.get_implementations(named).objects
        for kind in objects:
            inner = _fields(schema, kind, depth - 1, left_out={*named.fields, *_clashing(objects)})
            variants.append(f"... on {kind.name} {{ __typename {inner} }}")
    return "{ __typename " + " ".join([own, *variants]) + " }"


def _clashing(types: Iterable[GraphQLObjectType]) -> set[str]:
    """List fields with one name and several types, which one document cannot select together."""
    seen: dict[str, set[str]] = defaultdict(set)
    for kind in types:
        for name, field in kind.fields.items():
            seen[name].add(str(field.type))
    return {name for name, found in seen.items() if len(found) > 1}


def _fields(schema: GraphQLSchema, kind: Any, depth: int, left_out: set[str] | None = None) -> str:
    parts = []
    for name, field in kind.fields.items():
        if name in (left_out or ()) or any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if graphql.is_leaf_type(get_named_type(field.type)):
            parts.append(name)
        elif depth > 0:
            parts.append(f"{name} {selection(schema, field, depth - 1)}")
    return " ".join(parts)
