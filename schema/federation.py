"""The schema as a subgraph of Apollo Federation 2: two more root fields, and the SDL that composition reads.

The SDL is the schema's own text, with keys for what has an id, shared values, and names for our directives that are
nobody else's. It lacks `node`, `nodes` and `viewer`, which belong to the whole graph. See docs/federation.md.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from operator import itemgetter
from typing import Annotated, Any, Final, NewType, Union

import strawberry
from graphql import (
    DirectiveDefinitionNode,
    DirectiveNode,
    FieldDefinitionNode,
    Location,
    NameNode,
    ObjectTypeDefinitionNode,
    Visitor,
    parse,
    visit,
)
from graphql import Node as SyntaxNode
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.scalar import ScalarDefinition

from domain.errors import DomainError
from domain.ids import Kind
from resolvers import nodes
from schema import QuietSchema, make_schema, print_sdl, schema
from schema.fields import Info
from schema.query import Query, as_node
from schema.scalars import SCALARS
from schema.types.node import Node

# What a graph has once, and Relay schemas have each: fields of Query, and the one type that only they lead to.
OF_THE_GRAPH: Final = frozenset({"node", "nodes", "viewer", "Viewer"})
SHARED: Final = frozenset({"Money", "PageInfo"})  # types that another subgraph may have field by field
FEDERATION: Final = "https://specs.apollo.dev/federation/v2.4"  # the oldest in which a graph has subscriptions
DIRECTIVES: Final = "https://specs.paygraph.example/paygraph/v1.0"  # names ours, and is never visited
PREFIX: Final = "paygraph__"  # of their names in a graph: `@cost` is Federation's own too, from 2.9 on


def _types_with_ids() -> dict[str, type[Node]]:
    found = {}
    for kind in schema._schema.get_possible_types(schema._schema.type_map["Node"]):  # type: ignore[arg-type]
        definition: StrawberryObjectDefinition = kind.extensions["strawberry-definition"]
        found[kind.name] = definition.origin
    return found


TYPES: Final = _types_with_ids()
KINDS: Final[dict[str, Kind]] = {name: of.kind_of_id for name, of in TYPES.items()}

Representation = NewType("Representation", object)
Entity: Any = Annotated[
    Union[tuple(TYPES.values())],  # noqa: UP007 - made of what there is
    strawberry.union("_Entity", description="What has an id: one of the types with a key."),
]
REPRESENTATION: Final[ScalarDefinition] = strawberry.scalar(
    name="_Any",
    description="A reference of the router's: an object with `__typename` and the fields of one of that type's keys.",
    serialize=lambda value: value,
    parse_value=lambda value: value,
)


@strawberry.type(name="_Service", description="This subgraph, as composition reads it.")
class Service:
    """Wraps the SDL."""

    sdl: str = strawberry.field(description="The schema with its keys, in its definition language.")


async def _entities(
    info: Info,
    representations: Annotated[
        list[Representation], strawberry.argument(description="Up to 1,000 references, each at the cost of a row.")
    ],
) -> Any:
    found = await nodes.entities(info.context, representations=representations, kinds=KINDS)
    return [one if isinstance(one, DomainError) else as_node(one) for one in found]


def _service() -> Service:
    return Service(sdl=print_subgraph_sdl())


@strawberry.type(name="Query", description=Query.__strawberry_definition__.description)  # type: ignore[attr-defined]
class SubgraphQuery(Query):
    """The queries, and those of a router."""

    entities = strawberry.field(
        name="_entities",
        resolver=_entities,
        graphql_type=list[Entity | None],
        description="What the router refers to, in its order; null for what does not exist or is not yours.",
    )
    service = strawberry.field(
        name="_service",
        resolver=_service,
        description="This subgraph's schema, for those who may read a schema at all.",
    )


@cache
def subgraph() -> QuietSchema:
    """Return the schema with the fields that a router asks for."""
    return make_schema(SubgraphQuery, {**SCALARS, Representation: REPRESENTATION})


@cache
def print_subgraph_sdl() -> str:
    """Return the SDL that composition reads."""
    text = print_sdl()
    document = parse(text)
    changes = _Changes({one.name.value for one in document.definitions if isinstance(one, DirectiveDefinitionNode)})
    visit(document, changes)
    changes.omit(document.definitions)
    return "".join([_links(sorted(changes.ours)), *changes.applied_to(text)])


def _links(ours: Sequence[str]) -> str:
    """Return what says which words of the SDL are Federation's and which are ours."""
    imports = ", ".join(f'{{name: "@{name}", as: "@{PREFIX}{name}"}}' for name in ours)
    composed = "\n".join(f'  @composeDirective(name: "@{PREFIX}{name}")' for name in ours)
    return f"""\
extend schema
  @link(url: "{FEDERATION}", import: ["@key", "@shareable", "@composeDirective"])
  @link(url: "{DIRECTIVES}", import: [{imports}])
{composed}

"""


class _Changes(Visitor):
    """Collects what differs from the schema's text: places in it, each with the text that belongs there."""

    def __init__(self, ours: set[str]) -> None:
        super().__init__()
        self.ours = ours
        self._found: list[tuple[int, int, str]] = []

    def enter_directive_definition(self, node: DirectiveDefinitionNode, *_: object) -> None:
        self._rename(node.name)

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        if node.name.value in self.ours:
            self._rename(node.name)

    def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: object) -> None:
        name, head = node.name.value, _place([node.name, *(node.interfaces or ())][-1]).end
        self._found += [(head, head, f' @key(fields: "{field}")') for field in _keys(name)]
        if name in SHARED:
            self._found.append((head, head, " @shareable"))
        if name == "Query":
            self.omit(node.fields or ())

    def omit(self, those: Iterable[SyntaxNode]) -> None:
        """Omit what is the graph's own, each to where the next of them begins."""
        for one, following in pairwise(those):
            if isinstance(one, FieldDefinitionNode | ObjectTypeDefinitionNode) and one.name.value in OF_THE_GRAPH:
                self._found.append((_place(one).start, _place(following).start, ""))

    def applied_to(self, text: str) -> Iterator[str]:
        """Yield the pieces of the changed text."""
        done = 0
        for start, end, instead in sorted(self._found, key=itemgetter(0)):
            if start >= done:
                yield text[done:start] + instead
                done = end
        yield text[done:]

    def _rename(self, name: NameNode) -> None:
        start = _place(name).start
        self._found.append((start, start, PREFIX))


def _keys(name: str) -> Iterator[str]:
    if name in KINDS:
        yield "id"
        if KINDS[name] in nodes.NUMBERED:
            yield "externalId"


def _place(node: SyntaxNode) -> Location:
    assert node.loc is not None, "it was parsed with its places"
    return node.loc
