"""A plan: Python that is written for one document, and fills in an answer without asking the document again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.schema import Schema
from tortoise.models import Model

from execution.fields import (
    Arguments,
    Call,
    NotPlanned,
    arguments_of,
    call_of,
    class_of,
    columns_of,
    field_of,
    notes_of,
)
from execution.inputs import Inputs
from resolvers.wanted import Below, Wanted, below_of
from schema.fields import AT_HAND, LOOKS_AHEAD, READ_WITH, THROUGH

# What these are in Python is what they are in JSON.
PLAIN: Final[Mapping[str, type]] = {"String": str, "ID": str, "Boolean": bool, "CurrencyCode": str}
LARGEST: Final = 1_000  # fields, with every fragment written out: 60 ms to make
TYPENAME: Final = "__typename"

Complete = Callable[[Any, Any, "list[Later]"], Any]


class Astray(Exception):
    """Something came that the plan does not know: graphql-core has to say what it means."""


class Later(NamedTuple):
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
    wanted: Wanted | None


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


def compile_plan(
    schema: Schema,
    inputs: Inputs,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: VariableValues,
    shaped_by: Iterable[str],
) -> Plan:
    """The plan of an operation, for all values of its variables but those that it is shaped by.

    Raises NotPlanned for what is left to graphql-core.
    """
    return _Planner(schema, inputs, document, operation, variables, shaped_by).plan()


class _Planner:
    """Writes the functions of one plan, those of the innermost selections first."""

    def __init__(
        self,
        schema: Schema,
        inputs: Inputs,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        shaped_by: Iterable[str],
    ) -> None:
        self._schema = schema
        self._inputs = inputs
        self._operation = operation
        self._variables = variables
        self._shaped_by = frozenset(shaped_by)
        self._fragments = {
            definition.name.value: FragmentDetails(definition)
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._lines: list[str] = []
        self._names: dict[str, Any] = {"Astray": Astray, "Later": Later, "listed": _listed, "now": _now}
        self._arguments: list[Arguments] = []
        self._fields = 0
        self._is_for_all = True

    def plan(self) -> Plan:
        """The whole plan."""
        root = self._schema._schema.get_root_type(self._operation.operation)
        assert root is not None, "the document was validated"
        fields = self._checked(
            collect_fields(self._schema._schema, self._fragments, self._variables, root, self._operation)
        )
        named = [(key, *self._root(root, details)) for key, details in fields.items()]
        source = "\n".join(self._lines)
        exec(compile(source, "<plan>", "exec"), self._names)  # noqa: S102 - a client's words are in it only as literals
        roots = (Root(key, start, self._names[complete], wanted) for key, start, complete, wanted in named)
        return Plan(
            tuple(roots), tuple(self._arguments), self._fields, source, self._is_for_all and not self._arguments
        )

    def _checked(self, collected: CollectedFields) -> dict[str, FieldDetailsList]:
        self._fields += len(collected.grouped_field_set)
        if collected.new_defer_usages or self._fields > LARGEST:
            raise NotPlanned
        return collected.grouped_field_set

    def _root(
        self, root: GraphQLObjectType, details: FieldDetailsList
    ) -> tuple[Callable[[Any, VariableValues], Any], str, Wanted | None]:
        if details[0].node.name.value == TYPENAME:
            name = root.name
            return (lambda info, variables: name), self._function("x"), None
        definition = _definition(root, details)
        field = field_of(definition)
        if self._operation.operation is OperationType.SUBSCRIPTION:
            expression, _ = self._completed(definition.type, details, "x", None, is_told=True)
            return _is_told, self._function(expression), None
        table = notes_of(field).get(LOOKS_AHEAD)
        expression, wanted = self._completed(definition.type, details, "x", table)
        start = _start(call_of(field), arguments_of(self._schema, self._inputs, definition, details[0].node))
        return start, self._function(expression), wanted

    def _function(self, expression: str) -> str:
        """The name of a new function that completes `x`."""
        name = self._name()
        self._lines += [f"def {name}(x, info, later):", f"    return {expression}"]
        return name

    def _completed(
        self,
        type_: GraphQLOutputType,
        details: FieldDetailsList,
        value: str,
        table: type[Model] | None,
        *,
        nullable: bool = True,
        is_told: bool = False,
    ) -> tuple[str, Wanted | None]:
        """The expression that completes the variable `value`; with a `table`, what it asks of the rows inside.

        `is_told` says that the value is the event of a subscription itself.
        """
        wanted = None
        if is_non_null_type(type_):
            return self._completed(type_.of_type, details, value, table, nullable=False, is_told=is_told)
        if is_leaf_type(type_):
            inner = self._leaf(type_, value)
        elif is_list_type(type_):
            item = self._name()
            each, wanted = self._completed(type_.of_type, details, item, table)
            inner = f"[{each} for {item} in listed({value})]"
        elif is_object_type(type_):
            function, wanted = self._selection(type_, details, table, is_told=is_told)
            inner = f"{function}({value}, info, later)"
        else:
            assert is_abstract_type(type_)
            possible = self._schema._schema.get_possible_types(type_)
            functions = {class_of(one): self._selection(one, details, None)[0] for one in possible}
            choice = ", ".join(f"{self._constant(origin)}: {function}" for origin, function in functions.items())
            by_class = self._name()
            self._lines.append(f"{by_class} = {{{choice}}}")
            inner = f"{by_class}[{value}.__class__]({value}, info, later)"
        return (f"(None if {value} is None else {inner})" if nullable else inner), wanted

    def _leaf(self, type_: GraphQLLeafType, value: str) -> str:
        """The expression for a leaf; what it calls refuses a null."""
        if isinstance(type_, GraphQLEnumType):
            names = {member.value: type_.coerce_output_value(member.value) for member in type_.values.values()}
            return f"{self._constant(names)}[{value}]"
        writer = self._constant(_strict(type_))
        if type_.name not in PLAIN:
            return f"{writer}({value})"
        return f"({value} if {value}.__class__ is {PLAIN[type_.name].__name__} else {writer}({value}))"

    def _selection(
        self, type_: GraphQLObjectType, details: FieldDetailsList, table: type[Model] | None, *, is_told: bool = False
    ) -> tuple[str, Wanted | None]:
        """The name of the function that fills in one selection set on one type of object."""
        fields = self._checked(
            collect_subfields(self._schema._schema, self._fragments, self._variables, self._operation, type_, details)
        )
        origin = class_of(type_)
        wanted = Wanted.nothing(table) if table is not None else None
        body: list[str] = []
        answer: list[str] = []
        waits: list[str] = []
        for key, inner in fields.items():
            if inner[0].node.name.value == TYPENAME:
                answer.append(f"{key!r}: {type_.name!r}")
                continue
            value = self._name()
            lines, complete, asked = self._field(type_, inner, value, table, is_told=is_told)
            body += lines
            wanted = wanted.beside(asked) if wanted is not None and asked is not None else wanted
            answer.append(f"{key!r}: {value if complete is None else None}")
            if complete is not None:
                waits.append(f"    later.append(Later({value}, {complete}, answer, {key!r}))")
        name = self._name()
        self._lines += [
            f"def {name}(v, info, later):",
            f"    if v.__class__ is not {self._constant(origin)}: raise Astray",
            *body,
            f"    answer = {{{', '.join(answer)}}}",
            *waits,
            "    return answer",
        ]
        return name, wanted

    def _field(
        self,
        parent: GraphQLObjectType,
        details: FieldDetailsList,
        value: str,
        table: type[Model] | None,
        *,
        is_told: bool,
    ) -> tuple[list[str], str | None, Wanted | None]:
        """The lines that give a field's value, completed; or not yet, and the function that will complete it. With a
        `table`, what the field asks of the row behind its object."""
        definition = _definition(parent, details)
        field = field_of(definition)
        call, notes = call_of(field), notes_of(field)
        arguments = arguments_of(self._schema, self._inputs, definition, details[0].node)
        below: Below | None = None
        if table is not None and READ_WITH in notes and self._are_known(details[0].node):
            below = below_of(notes[READ_WITH], arguments if isinstance(arguments, dict) else arguments(self._variables))
        inside = below.table if below is not None else table if THROUGH in notes else None
        is_at_hand = is_told and AT_HAND in notes
        is_late = call.is_async and below is None and not is_at_hand
        self._is_for_all = self._is_for_all and (is_at_hand or not (call.info_given or call.is_async))
        expression, wanted = self._completed(definition.type, details, "x" if is_late else value, inside)
        asked = None
        if table is not None:
            uses = call.function if below is None else None  # rows below are found by what is read in any case
            columns = columns_of(uses, class_of(parent), table) if uses is not None else frozenset()
            asked = Wanted(table, columns, ((below, wanted),) if below is not None and wanted is not None else ())
            if THROUGH in notes and wanted is not None:
                asked = asked.beside(wanted)
        made = self._call(call, arguments)
        if is_late:
            return [f"    {value} = {made}"], self._function(expression), asked
        made = f"now({made})" if call.is_async else made
        return [f"    {value} = {made}", f"    {value} = {expression}"], None, asked

    def _are_known(self, node: FieldNode) -> bool:
        """Whether the field's arguments are the same for every request of this plan."""
        values = (argument.value for argument in node.arguments or ())
        return all(value.name.value in self._shaped_by for value in values if isinstance(value, VariableNode))

    def _call(self, call: Call, arguments: Mapping[str, Any] | Arguments) -> str:
        """The expression that calls a field on `v`."""
        if call.function is None:
            return f"v.{call.name}"
        given = ["v"] if call.self_given else []
        given += ["info=info"] if call.info_given else []
        if isinstance(arguments, Mapping):
            given += [f"{name}={self._constant(value)}" for name, value in arguments.items()]
        else:
            given.append(f"**info.arguments[{len(self._arguments)}]")
            self._arguments.append(arguments)
        return f"{self._constant(call.function)}({', '.join(given)})"

    def _name(self) -> str:
        return self._constant(None)

    def _constant(self, value: Any) -> str:
        name = f"n{len(self._names)}"
        self._names[name] = value
        return name


def _definition(parent: GraphQLObjectType, details: FieldDetailsList) -> GraphQLField:
    definition: GraphQLField | None = parent.fields.get(details[0].node.name.value)
    if definition is None:  # introspection
        raise NotPlanned
    return definition


def _start(call: Call, arguments: Mapping[str, Any] | Arguments) -> Callable[[Any, VariableValues], Any]:
    function = call.function
    if function is None:
        raise NotPlanned

    def start(info: Any, variables: VariableValues) -> Any:
        given = arguments if isinstance(arguments, Mapping) else arguments(variables)
        beside = (None,) if call.self_given else ()
        return function(*beside, info=info, **given) if call.info_given else function(*beside, **given)

    return start


def _is_told(info: Any, variables: VariableValues) -> Any:
    """The root of a subscription: its events are told, and cannot be asked for."""
    raise Astray


def _strict(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    """Writes a leaf down as graphql-core does. Raises for what cannot be written, null included."""

    def written(value: Any) -> Any:
        result = type_.coerce_output_value(value)
        if value is None or result is None:
            raise Astray
        return result

    return written


def _listed(value: Any) -> Iterable[Any]:
    if value.__class__ is not list:
        raise Astray
    return value


def _now(coroutine: Any) -> Any:
    """The value of a coroutine that need not wait, because what it reads was read before."""
    try:
        future = coroutine.send(None)
    except StopIteration as done:
        return done.value
    future._asyncio_future_blocking = False  # as a task does with what it is given: somebody else may wait for it
    coroutine.close()
    raise Astray
