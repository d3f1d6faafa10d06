"""Running an operation: by its plan, and by graphql-core when there is none or things do not go as planned."""

import asyncio
from asyncio import iscoroutine
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, OperationType, execute
from graphql.execution.values import VariableValues, get_variable_values
from graphql.pyutils import is_awaitable
from strawberry.execution import optimized_is_awaitable
from strawberry.schema import Schema

from execution.fields import NotPlanned
from execution.inputs import Inputs
from execution.plan import Later, Plan, compile_plan, shaping
from resolvers.wanted import Wanted

PLANS_KEPT: Final = 16  # of one operation, for different values of the variables that shape it
FIELDS_KEPT: Final = 10_000  # in all plans together: a field weighs 3.6 KB, and fragments make many of a short text


class Info:
    """What a field's method may ask of its execution; it stands in for `strawberry.Info`."""

    __slots__ = ("arguments", "context", "operation", "wanted")

    def __init__(
        self,
        context: object,
        operation: OperationDefinitionNode,
        arguments: list[dict[str, Any]],
        wanted: Wanted | None = None,
    ) -> None:
        self.context = context
        self.operation = operation
        self.arguments = arguments
        self.wanted = wanted


@dataclass(slots=True)
class PlannedOperation:
    """One operation of a document with its plans, which are kept for as long as it is."""

    document: DocumentNode
    operation: OperationDefinitionNode
    shaped_by: tuple[str, ...]
    plans: dict[tuple[object, ...], Plan | None] = field(default_factory=dict)


class Execution:
    """Runs the operations of one schema. `planned` False leaves everything to graphql-core.

    `fallbacks` counts the requests that had a plan and went astray; each is answered all the same.
    """

    def __init__(self, schema: Schema, *, planned: bool = True, coercion_errors: int = 5) -> None:
        self._schema = schema
        self._inputs = Inputs(schema)
        self._planned = planned
        self._coercion_errors = coercion_errors
        self._kept: OrderedDict[tuple[int, tuple[object, ...]], tuple[PlannedOperation, int]] = OrderedDict()
        self._fields_kept = 0
        self.fallbacks = 0

    def prepare(self, document: DocumentNode, operation: OperationDefinitionNode) -> PlannedOperation:
        """An operation of a valid document, to be run many times."""
        return PlannedOperation(document, operation, shaping(operation))

    def warm(self, prepared: PlannedOperation) -> None:
        """Make the plan that the operation has when its variables are left out, where they may be."""
        given = self._variables(prepared, {})
        if isinstance(given, VariableValues):
            self._plan(prepared, given)

    async def run(
        self, prepared: PlannedOperation, variables: Mapping[str, Any], context: object, extensions: Mapping[str, Any]
    ) -> ExecutionResult:
        """The answer of a query or mutation, with its errors."""
        filling = Filling(context, prepared.operation)
        given = self._variables(prepared, variables) if self._planned else None
        plan = self._plan(prepared, given) if isinstance(given, VariableValues) else None
        if plan is not None and isinstance(given, VariableValues):
            try:
                return ExecutionResult(await filling.run(plan, given), None)
            except Exception:  # noqa: BLE001 - graphql-core meets the same again, and says what it is
                self.fallbacks += 1
        return await self._by_graphql_core(prepared, variables, context, extensions, filling.outcomes())

    def _variables(self, prepared: PlannedOperation, variables: Mapping[str, Any]) -> VariableValues | list[Any]:
        definitions = prepared.operation.variable_definitions or ()
        return get_variable_values(self._schema._schema, definitions, dict(variables), max_errors=1)

    def _plan(self, prepared: PlannedOperation, given: VariableValues) -> Plan | None:
        """The plan for these variables, or None when graphql-core has to do it."""
        key = tuple(given.coerced.get(name) for name in prepared.shaped_by)
        plans = prepared.plans
        if key in plans:
            plan = plans[key]
            if plan is not None:
                self._kept.move_to_end((id(prepared), key))
            return plan
        if len(plans) >= PLANS_KEPT or prepared.operation.operation is OperationType.SUBSCRIPTION:
            return None
        try:
            plan = compile_plan(self._schema, self._inputs, prepared.document, prepared.operation, given)
        except NotPlanned:
            plans[key] = None
            return None
        plans[key] = plan
        self._keep(prepared, key, plan)
        return plan

    def _keep(self, prepared: PlannedOperation, key: tuple[object, ...], plan: Plan) -> None:
        """Bound what all plans weigh; the one that was used longest ago is made anew when it is wanted again."""
        self._kept[id(prepared), key] = prepared, plan.fields
        self._fields_kept += plan.fields
        while self._fields_kept > FIELDS_KEPT and len(self._kept) > 1:
            (_, old), (owner, fields) = self._kept.popitem(last=False)
            del owner.plans[old]
            self._fields_kept -= fields

    async def _by_graphql_core(
        self,
        prepared: PlannedOperation,
        variables: Mapping[str, Any],
        context: object,
        extensions: Mapping[str, Any],
        outcomes: Mapping[tuple[str | int, ...], Any],
    ) -> ExecutionResult:
        """The same by graphql-core, with what some fields have given or raised already."""

        def known(next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
            path = tuple(info.path.as_list())
            if path not in outcomes:
                return next_(source, info, **arguments)
            return _again(outcomes[path])

        operation = prepared.operation
        result = execute(
            self._schema._schema,
            prepared.document,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name.value if operation.name else None,
            middleware=[known] if outcomes else None,
            max_coercion_errors=self._coercion_errors,
            executor_class=self._schema.execution_context_class,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # its hint is bool
            hide_suggestions=True,
            operation_extensions=dict(extensions),
        )
        return result if isinstance(result, ExecutionResult) else await result


class Filling:
    """One answer on its way, by a plan. It remembers what it has waited for: that may have called Stripe."""

    def __init__(self, context: object, operation: OperationDefinitionNode) -> None:
        self._context = context
        self._operation = operation
        self._data: dict[str, Any] = {}
        self._waited_for: list[tuple[dict[str, Any], str, Any]] = []

    async def run(self, plan: Plan, variables: VariableValues) -> dict[str, Any]:
        """The data of the answer. Raises whatever goes wrong."""
        arguments = [one(variables) for one in plan.arguments]
        info = Info(self._context, self._operation, arguments)
        later: list[Later] = []
        try:
            for root in plan.roots:
                own = info if root.wanted is None else Info(self._context, self._operation, arguments, root.wanted)
                self._data[root.key] = None
                later.append(Later(root.start(own, variables), root.complete, self._data, root.key))
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
            for one in later:
                if iscoroutine(one.value):
                    one.value.close()  # nobody waits for it any more
        return self._data

    def outcomes(self) -> dict[tuple[str | int, ...], Any]:
        """What was waited for, by its path in the answer: a value, or the exception that was raised."""
        paths = dict(_paths(self._data, ())) if self._waited_for else {}
        return {(*paths[id(into)], key): value for into, key, value in self._waited_for}


def _paths(data: Any, path: tuple[str | int, ...]) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """The place of every object in an answer, by its identity."""
    if isinstance(data, dict):
        yield id(data), path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, part in parts:
        yield from _paths(part, (*path, key))


async def _again(outcome: Any) -> Any:
    """What was waited for, as something to wait for: graphql-core keeps the errors that come first."""
    await asyncio.sleep(0)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


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
