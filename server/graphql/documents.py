"""The path from query text to an executable operation: scan, parse, measure, validate, cache."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from graphql import (
    DocumentNode,
    FloatValueNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from domain.caller import Caller
from domain.cards import contains_card_number, id_holds_card_number
from domain.sensitive import is_sensitive_even_as_id
from execution import CompiledOperation, Execution
from server.graphql.anonymous_requests import AnonymousAccess
from server.graphql.cost_breakdown import where_it_comes_from
from server.graphql.document_cache import CachedDocument, DocumentCache
from server.graphql.document_shape import check_one_mutation, check_written
from server.graphql.query_cost import LimitBroken, Limits, Measure, Meter, check_cost, check_shape
from server.graphql.request import hides_nothing
from server.http.errors import Code, Problem, RequestRefused, document_problems, refuse, sensitive_data

RULES: Final = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
MAX_VALIDATION_ERRORS: Final = 5
CHARACTERS_OF_A_POINT: Final = 250  # of a document that is parsed, validated and planned: about a millisecond
MEASURES_KEPT: Final = 16


@dataclass(frozen=True, slots=True)
class ExecutableOperation:
    """An operation that may run: `cost` is its maximum cost, `surcharge` the cost of fields beside their rows.

    `free` are the response names under which nothing has a cost. `act` is the root field of a mutation.
    """

    planned: CompiledOperation
    cost: int
    surcharge: int
    free: frozenset[str]
    act: str | None

    @property
    def operation(self) -> OperationDefinitionNode:
        return self.planned.operation


class Documents:
    """The documents of one schema, within limits, with a bounded cache of the valid ones."""

    def __init__(
        self, schema: GraphQLSchema, limits: Limits, execution: Execution, anonymous_access: AnonymousAccess
    ) -> None:
        self._schema = schema
        self._execution = execution
        self._limits = limits
        self._anonymous_access = anonymous_access
        self.cache = DocumentCache()

    def pin(self, query: str) -> None:
        """Parse, validate and keep a trusted document. Raises RequestRefused for one that cannot run."""
        cached = self._parse(query, self._limits.tokens)
        self._validate(cached.document)
        self.cache.pin(cached)
        for operation in cached.operations:
            self._execution.warm(operation)

    def price_of_reading(self, query: str, caller: Caller | None) -> int:
        """Return the points drawn before a document is read; 0 for a short or a cached one.

        Raises RequestRefused for a document that need not be read for an anonymous caller.
        """
        if query in self.cache:
            return 0
        self._check_length(query, caller)
        return len(query) // CHARACTERS_OF_A_POINT

    def prepare(
        self,
        query: str,
        operation_name: str | None,
        variables: Mapping[str, object],
        *,
        caller: Caller | None,
        may_introspect: bool,
        buyer_limits: bool,
        check_transport: Callable[[OperationType], None] = lambda kind: None,
    ) -> ExecutableOperation:
        """Return the one operation to run. Cheap and bounded checks come first; only a valid document is executed.

        `check_transport` raises RequestRefused for an operation type that this transport does not carry; this method
        raises it for every other reason.
        """
        cached = self.cache.find(query)
        fresh = cached is None
        if cached is None:
            self._check_length(query, caller)  # it may have been in the cache when its price was asked for
            cached = self._parse(query, self._tokens(caller))
        planned = _choose(cached.operations, operation_name)
        operation = planned.operation
        check_transport(operation.operation)
        try:
            if fresh:
                check_written(cached.document, self._limits)
            if caller is None:
                self._anonymous_access.check_fields(operation, cached.document, self._schema)
            measure = self._measure(cached, operation, variables)
            check_shape(measure, self._limits)
            if measure.introspects and not may_introspect:
                raise LimitBroken("INTROSPECTION_DISABLED", "Introspection is not allowed for this caller.")
            is_mutation = operation.operation is OperationType.MUTATION
            act = check_one_mutation(operation, cached.document) if is_mutation else None
            explain = partial(self._explain, cached.document, operation, variables)
            cost = check_cost(measure, self._limits, buyer_limits=buyer_limits, explain=explain)
            if fresh:
                self._validate(cached.document)
                self.cache.keep(cached)
        except LimitBroken as broken:
            raise _limit_refusal(broken) from None
        return ExecutableOperation(planned, cost, measure.surcharge, measure.free, act)

    def _check_length(self, query: str, caller: Caller | None) -> None:
        if caller is None:
            self._anonymous_access.check_length(query)

    def _tokens(self, caller: Caller | None) -> int:
        return self._anonymous_access.tokens(self._limits.tokens) if caller is None else self._limits.tokens

    def _parse(self, query: str, tokens: int) -> CachedDocument:
        if id_holds_card_number(query):
            raise sensitive_data()
        limits = self._limits
        try:
            document = parse(
                query,
                max_lexical_tokens=tokens,
                max_comments=limits.comments,
                max_source_length=limits.body_bytes,
            )
        except GraphQLError as error:
            raise RequestRefused(
                document_problems([error], Code.GRAPHQL_PARSE_FAILED), status=400, json_status=200
            ) from None
        if not hides_nothing(query.encode("utf-8", "surrogatepass")) and _holds_sensitive(document):
            raise sensitive_data()
        operations = tuple(
            self._execution.prepare(document, definition)
            for definition in document.definitions
            if isinstance(definition, OperationDefinitionNode)
        )
        return CachedDocument(query, document, operations)

    def _measure(
        self, cached: CachedDocument, operation: OperationDefinitionNode, variables: Mapping[str, object]
    ) -> Measure:
        name = operation.name.value if operation.name else None
        sized_by = cached.sized_by.get(name)
        if sized_by is not None:
            key = _measure_key(name, sized_by, variables)
            if key in cached.measures:
                return cached.measures[key]
        meter = Meter(self._schema, cached.document, operation, self._limits, variables)
        measure = meter.measure()
        sized_by = cached.sized_by[name] = tuple(sorted(meter.sized_by))
        if len(cached.measures) >= MEASURES_KEPT:
            cached.measures.clear()
        cached.measures[_measure_key(name, sized_by, variables)] = measure
        return measure

    def _explain(
        self, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, object]
    ) -> str:
        return where_it_comes_from(Meter(self._schema, document, operation, self._limits, variables))

    def _validate(self, document: DocumentNode) -> None:
        errors = validate(self._schema, document, RULES, max_errors=MAX_VALIDATION_ERRORS, hide_suggestions=True)
        if errors:
            raise RequestRefused(document_problems(errors, Code.GRAPHQL_VALIDATION_FAILED), status=400, json_status=200)


def _choose(operations: tuple[CompiledOperation, ...], name: str | None) -> CompiledOperation:
    if name is None:
        if len(operations) == 1:
            return operations[0]
        message = (
            "The document holds several operations; say which in operationName."
            if operations
            else "The document holds no operation."
        )
        raise refuse(message, reason="OPERATION_NOT_CHOSEN", json_status=200)
    for planned in operations:
        if planned.operation.name is not None and planned.operation.name.value == name:
            return planned
    raise refuse("The document holds no operation of that name.", reason="OPERATION_NOT_FOUND", json_status=200)


def _measure_key(name: str | None, sized_by: tuple[str, ...], variables: Mapping[str, object]) -> tuple[object, ...]:
    """Return the cache key of a measure: the operation and its size variables, a list counting as its length."""
    sizes: list[object] = [name]
    for variable in sized_by:
        value = variables.get(variable)
        size: object = None
        if isinstance(value, list):
            size = ("list", len(value))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            size = value
        sizes.append((variable in variables, size))
    return tuple(sizes)


def _limit_refusal(broken: LimitBroken) -> RequestRefused:
    problem = Problem(message=broken.message, code=Code.GRAPHQL_VALIDATION_FAILED, reason=broken.reason)
    cost = {"cost": {"requestedQueryCost": broken.cost, "actualQueryCost": 0}} if broken.cost is not None else None
    return RequestRefused([problem], status=400, json_status=200, extensions=cost)


def _holds_sensitive(document: DocumentNode) -> bool:
    """Return True when a literal holds a card number or a secret, alone and with its escapes decoded."""
    finder = _Finder()
    visit(document, finder)
    return finder.found


class _Finder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        self.found = self.found or is_sensitive_even_as_id(node.value)

    def enter_int_value(self, node: IntValueNode, *_: object) -> None:
        self.found = self.found or contains_card_number(node.value.lstrip("-"))

    def enter_float_value(self, node: FloatValueNode, *_: object) -> None:
        self.found = self.found or contains_card_number(node.value.lstrip("-").partition(".")[0])
