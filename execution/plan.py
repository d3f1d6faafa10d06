"""Plans: Python that is written for one operation, and fills in its answers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql.execution.values import VariableValues

from execution.field_calls import Arguments
from execution.projection import Projection

# Measured (tests/server/graphql/test_document_cache.py): the functions and their code.
PLAN_BYTES: Final = 6_000
FIELD_BYTES: Final = 150
BYTES_OF_A_CHARACTER: Final = 12

Complete = Callable[[Any, Any, "list[Deferred]"], Any]


class Bailout(Exception):
    """A plan met something that it does not know: graphql-core has to answer."""


class Deferred(NamedTuple):
    """An awaitable value, and the place in the answer for what it completes to."""

    value: Any
    complete: Complete
    into: dict[str, Any]
    key: str


class Root(NamedTuple):
    """A field of the root: `start` returns its value, or an awaitable of it.

    The value of a subscription's field is the event, and `start` is never called.
    """

    key: str
    start: Callable[[Any, VariableValues], Any]
    complete: Complete
    projection: Projection | None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The root's fields in their order, and the arguments below them that differ from request to request.

    `fields` counts them with every fragment written out. `source` is the Python that fills in the answer, kept for
    reading. `is_for_all` says that an event has the same answer for all subscribers: no field is given the context,
    which holds the caller, or an argument by variable.
    """

    roots: tuple[Root, ...]
    arguments: tuple[Arguments, ...]
    fields: int
    source: str
    is_for_all: bool

    @property
    def weight(self) -> int:
        """The bytes that the plan takes, about, beside the document that it was made for."""
        return PLAN_BYTES + FIELD_BYTES * self.fields + BYTES_OF_A_CHARACTER * len(self.source)


def listed(value: Any) -> Iterable[Any]:
    """Return the items of a list."""
    if value.__class__ is not list:
        raise Bailout
    return value


def now(coroutine: Any) -> Any:
    """Return the value of a coroutine that need not wait, because its rows were read before."""
    try:
        future = coroutine.send(None)
    except StopIteration as done:
        return done.value
    future._asyncio_future_blocking = False  # as a task does: another task may wait for the same future
    coroutine.close()
    raise Bailout
