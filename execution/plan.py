"""A plan: Python that is written for one document, and fills in an answer without asking the document again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql.execution.values import VariableValues

from execution.field_calls import Arguments
from resolvers.reading.projection import Projection

# Measured (tests/server/graphql/test_document_cache.py): the functions and their code.
PLAN_BYTES: Final = 6_000
FIELD_BYTES: Final = 150
BYTES_OF_A_CHARACTER: Final = 12

Complete = Callable[[Any, Any, "list[Deferred]"], Any]


class Bailout(Exception):
    """Something came that the plan does not know: graphql-core has to say what it means."""


class Deferred(NamedTuple):
    """A value that has to be waited for, and the place for what becomes of it."""

    value: Any
    complete: Complete
    into: dict[str, Any]
    key: str


class Root(NamedTuple):
    """A field of the root: `start` gives its value or an awaitable of it. That of a subscription is told its value."""

    key: str
    start: Callable[[Any, VariableValues], Any]
    complete: Complete
    wanted: Projection | None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The root's fields in their order, and the arguments below them that each request has its own of.

    `fields` is how many there are with every fragment written out. `source` is the Python that fills in the answer,
    for whoever wants to look at it. `is_for_all` says that an event has one answer for whoever is told of it: none of
    the fields is given the context, where the caller is, or an argument by variable.
    """

    roots: tuple[Root, ...]
    arguments: tuple[Arguments, ...]
    fields: int
    source: str
    is_for_all: bool

    @property
    def weight(self) -> int:
        """About how many bytes it takes, beside the document that it was made for."""
        return PLAN_BYTES + FIELD_BYTES * self.fields + BYTES_OF_A_CHARACTER * len(self.source)


def listed(value: Any) -> Iterable[Any]:
    """The items of a list."""
    if value.__class__ is not list:
        raise Bailout
    return value


def now(coroutine: Any) -> Any:
    """The value of a coroutine that need not wait, because what it reads was read before."""
    try:
        future = coroutine.send(None)
    except StopIteration as done:
        return done.value
    future._asyncio_future_blocking = False  # as a task does with what it is given: somebody else may wait for it
    coroutine.close()
    raise Bailout
