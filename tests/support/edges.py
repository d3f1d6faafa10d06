"""A walk over the schema by introspection: every path from its roots to objects, with the answers of one caller.

An edge is a field that leads to objects, `Payment.order`. A way is a chain of edges from a root to an object with an
id. Each way is a document of its own, which selects all fields of the object at its end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)

from schema import print_sdl
from tests.support.shop import Json

BUILT: Final = build_schema(print_sdl())
FEW: Final = 2  # of each list below the root: a buyer's documents stay within their cost limit
AT_ONCE: Final = 6  # documents
MOST_IDS: Final = 12  # in one document

Sending = Callable[[str, Json], Awaitable[Json]]


class Step(NamedTuple):
    """One edge: the type of object that it leaves, and the field."""

    kind: str
    field: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.field}"


class Way(NamedTuple):
    """The edges to an object with an id, and its type."""

    steps: tuple[Step, ...]
    end: GraphQLObjectType


@dataclass(frozen=True)
class Call:
    """A root field with arguments, which are sent as variables.

    `only` is the type of the returned object; `further` is the number of ways followed from there, one after the other.
    """

    name: str
    arguments: Json = field(default_factory=dict)
    root: str = "Query"
    only: str | None = None
    further: int = 0

    @property
    def definition(self) -> GraphQLField:
        found: GraphQLField = _object(self.root).fields[self.name]
        return found

    def document(self, selection: str) -> str:
        types = {name: self.definition.args[name].type for name in self.arguments}
        given = ", ".join(f"${name}: {kind}" for name, kind in types.items())
        passed = ", ".join(f"{name}: ${name}" for name in types)
        head, arguments = (f"({given})", f"({passed})") if types else ("", "")
        return f"{self.root.lower()} W{head} {{ on: {self.name}{arguments} {{ {selection} }} }}"


@dataclass
class Answered:
    """The answers to one caller: objects by id, the edges that led somewhere, and every value with its place."""

    found: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    edges: set[str] = field(default_factory=set)
    values: dict[tuple[str, str], str] = field(default_factory=dict)  # and one document that selected each
    refusals: set[tuple[str, str]] = field(default_factory=set)
    documents: int = 0

    def take(self, call: Call, answer: Json, document: str) -> list[Json]:
        """Keep all values of an answer; returns the objects at its root."""
        self.documents += 1
        for error in answer.get("errors") or ():
            extensions = error["extensions"]
            assert extensions["code"] in ("FORBIDDEN", "UNAUTHENTICATED"), (error, document)
            self.refusals.add((extensions["code"], extensions["reason"]))
            self.values.setdefault(("errors", error["message"]), document)
        value = (answer.get("data") or {}).get("on")
        if value:
            self.edges.add(f"{call.root}.{call.name}")
        self._keep(value, f"{call.root}.{call.name}", document)
        return _objects(value)

    def _keep(self, value: Any, where: str, document: str) -> None:
        if isinstance(value, list):
            for one in value:
                self._keep(one, where, document)
        elif isinstance(value, dict) and "__typename" in value:
            self._keep_object(value, document)
        elif isinstance(value, dict):  # JSON, metadata
            for name, one in value.items():
                self._keep(name, where, document)
                self._keep(one, where, document)
        elif value is not None:
            self.values.setdefault((where, str(value)), document)

    def _keep_object(self, value: Json, document: str) -> None:
        kind = value["__typename"]
        self.kinds.add(kind)
        if "id" in value:
            self.found[value["id"]] = kind
        for name, inner in value.items():
            if name == "__typename":
                continue
            if inner and not is_leaf_type(get_named_type(_object(kind).fields[name].type)):
                self.edges.add(f"{kind}.{name}")
            self._keep(inner, f"{kind}.{name}", document)

    def leaks(self, secrets: "Secrets", *, but: frozenset[str] = frozenset()) -> dict[tuple[str, str], str]:
        """Find each place of a secret value, outside these fields, with the document that selected it."""
        return {
            place: document for place, document in self.values.items() if place[0] not in but and secrets.tells(*place)
        }


@dataclass(frozen=True)
class Secrets:
    """Values that must not be disclosed.

    Texts wherever they appear, short words where they stand alone, and amounts in minor units.
    """

    texts: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    amounts: frozenset[int] = frozenset()

    def __or__(self, other: "Secrets") -> "Secrets":
        return Secrets(self.texts | other.texts, self.words | other.words, self.amounts | other.amounts)

    def tells(self, where: str, value: str) -> bool:
        if any(text in value for text in self.texts) or not self.words.isdisjoint(value.split()):
            return True
        written = {f"{amount / 100:.2f}" for amount in self.amounts}
        if where in ("Money.decimal", "Money.formatted"):
            return value.lstrip("$").replace(",", "") in written
        return where in MONEY and value in {str(amount) for amount in self.amounts}


MONEY: Final = ("Money.amount", "Discrepancy.local", "Discrepancy.provider", "WebhookEvent.payload")


async def walk(callers: Mapping[str, Sending], calls: Iterable[Call]) -> dict[str, Answered]:
    """Send these calls as each caller, and follow every way from the returned objects."""
    answered = {who: Answered() for who in callers}
    free = asyncio.Semaphore(AT_ONCE)

    async def asked(who: str, call: Call, way: Way, document: str) -> str | None:
        """Return the caller, if they were given an object at the end of this way."""
        async with free:
            answer = await callers[who](document, call.arguments)
        there = _follow(answered[who].take(call, answer, document), way.steps)
        return who if any(one["__typename"] == way.end.name for one in there) else None

    async def along(call: Call, way: Way, further: int, those: Iterable[str]) -> None:
        document = document_of(call, way)  # one document for all callers: the server compiles it once
        reached = [who for who in await asyncio.gather(*(asked(who, call, way, document) for who in those)) if who]
        for more in ways(way.end) if further and reached else ():
            await along(call, Way(way.steps + more.steps, more.end), further - 1, reached)

    for call in calls:
        for way in from_root(call):
            await along(call, way, call.further, callers)
    return answered


def by_id(found: Mapping[str, str]) -> Iterator[Call]:
    """Read each of these objects by its id: all of one type at once, and the first of each type alone."""
    for kind in sorted(set(found.values())):
        ids = [identity for identity, its in found.items() if its == kind]
        yield Call("node", {"id": ids[0]}, only=kind)
        for place in range(0, len(ids), MOST_IDS):
            yield Call("nodes", {"ids": ids[place : place + MOST_IDS]}, only=kind, further=1)


def from_root(call: Call) -> Iterator[Way]:
    """List the ways from a root's field to the nearest objects with an id; the object itself if it has one."""
    for kind in _possible(get_named_type(call.definition.type)):
        if call.only not in (None, kind.name):
            continue
        yield Way((), kind)
        if not is_node(kind):
            yield from ways(kind)


@cache
def ways(kind: GraphQLObjectType) -> Sequence[Way]:
    """List the ways from an object to the nearest objects with an id."""
    found = []
    for name, inner in _edges(kind):
        step = Step(kind.name, name)
        for end in _possible(inner):
            if is_node(end):
                found.append(Way((step,), end))
            else:
                found += [Way((step, *way.steps), way.end) for way in ways(end)]
    return found


@cache
def own(kind: GraphQLObjectType) -> str:
    """Select all fields of an object; of other objects that it leads to, their ids."""
    return " ".join(["__typename", *_fields(kind, frozenset())])


def _fields(kind: GraphQLObjectType, but: frozenset[str]) -> Iterator[str]:
    for name, definition in kind.fields.items():
        inner = get_named_type(definition.type)
        if name in but or _wants_arguments(definition):
            continue
        yield name if is_leaf_type(inner) else f"{_asked(kind.name, name)} {{ {_below(inner)} }}"


def _below(kind: GraphQLNamedType) -> str:
    if kind.name == "Node":
        return "__typename id"
    if not is_abstract_type(kind):
        return "__typename id" if is_node(_object(kind.name)) else own(_object(kind.name))
    shared = frozenset(getattr(kind, "fields", ()))
    first = [name for name in shared if is_leaf_type(get_named_type(_field(kind, name).type))]
    parts = [
        f"... on {one.name} {{ {'id' if is_node(one) else ' '.join(_fields(one, shared)) or '__typename'} }}"
        for one in _possible(kind)
    ]
    return " ".join(["__typename", *sorted(first), *parts])


def document_of(call: Call, way: Way) -> str:
    """Build the document that follows this way, and selects all fields of the object at its end."""
    selection = f"__typename ... on {way.end.name} {{ {own(way.end)} }}"
    for kind, name in reversed(way.steps):
        selection = f"__typename ... on {kind} {{ {_asked(kind, name)} {{ {selection} }} }}"
    return call.document(selection)


def _asked(kind: str, name: str) -> str:
    return f"{name}(first: {FEW})" if "first" in _object(kind).fields[name].args else name


def _follow(objects: list[Json], steps: Sequence[Step]) -> list[Json]:
    for kind, name in steps:
        objects = [found for one in objects if one["__typename"] == kind for found in _objects(one.get(name))]
    return objects


def _objects(value: Any) -> list[Json]:
    some = value if isinstance(value, list) else [value]
    return [one for one in some if isinstance(one, dict)]


def _edges(kind: GraphQLObjectType) -> Iterator[tuple[str, GraphQLNamedType]]:
    for name, definition in kind.fields.items():
        inner = get_named_type(definition.type)
        if not is_leaf_type(inner) and not _wants_arguments(definition):
            yield name, inner


def all_edges(*roots: str) -> tuple[set[str], set[str]]:
    """Return every edge that can be reached from these types, and the edges that need an argument below the root."""
    kinds, waiting = set[str](), list(roots)
    edges, wanting = set[str](), set[str]()
    while waiting:
        kind = waiting.pop()
        if kind in kinds:
            continue
        kinds.add(kind)
        for name, definition in _object(kind).fields.items():
            inner = get_named_type(definition.type)
            if is_leaf_type(inner):
                continue
            edges.add(f"{kind}.{name}")
            if kind not in roots and _wants_arguments(definition):
                wanting.add(f"{kind}.{name}")
            waiting += [one.name for one in _possible(inner)]
    return edges, wanting


def is_node(kind: GraphQLObjectType) -> bool:
    return BUILT.type_map["Node"] in kind.interfaces


def _wants_arguments(definition: GraphQLField) -> bool:
    return any(map(is_required_argument, definition.args.values()))


def _possible(kind: GraphQLNamedType) -> Sequence[GraphQLObjectType]:
    return BUILT.get_possible_types(kind) if is_abstract_type(kind) else [_object(kind.name)]


def _object(name: str) -> GraphQLObjectType:
    kind = BUILT.type_map[name]
    assert isinstance(kind, GraphQLObjectType), name
    return kind


def _field(kind: GraphQLNamedType, name: str) -> GraphQLField:
    found: GraphQLField = kind.fields[name]  # type: ignore[attr-defined]  # an interface
    return found
