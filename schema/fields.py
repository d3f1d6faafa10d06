"""The ways to write a field: declared, where it shows a column, money, an object or related rows; a method otherwise.

A method's docstring is the field's description; the request's `RequestContext` is its context.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import strawberry
from tortoise.models import Model

from execution import Projection, Relation, declare
from resolvers.context import RequestContext

Info = strawberry.Info[RequestContext, None]
Method = Callable[..., Any]

After = Annotated[
    str | None, strawberry.argument(description="Begin after this cursor, as `endCursor` or an edge gave it.")
]
Before = Annotated[
    str | None, strawberry.argument(description="End before this cursor, as `startCursor` or an edge gave it.")
]
First = Annotated[int | None, strawberry.argument(description="How many from the beginning, 1 to 100.")]
Last = Annotated[
    int | None,
    strawberry.argument(description="How many from the end, 1 to 100, read backwards. Excludes `first`."),
]


def column(type_: Any, description: str, *directives: object, of: str | None = None) -> Any:
    """Show a column of the object's row, or a value computed from columns: the one of the field's name, or `of`."""

    def declaration(name: str) -> declare.Declaration:
        read = of or name
        return declare.Declaration(declare.Attribute(f"row.{read}"), frozenset({read}))

    return declare.field(type_, declaration, description=description, directives=directives)


def attribute(type_: Any, description: str, path: str) -> Any:
    """Show the value at a path of attributes that begins at the object, and not at its row."""
    return _declared(type_, description, declare.Attribute(path))


def called(
    type_: Any, description: str | None, function: Callable[..., Any], *paths: str, reads: Sequence[str] = ()
) -> Any:
    """Show what a function returns for the values at paths, of which these are attributes of the object's row."""
    return _declared(type_, description, declare.Call(function, paths), reads)


def money(type_: Any, description: str, minor: str, currency: str = "currency") -> Any:
    """Show an amount of the object's row: a column of minor units, and the one with its currency.

    A nullable field is null where the minor units are.
    """
    value = declare.Wrapped({"amount": f"row.{minor}", "currency": f"row.{currency}"})
    return _declared(type_, description, value, [minor, currency])


def wrapped(type_: Any, description: str | None, *, passes_through: bool = False, **parts: str) -> Any:
    """Show an object around values: paths, which begin at this object, by the names of the object's attributes.

    A nullable field is null where the first of the values is. `passes_through` says that the object's row is one of the
    rows that this object leads to.
    """
    return _declared(type_, description, declare.Wrapped(parts), passes_through=passes_through)


def each_wrapped(type_: Any, description: str | None, items: str, **parts: str) -> Any:
    """Show an object for each item at a path, around values as above; a path `item` is the item itself."""
    return _declared(type_, description, declare.EachWrapped(items, parts), passes_through=True)


def related(
    type_: Any,
    description: str,
    load: Callable[[RequestContext, Any], Awaitable[Any]],
    *,
    relation: Relation | None = None,
    reads: Sequence[str] = (),
) -> Any:
    """Show rows that are related to the object's row.

    `load` gets them by these attributes of the row; with a relation, where they were not read together with it.
    """
    return _declared(type_, description, declare.RelatedRows(load, relation), reads)


def _declared(
    type_: Any,
    description: str | None,
    value: declare.Value,
    reads: Sequence[str] = (),
    *,
    passes_through: bool = False,
) -> Any:
    declared = declare.Declaration(value, frozenset(reads), passes_through=passes_through)
    return declare.field(type_, declared, description=description)


def field(method: Method) -> Any:
    """Show what a method computes. Of its object's row it may use everything: the whole row is read."""
    return strawberry.field(description=_description(method))(method)


def reading(*attributes: str) -> Callable[[Method], Any]:
    """Show what a method computes from these attributes of its object's row, and from no others."""
    return field_with(reads=attributes)


def field_with(
    *directives: object, reads: Sequence[str] | None = None, relation: Relation | None = None, preloaded: bool = False
) -> Callable[[Method], Any]:
    """Show what a method computes; the field carries schema directives.

    `reads` are the attributes that it uses of its object's row, all without it. `relation` are the rows that it shows,
    which may have been read together with the object's own. `preloaded` says that on an event of a subscription the
    method neither waits nor asks who the caller is.
    """
    declared = declare.Declaration(
        reads=frozenset(reads) if reads is not None else None, relation=relation, is_preloaded=preloaded
    )
    return _computed(declared, directives)


def root_field(table: type[Model], *directives: object) -> Callable[[Method], Any]:
    """Show rows of a table, at the root; the method reads what `projection` says."""
    return _computed(declare.Declaration(table=table), directives)


def projection(info: Info, table: type[Model]) -> Projection:
    """Return what the request reads of the rows of a root field; everything of them where no plan was made."""
    found: Projection | None = getattr(info, "projection", None)
    return found if found is not None else Projection.everything(table)


def subscription(method: Method) -> Any:
    """Stream what a method yields."""
    return strawberry.subscription(description=_description(method))(method)


def subscription_with(*directives: object) -> Callable[[Method], Any]:
    """Stream what a method yields; the subscription carries schema directives."""

    def wrap(method: Method) -> Any:
        return strawberry.subscription(description=_description(method), directives=directives)(method)

    return wrap


def _computed(declared: declare.Declaration, directives: Sequence[object]) -> Callable[[Method], Any]:
    def wrap(method: Method) -> Any:
        made = strawberry.field(description=_description(method), directives=directives, metadata=declared.metadata())
        return made(method)

    return wrap


def _description(method: Method) -> str:
    text = inspect.getdoc(method)
    assert text, f"{method.__qualname__} has no docstring to describe it"
    return text
