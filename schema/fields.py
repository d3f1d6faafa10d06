"""How a field is said: its method's docstring is its description, and the request's `Asking` is its context."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import strawberry
from graphql import OperationType

from resolvers.context import Asking

Info = strawberry.Info[Asking, None]
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


def field(method: Method) -> Any:
    """A field with its method's docstring as description."""
    return strawberry.field(description=_said(method))(method)


def field_with(*directives: object) -> Callable[[Method], Any]:
    """A field that also carries schema directives."""

    def wrap(method: Method) -> Any:
        return strawberry.field(description=_said(method), directives=directives)(method)

    return wrap


def subscription(method: Method) -> Any:
    """A subscription with its method's docstring as description."""
    return strawberry.subscription(description=_said(method))(method)


def subscription_with(*directives: object) -> Callable[[Method], Any]:
    """A subscription that also carries schema directives."""

    def wrap(method: Method) -> Any:
        return strawberry.subscription(description=_said(method), directives=directives)(method)

    return wrap


def is_live(info: Info) -> bool:
    """Whether this is an event of a subscription: it may be kept and forwarded, so it shows nothing to act with."""
    return info.operation.operation is OperationType.SUBSCRIPTION


def _said(method: Method) -> str:
    said = inspect.getdoc(method)
    assert said, f"{method.__qualname__} has no docstring to describe it"
    return said
