"""One run of a plan: it fills in an answer, and knows the values that were waited for if graphql-core takes over."""

import asyncio
from asyncio import iscoroutine
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any

from graphql import OperationDefinitionNode
from graphql.execution.values import VariableValues
from graphql.pyutils import is_awaitable

from execution.plan import Deferred, Plan
from execution.projection import Projection

Outcomes = Mapping[tuple[str | int, ...], Any]


class Info:
    """The execution as a field's method sees it: it stands in for `strawberry.Info`.

    `projection` says which of its rows the field at the root will be asked for.
    """

    __slots__ = ("arguments", "context", "operation", "projection")

    def __init__(
        self,
        context: object,
        operation: OperationDefinitionNode,
        arguments: Sequence[Mapping[str, Any]],
        projection: Projection | None = None,
    ) -> None:
        self.context = context
        self.operation = operation
        self.arguments = arguments
        self.projection = projection


class PlanRun:
    """One answer as it is filled in. The run keeps the outcomes of awaitables, which may have moved money."""

    def __init__(self, context: object, operation: OperationDefinitionNode) -> None:
        self._context = context
        self._operation = operation
        self.data: dict[str, Any] = {}
        self._later: list[Deferred] = []
        self._waited_for: list[tuple[dict[str, Any], str, Any]] = []

    async def run(self, plan: Plan, variables: VariableValues) -> dict[str, Any]:
        """Return the data of the answer. Raises whatever goes wrong."""
        arguments = [one(variables) for one in plan.arguments]
        info = Info(self._context, self._operation, arguments)
        try:
            for root in plan.roots:
                own = info
                if root.projection is not None:
                    own = Info(self._context, self._operation, arguments, root.projection)
                self.data[root.key] = None
                self._later.append(Deferred(root.start(own, variables), root.complete, self.data, root.key))
        except BaseException:
            self._leave()
            raise
        return await self._rest(info)

    def answer(
        self, plan: Plan, arguments: Sequence[Mapping[str, Any]], event: Any
    ) -> Awaitable[dict[str, Any]] | None:
        """Fill in the answer to an event.

        Returns None when `data` is complete, or an awaitable that completes it. Raises whatever goes wrong.
        """
        info = Info(self._context, self._operation, arguments)
        (root,) = plan.roots
        self.data[root.key] = None
        try:
            self.data[root.key] = root.complete(event, info, self._later)
        except BaseException:
            self._leave()
            raise
        return self._rest(info) if self._later else None

    async def _rest(self, info: Info) -> dict[str, Any]:
        """Wait for deferred values until none is left."""
        later = self._later
        try:
            while later:
                waiting, later = later, []
                values = await _all([one.value for one in waiting])
                self._waited_for += [
                    (one.into, one.key, value)
                    for one, value in zip(waiting, values, strict=True)
                    if iscoroutine(one.value)
                ]
                for one, value in zip(waiting, values, strict=True):
                    if isinstance(value, BaseException):
                        raise value
                    one.into[one.key] = one.complete(value, info, later)
        finally:
            self._later = later
            self._leave()
        return self.data

    def _leave(self) -> None:
        for one in self._later:
            if iscoroutine(one.value):
                one.value.close()  # no one waits for it any more

    def outcomes(self) -> Outcomes:
        """Return the outcome of each awaitable by its path in the answer: a value, or the exception that was raised."""
        paths = dict(_paths(self.data, ())) if self._waited_for else {}
        return {(*paths[id(into)], key): value for into, key, value in self._waited_for}


def _paths(data: Any, path: tuple[str | int, ...]) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """Yield the path of every object in an answer, by its identity."""
    if isinstance(data, dict):
        yield id(data), path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, part in parts:
        yield from _paths(part, (*path, key))


async def _all(values: list[Any]) -> list[Any]:
    """Return the values of awaitables that run at once; an exception is the value of one that failed."""
    if len(values) == 1:
        try:
            return [await values[0] if is_awaitable(values[0]) else values[0]]
        except Exception as error:  # noqa: BLE001 - a value like another: the run raises it
            return [error]
    return await asyncio.gather(*(_value(value) for value in values), return_exceptions=True)


async def _value(value: Any) -> Any:
    return await value if is_awaitable(value) else value
