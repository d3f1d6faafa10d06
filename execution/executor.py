"""Operations are run by their plans, and by graphql-core where there is no plan or a plan cannot go on."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLError,
    MiddlewareManager,
    OperationDefinitionNode,
    execute,
    execute_subscription_event,
)
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.execution import optimized_is_awaitable
from strawberry.schema import Schema

from execution.field_calls import Unplannable
from execution.input_conversion import Inputs
from execution.plan import Plan
from execution.plan_run import Outcomes, PlanRun
from execution.plan_variables import shaping
from execution.planner import Planner

PLANS_KEPT: Final = 16  # of one operation, for different values of the variables that shape it


@dataclass(slots=True)
class CompiledOperation:
    """One operation of a document, with the plans that were made of it.

    `on_growth` is called with the bytes of each new plan: the cache that keeps the operation bounds them.
    """

    document: DocumentNode
    operation: OperationDefinitionNode
    shaped_by: tuple[str, ...]
    plans: dict[tuple[object, ...], Plan | None] = field(default_factory=dict)
    on_growth: Callable[[int], None] | None = None


class Execution:
    """Runs the operations of one schema. `planned` False leaves everything to graphql-core.

    `fallbacks` counts the answers that a plan began and graphql-core had to give, as it has to for every error in an
    answer; `on_fallback` is called with the error. `unplanned` counts the plans that could not be made because of a bug
    of ours; `report` is called with the error. Both kinds of request are answered all the same.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        planned: bool = True,
        coercion_errors: int = 5,
        report: Callable[[Exception], None] | None = None,
        on_fallback: Callable[[Exception], None] | None = None,
    ) -> None:
        self._schema = schema
        self._inputs = Inputs(schema)
        self._planned = planned
        self._report = report
        self._on_fallback = on_fallback
        self._coercion_errors = coercion_errors
        self.fallbacks = 0
        self.unplanned = 0

    def prepare(self, document: DocumentNode, operation: OperationDefinitionNode) -> CompiledOperation:
        """Return an operation of a valid document, to be run many times."""
        return CompiledOperation(document, operation, shaping(document, operation))

    def warm(self, prepared: CompiledOperation) -> None:
        """Make the plan that the operation has when its variables are left out, where they may be."""
        given = self._variables(prepared, {})
        if isinstance(given, VariableValues):
            self._plan(prepared, given)

    async def run(
        self, prepared: CompiledOperation, variables: Mapping[str, Any], context: object, extensions: Mapping[str, Any]
    ) -> ExecutionResult:
        """Return the answer of a query or mutation, with its errors."""
        run = PlanRun(context, prepared.operation)
        given = self._variables(prepared, variables) if self._planned else None
        plan = self._plan(prepared, given) if isinstance(given, VariableValues) else None
        if plan is not None and isinstance(given, VariableValues):
            try:
                return ExecutionResult(await run.run(plan, given), None)
            except Exception as error:  # noqa: BLE001 - graphql-core meets the same again, and says what it is
                self.fall_back(error)
        return await self._by_graphql_core(prepared, variables, context, extensions, run.outcomes())

    def begin(
        self, prepared: CompiledOperation, variables: Mapping[str, Any], context: object, extensions: Mapping[str, Any]
    ) -> Executor[Any] | list[GraphQLError]:
        """Return the executor that makes a subscription's stream of events, or the errors in its variables."""
        operation = prepared.operation
        return self._schema.execution_context_class.build(
            self._schema._schema,
            prepared.document,
            context_value=context,
            raw_variable_values=dict(variables),
            operation_name=operation.name.value if operation.name else None,
            max_coercion_errors=self._coercion_errors,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # its hint is bool
            hide_suggestions=True,
            operation_extensions=dict(extensions),
        )

    def events(
        self,
        prepared: CompiledOperation,
        variables: Mapping[str, Any],
        extensions: Mapping[str, Any],
        executor: Executor[Any],
    ) -> "Events":
        """Return the answerer of the events of a subscription that `executor` has begun."""
        return Events(self, prepared, partial(self.begin, prepared, variables, None, extensions), executor)

    def plan_of(self, prepared: CompiledOperation, given: VariableValues) -> Plan | None:
        """Return the plan of an operation for these variables, or None where graphql-core has to run it."""
        return self._plan(prepared, given) if self._planned else None

    def fall_back(self, error: Exception) -> None:
        """Count an answer that its plan could not give."""
        self.fallbacks += 1
        if self._on_fallback is not None:
            self._on_fallback(error)

    def _variables(self, prepared: CompiledOperation, variables: Mapping[str, Any]) -> VariableValues | list[Any]:
        definitions = prepared.operation.variable_definitions or ()
        return get_variable_values(self._schema._schema, definitions, dict(variables), max_errors=1)

    def _plan(self, prepared: CompiledOperation, given: VariableValues) -> Plan | None:
        """Return the plan for these variables, made at its first use; None as above."""
        key = tuple(given.coerced.get(name) for name in prepared.shaped_by)
        plans = prepared.plans
        if key in plans:
            return plans[key]
        if len(plans) >= PLANS_KEPT:
            return None
        try:
            plan = Planner(
                self._schema, self._inputs, prepared.document, prepared.operation, given, prepared.shaped_by
            ).plan()
        except Unplannable:
            plans[key] = None
            return None
        except Exception as error:  # noqa: BLE001 - a bug must be seen, but not by a payer
            if self._report is not None:
                self._report(error)
            self.unplanned += 1
            plans[key] = None
            return None
        plans[key] = plan
        if prepared.on_growth is not None:
            prepared.on_growth(plan.weight)
        return plan

    async def _by_graphql_core(
        self,
        prepared: CompiledOperation,
        variables: Mapping[str, Any],
        context: object,
        extensions: Mapping[str, Any],
        outcomes: Outcomes,
    ) -> ExecutionResult:
        """Return the answer by graphql-core, with the outcomes that some fields have had already."""
        operation = prepared.operation
        result = execute(
            self._schema._schema,
            prepared.document,
            context_value=context,
            variable_values=dict(variables),
            operation_name=operation.name.value if operation.name else None,
            middleware=[_knowing(outcomes)] if outcomes else None,
            max_coercion_errors=self._coercion_errors,
            executor_class=self._schema.execution_context_class,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # its hint is bool
            hide_suggestions=True,
            operation_extensions=dict(extensions),
        )
        return result if isinstance(result, ExecutionResult) else await result


class Events:
    """Answers the events of one subscription, each by itself and with a context of its own."""

    def __init__(
        self,
        execution: Execution,
        prepared: CompiledOperation,
        begin_again: Callable[[], Executor[Any] | list[GraphQLError]],
        executor: Executor[Any],
    ) -> None:
        self._execution = execution
        self._prepared = prepared
        self._begin_again = begin_again
        self._given = executor.variable_values
        self._arguments: list[Mapping[str, Any]] | None = None
        # One weighs 4 KB, and all but a few subscribers never need theirs again.
        self._executor = executor if self._plan() is None else None

    def shared_key(self, event: Any) -> Hashable:
        """Return the key of the event's answer, if all subscribers with this plan get the same one; None otherwise.

        An event that many subscribers are given says so by an attribute `shared_key`.
        """
        plan = self._plan()
        key = getattr(event, "shared_key", None) if plan is not None and plan.is_for_all else None
        return None if key is None else (plan, key)

    def answer(self, event: Any, context: object) -> ExecutionResult | Awaitable[ExecutionResult]:
        """Return the answer to an event with its errors, or an awaitable of it where a field has to wait."""
        plan = self._plan()
        if plan is None:
            return self._by_graphql_core(event, context, {})
        run = PlanRun(context, self._prepared.operation)
        try:
            if self._arguments is None:  # those below the root are the same for all events
                self._arguments = [one(self._given) for one in plan.arguments]
            rest = run.answer(plan, self._arguments, event)
        except Exception as error:  # noqa: BLE001 - graphql-core meets the same again, and says what it is
            self._execution.fall_back(error)
            return self._by_graphql_core(event, context, {})
        return ExecutionResult(run.data, None) if rest is None else self._completed(run, rest, event, context)

    def _plan(self) -> Plan | None:
        """Look the plan up for each event: plans are bounded, and subscriptions do not keep them."""
        return self._execution.plan_of(self._prepared, self._given)

    async def _completed(self, run: PlanRun, rest: Awaitable[Any], event: Any, context: object) -> ExecutionResult:
        try:
            return ExecutionResult(await rest, None)
        except Exception as error:  # noqa: BLE001 - as above
            self._execution.fall_back(error)
        result = self._by_graphql_core(event, context, run.outcomes())
        return result if isinstance(result, ExecutionResult) else await result

    def _by_graphql_core(
        self, event: Any, context: object, outcomes: Outcomes
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        begun = self._executor or self._begin_again()
        assert not isinstance(begun, list), "the variables were accepted when it began"
        executor = begun.build_per_event_executor(event)
        executor.context_value = context
        executor._relevant_sub_fields = {}  # graphql-core 3.3.2 keeps one for all events, and adds to it with each
        if outcomes:
            executor.middleware_manager = MiddlewareManager(_knowing(outcomes))
        return execute_subscription_event(executor)


def _knowing(outcomes: Outcomes) -> Callable[..., Any]:
    """Return the middleware that gives fields the outcomes that they have had already."""

    def known(next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        path = tuple(info.path.as_list())
        return _again(outcomes[path]) if path in outcomes else next_(source, info, **arguments)

    return known


async def _again(outcome: Any) -> Any:
    """Return or raise an outcome, after a turn: graphql-core keeps the errors that come first."""
    await asyncio.sleep(0)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
