"""Filling in one answer by a plan, and what graphql-core has to know of it when it takes over."""

import asyncio
from asyncio import iscoroutine
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any

from graphql import OperationDefinitionNode
from graphql.execution.values import VariableValues
from graphql.pyutils import is_awaitable

from execution.plan import Deferred, Plan
from resolvers.reading.projection import Projection

Outcomes = Mapping[tuple[str | int, ...], Any]


class Info:
    """What a field's method may ask of its execution; it stands in for `strawberry.Info`."""

    __slots__ = ("arguments", "context", "operation", "wanted")

    def __init__(
        self,
        context: object,
        operation: OperationDefinitionNode,
        arguments: Sequence[Mapping[str, Any]],
        wanted: Projection | None = None,
    ) -> None:
        self.context = context
        self.operation = operation
        self.arguments = arguments
        self.wanted = wanted


class PlanRun:
    """One answer on its way, by a plan. It remembers what it has waited for: that may have called Stripe."""

    def __init__(self, context: object, operation: OperationDefinitionNode) -> None:
        self._context = context
        self._operation = operation
        self.data: dict[str, Any] = {}
        self._later: list[Deferred] = []
        self._waited_for: list[tuple[dict[str, Any], str, Any]] = []

    async def run(self, plan: Plan, variables: VariableValues) -> dict[str, Any]:
        """The data of the answer. Raises whatever goes wrong."""
        arguments = [one(variables) for one in plan.arguments]
        info = Info(self._context, self._operation, arguments)
        try:
            for root in plan.roots:
                own = info if root.wanted is None else Info(self._context, self._operation, arguments, root.wanted)
                self.data[root.key] = None
                self._later.append(Deferred(root.start(own, variables), root.complete, self.data, root.key))
        except BaseException:
            self._leave()
            raise
        return await self._rest(info)

    def tell(self, plan: Plan, arguments: Sequence[Mapping[str, Any]], event: Any) -> Awaitable[dict[str, Any]] | None:
        """Fill in the answer to an event: None when `data` is all of it, or what gives all when it has been waited for.

        Raises whatever goes wrong.
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
        """Wait for what has to be waited for, until nothing is left."""
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
                one.value.close()  # nobody waits for it any more

    def outcomes(self) -> Outcomes:
        """What was waited for, by its path in the answer: a value, or the exception that was raised."""
        paths = dict(_paths(self.data, ())) if self._waited_for else {}
        return {(*paths[id(into)], key): value for into, key, value in self._waited_for}


def _paths(data: Any, path: tuple[str | int, ...]) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """The place of every object in an answer, by its identity."""
    if isinstance(data, dict):
        yield id(data), path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, part in parts:
        yield from _paths(part, (*path, key))


async def _all(values: list[Any]) -> list[Any]:
    """The values of awaitables that run at once, an exception being the value of one that failed."""
    if len(values) == 1:
        try:
            return [await values[0] if is_awaitable(values[0]) else values[0]]
        except Exception as error:  # noqa: BLE001 - a value like another: whoever asked raises it
            return [error]
    return await asyncio.gather(*(_value(value) for value in values), return_exceptions=True)


async def _value(value: Any) -> Any:
    return await value if is_awaitable(value) else value
