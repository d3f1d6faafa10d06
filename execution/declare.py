"""Declarations: what a field shows, as data. Plans are made of them; no source code is read.

A path such as `row.status` begins at an attribute of the object that the field stands on. In `EachWrapped` a path that
begins with `item` begins at one of the items instead.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from strawberry.annotation import StrawberryAnnotation
from strawberry.types.base import StrawberryContainer, StrawberryOptional, has_object_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from execution.projection import Relation

DECLARATION: Final = "declaration"  # the key in a field's metadata
ITEM: Final = "item"

Parts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value at a path."""

    path: str

    def evaluate(self, source: Any, info: Any, shown: "DeclaredField") -> Any:
        return attrgetter(self.path)(source)


@dataclass(frozen=True, slots=True)
class Call:
    """The value that a function returns for the values at these paths."""

    function: Callable[..., Any]
    paths: tuple[str, ...]

    def evaluate(self, source: Any, info: Any, shown: "DeclaredField") -> Any:
        return self.function(*(attrgetter(path)(source) for path in self.paths))


@dataclass(frozen=True, slots=True)
class Wrapped:
    """An object of the field's type around values: paths by the names of its attributes.

    It is null where the value of its first part is, if the field may be null.
    """

    parts: Parts

    def evaluate(self, source: Any, info: Any, shown: "DeclaredField") -> Any:
        values = {name: attrgetter(path)(source) for name, path in self.parts.items()}
        first = next(iter(values.values()))
        return shown.object_class(**values) if first is not None or not shown.is_nullable else None


@dataclass(frozen=True, slots=True)
class EachWrapped:
    """A list with an object of the field's type for each item at a path."""

    items: str
    parts: Parts

    def evaluate(self, source: Any, info: Any, shown: "DeclaredField") -> Any:
        made = shown.object_class
        return [
            made(**{name: _of_item(item, path, source) for name, path in self.parts.items()})
            for item in attrgetter(self.items)(source)
        ]


@dataclass(frozen=True, slots=True)
class RelatedRows:
    """Related rows, each as an object of the field's type that has it as its attribute `row`.

    `load(context, row)` gets a list of rows, or one row or None, where they were not read together with the object's
    own row as the relation says. Without a relation they never are.
    """

    load: Callable[[Any, Any], Awaitable[Any]]
    relation: Relation | None = None

    async def evaluate(self, source: Any, info: Any, shown: "DeclaredField") -> Any:
        found = await self.load(info.context, source.row)
        if isinstance(found, list):
            return [shown.object_class(row=row) for row in found]
        return shown.object_class(row=found) if found is not None else None


Value = Attribute | Call | Wrapped | EachWrapped | RelatedRows


@dataclass(frozen=True, slots=True)
class Declaration:
    """The declaration of a field: everything that a plan may know of it.

    `value` None is computed by the field's method. `reads` are the attributes that it uses of the object's `row`; None
    stands for the whole row. `table` says, at the root, which rows the method reads by the projection that it is given.
    `relation` says which rows a method shows. `passes_through` says that the field leads to objects of the same rows.
    `is_preloaded` says that the method does not wait, nor ask who the caller is, on an event of a subscription.
    """

    value: Value | None = None
    reads: frozenset[str] | None = None
    table: type[Any] | None = None
    relation: Relation | None = None
    passes_through: bool = False
    is_preloaded: bool = False

    def metadata(self) -> dict[str, Any]:
        """Return the metadata of the Strawberry field that is declared so."""
        return {DECLARATION: self}


UNDECLARED: Final = Declaration()


class DeclaredField(StrawberryField):
    """A field without a method: its value is declared. graphql-core evaluates the declaration."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.init = self.compare = self.repr = False  # nothing that an object is made of

    def __set_name__(self, owner: type[Any], name: str) -> None:
        """Let a declaration that goes by the field's name know it."""
        super().__set_name__(owner, name)
        declared = self.metadata[DECLARATION]
        if callable(declared):
            self.metadata = MappingProxyType({**self.metadata, DECLARATION: declared(name)})

    @property
    def is_basic_field(self) -> bool:
        return not isinstance(self.declaration.value, RelatedRows)  # which needs the request's context

    def get_result(self, source: Any, info: Any, args: Sequence[Any], kwargs: Any) -> Any:
        assert self.declaration.value is not None
        return self.declaration.value.evaluate(source, info, self)

    @property
    def declaration(self) -> Declaration:
        return declaration_of(self)

    @cached_property
    def object_class(self) -> type[Any]:
        """The class of the objects that the field shows."""
        found: Any = self.type
        while isinstance(found, StrawberryContainer | LazyType):
            found = found.of_type if isinstance(found, StrawberryContainer) else found.resolve_type()
        return plain_class(found)

    @cached_property
    def is_nullable(self) -> bool:
        return isinstance(self.type, StrawberryOptional)


def field(
    type_: Any,
    declared: Declaration | Callable[[str], Declaration],
    *,
    description: str | None = None,
    directives: Sequence[object] = (),
) -> Any:
    """Make a field of a type whose value is declared; a declaration may depend on the field's name."""
    return DeclaredField(
        type_annotation=StrawberryAnnotation.from_annotation(type_),
        description=description,
        directives=directives,
        metadata={DECLARATION: declared},
    )


def declaration_of(declared: StrawberryField) -> Declaration:
    """Return what is declared of a field; of most, nothing."""
    metadata: Mapping[Any, Any] = declared.metadata or {}
    found: Declaration = metadata.get(DECLARATION, UNDECLARED)
    return found


def plain_class(found: type[Any]) -> type[Any]:
    """Return the class that objects of a type have: for one made of a generic type, the generic one."""
    assert has_object_definition(found), "a declared field shows objects of the schema"
    definition = found.__strawberry_definition__
    return definition.concrete_of.origin if definition.concrete_of is not None else definition.origin


def _of_item(item: Any, path: str, source: Any) -> Any:
    if path == ITEM:
        return item
    return attrgetter(path.removeprefix(f"{ITEM}."))(item) if path.startswith(f"{ITEM}.") else attrgetter(path)(source)
