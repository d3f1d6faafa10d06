"""How a field is said: its method's docstring is its description, and the request's `RequestContext` is its context."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

import strawberry
from tortoise.models import Model

from resolvers.context import RequestContext
from resolvers.reading.projection import Projection, Relation

Info = strawberry.Info[RequestContext, None]
Method = Callable[..., Any]

# What a plan (`execution`) has to know of a field to read all rows of a request by one statement.
LOOKS_AHEAD: Final = "looks ahead"  # at the root: the table of the rows that it reads by what will be asked of them
READ_WITH: Final = "read with"  # the relation that gives the field's rows
SHOWN_BY: Final = "shown by"  # what makes the field's value of those rows, where they were read
THROUGH: Final = "through"  # the same rows, one level further down
AT_HAND: Final = "at hand"  # of an event that is followed: its value came with it, the same for whoever is told

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


def field(method: Method) -> Any:
    """A field with its method's docstring as description."""
    return strawberry.field(description=_said(method))(method)


def field_with(*directives: object) -> Callable[[Method], Any]:
    """A field that also carries schema directives."""

    def wrap(method: Method) -> Any:
        return strawberry.field(description=_said(method), directives=directives)(method)

    return wrap


def looking_ahead(table: type[Model], *directives: object) -> Callable[[Method], Any]:
    """A field of the root that reads rows of a table with what the request asks of them; see `wanted`."""
    return _noted({LOOKS_AHEAD: table}, directives)


def read_with(relation: Relation) -> Callable[[Method], Any]:
    """A field whose rows may have been read together with the row that it stands on."""
    return _noted({READ_WITH: relation})


def shown_with(
    relation: Relation, read: Callable[[RequestContext, Any], Awaitable[Any]]
) -> Callable[[Callable[[Any, Any], Any]], Any]:
    """The same for a method that is given the row or rows; `read` gets them where they were not read with their own."""

    def wrap(method: Callable[[Any, Any], Any]) -> Any:
        async def shown(self: Any, info: Info) -> Any:
            return method(self, await read(info.context, self.row))

        shown.__annotations__ = {"info": Info, "return": method.__annotations__["return"]}
        shown.__module__, shown.__doc__ = method.__module__, method.__doc__
        shown.__name__, shown.__qualname__ = method.__name__, method.__qualname__
        return _noted({READ_WITH: relation, SHOWN_BY: method})(shown)

    return wrap


def wanted(info: Info) -> Projection | None:
    """What the request asks of the rows of this field; None when nobody looked, and whole rows are to be read."""
    return getattr(info, "wanted", None)


def through(method: Method) -> Any:
    """A field that leads to the same rows as the object that it stands on."""
    return _noted({THROUGH: True})(method)


def at_hand(method: Method) -> Any:
    """A field whose row has come with the object that it stands on, where that is the event of a subscription.

    It does not wait then, nor ask who the caller is.
    """
    return _noted({AT_HAND: True})(method)


def _noted(metadata: dict[str, Any], directives: Sequence[object] = ()) -> Callable[[Method], Any]:
    def wrap(method: Method) -> Any:
        return strawberry.field(description=_said(method), directives=directives, metadata=metadata)(method)

    return wrap


def subscription(method: Method) -> Any:
    """A subscription with its method's docstring as description."""
    return strawberry.subscription(description=_said(method))(method)


def subscription_with(*directives: object) -> Callable[[Method], Any]:
    """A subscription that also carries schema directives."""

    def wrap(method: Method) -> Any:
        return strawberry.subscription(description=_said(method), directives=directives)(method)

    return wrap


def _said(method: Method) -> str:
    said = inspect.getdoc(method)
    assert said, f"{method.__qualname__} has no docstring to describe it"
    return said
