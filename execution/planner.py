"""Writing the Python of a plan, for one operation of a valid document."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeGuard

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_nullable_type,
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

from execution.codegen import CodeGenerator, FunctionBody
from execution.field_calls import (
    Arguments,
    FieldCall,
    Unplannable,
    arguments_of,
    call_of,
    class_of,
    columns_of,
    field_of,
    notes_of,
)
from execution.inliner import Each, InlinedCode, Made, Value, name
from execution.input_conversion import Inputs
from execution.plan import Bailout, Plan, Root
from resolvers.reading.projection import NestedRelation, Projection, below_of
from schema.fields import AT_HAND, LOOKS_AHEAD, READ_WITH, SHOWN_BY, THROUGH

LARGEST: Final = 1_000  # fields, with every fragment written out: 60 ms to make
TYPENAME: Final = "__typename"


class Planner:
    """Makes the plan of an operation, for all values of its variables but those that it is shaped by.

    It writes the functions of the innermost selections first.
    """

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
        self._words = CodeGenerator()
        self._fields = 0
        self._is_for_all = True

    def plan(self) -> Plan:
        """The plan. Raises Unplannable for what is left to graphql-core."""
        root = self._schema._schema.get_root_type(self._operation.operation)
        assert root is not None, "the document was validated"
        fields = self._checked(
            collect_fields(self._schema._schema, self._fragments, self._variables, root, self._operation)
        )
        named = [(key, *self._root(root, details)) for key, details in fields.items()]
        source = "\n".join(self._words.lines)
        exec(compile(source, "<plan>", "exec"), self._words.names)  # noqa: S102 - a client's words are in it only as literals
        roots = (Root(key, start, self._words.names[complete], wanted) for key, start, complete, wanted in named)
        arguments = tuple(self._words.arguments)
        return Plan(tuple(roots), arguments, self._fields, source, self._is_for_all and not arguments)

    def _checked(self, collected: CollectedFields) -> dict[str, FieldDetailsList]:
        self._fields += len(collected.grouped_field_set)
        if collected.new_defer_usages or self._fields > LARGEST:
            raise Unplannable
        return collected.grouped_field_set

    def _root(
        self, root: GraphQLObjectType, details: FieldDetailsList
    ) -> tuple[Callable[[Any, VariableValues], Any], str, Projection | None]:
        if details[0].node.name.value == TYPENAME:
            named = root.name
            return (lambda info, variables: named), self._words.function("x"), None
        definition = _definition(root, details)
        field = field_of(definition)
        if self._operation.operation is OperationType.SUBSCRIPTION:
            return _is_told, self._completion(definition.type, details, None, is_told=True)[0], None
        table = notes_of(field).get(LOOKS_AHEAD)
        complete, wanted = self._completion(definition.type, details, table)
        start = _start(call_of(field), arguments_of(self._schema, self._inputs, definition, details[0].node))
        return start, complete, wanted

    def _completion(
        self, type_: GraphQLOutputType, details: FieldDetailsList, table: type[Model] | None, *, is_told: bool = False
    ) -> tuple[str, Projection | None]:
        """The name of a new function that completes what it is given, and what it asks of the rows inside."""
        body = FunctionBody(name("x"))
        expression, wanted = self._completed(type_, details, body.me, table, body, is_told=is_told)
        return self._words.function(expression, body.lines), wanted

    def _completed(
        self,
        type_: GraphQLOutputType,
        details: FieldDetailsList,
        value: Value,
        table: type[Model] | None,
        body: FunctionBody,
        *,
        nullable: bool = True,
        is_told: bool = False,
    ) -> tuple[str, Projection | None]:
        """The expression that completes a value, after what it adds to the body; with a `table`, what it asks of the
        rows inside. `is_told` says that the value is the event of a subscription itself.
        """
        wanted = None
        if is_non_null_type(type_):
            return self._completed(type_.of_type, details, value, table, body, nullable=False, is_told=is_told)
        if is_object_type(type_) and (isinstance(value, Made) or not nullable):
            return self._object(type_, details, value, table, is_told=is_told)
        if isinstance(value, Each) and isinstance(value.element, Made) and _is_list_of_objects(type_):
            each, wanted = self._completed(type_.of_type, details, value.element, table, body)
            return f"[{each} for {value.target} in {self._words.text(InlinedCode(value.source))}]", wanted
        if is_leaf_type(type_) and not nullable:
            return self._words.leaf(type_, value, body), None
        word = self._words.word(value, body)
        if is_leaf_type(type_):
            inner = self._words.leaf(type_, name(word), body)
        elif is_list_type(type_):
            item = self._words.variable()
            each, wanted = self._completed(type_.of_type, details, name(item), table, body)
            inner = f"[{each} for {item} in listed({word})]"
        elif is_object_type(type_):
            inner, wanted = self._object(type_, details, name(word), table, is_told=is_told)
        else:
            assert is_abstract_type(type_)
            possible = self._schema._schema.get_possible_types(type_)
            functions = {class_of(one): self._selection(one, details, None, _itself(one), ["v"])[0] for one in possible}
            inner = f"{self._words.by_class(functions)}[{word}.__class__]({word}, info, later)"
        return (f"(None if {word} is None else {inner})" if nullable else inner), wanted

    def _object(
        self,
        type_: GraphQLObjectType,
        details: FieldDetailsList,
        value: Value,
        table: type[Model] | None,
        *,
        is_told: bool,
    ) -> tuple[str, Projection | None]:
        """The expression that fills in one object, or what it would be made of."""
        me: Value
        if isinstance(value, Made) and value.of is class_of(type_):
            me, given = self._words.in_parts(value)
        else:
            me, given = _itself(type_), {"v": self._words.text(value)}
        function, wanted = self._selection(type_, details, table, me, given, is_told=is_told)
        return f"{function}({', '.join([*given.values(), 'info', 'later'])})", wanted

    def _selection(
        self,
        type_: GraphQLObjectType,
        details: FieldDetailsList,
        table: type[Model] | None,
        me: Value,
        parameters: Iterable[str],
        *,
        is_told: bool = False,
    ) -> tuple[str, Projection | None]:
        """The name of the function that fills in one selection set on one type of object."""
        fields = self._checked(
            collect_subfields(self._schema._schema, self._fragments, self._variables, self._operation, type_, details)
        )
        wanted = Projection.nothing(table) if table is not None else None
        body = FunctionBody(me)
        answer: list[str] = []
        waits: list[str] = []
        for key, inner in fields.items():
            if inner[0].node.name.value == TYPENAME:
                answer.append(f"{key!r}: {type_.name!r}")
                continue
            value, complete, asked = self._field(type_, inner, table, body, is_told=is_told)
            wanted = wanted.beside(asked) if wanted is not None and asked is not None else wanted
            answer.append(f"{key!r}: {value if complete is None else None}")
            if complete is not None:
                waits.append(f"    later.append(Deferred({value}, {complete}, answer, {key!r}))")
        first = []
        if isinstance(me, InlinedCode):
            first = [f"    if v.__class__ is not {self._words.constant(class_of(type_))}: raise Bailout"]
        elif body.needs_me:
            first = [f"    v = {self._words.text(me)}"]
        new = self._words.variable()
        self._words.lines += [
            f"def {new}({', '.join([*parameters, 'info', 'later'])}):",
            *first,
            *body.lines,
            f"    answer = {{{', '.join(answer)}}}",
            *waits,
            "    return answer",
        ]
        return new, wanted

    def _field(
        self,
        parent: GraphQLObjectType,
        details: FieldDetailsList,
        table: type[Model] | None,
        body: FunctionBody,
        *,
        is_told: bool,
    ) -> tuple[str, str | None, Projection | None]:
        """The expression for a field's value, completed; or not yet, and the function that will complete it. With a
        `table`, what the field asks of the row behind its object."""
        definition = _definition(parent, details)
        field = field_of(definition)
        call, notes = call_of(field), notes_of(field)
        arguments = arguments_of(self._schema, self._inputs, definition, details[0].node)
        below: NestedRelation | None = None
        if table is not None and READ_WITH in notes and self._are_known(details[0].node):
            below = below_of(notes[READ_WITH], arguments if isinstance(arguments, dict) else arguments(self._variables))
        inside = below.table if below is not None else table if THROUGH in notes else None
        is_at_hand = is_told and AT_HAND in notes
        is_late = call.is_async and below is None and not is_at_hand
        self._is_for_all = self._is_for_all and (is_at_hand or not (call.info_given or call.is_async))
        complete = None
        if is_late:
            value = self._words.call(call, arguments, body)
            complete, wanted = self._completion(definition.type, details, inside)
        else:
            if below is not None and SHOWN_BY in notes:
                given = self._words.shown(notes[SHOWN_BY], below, body)
            else:
                given = self._words.given(call, arguments, body)
            value, wanted = self._completed(definition.type, details, given, inside, body)
        asked = None
        if table is not None:
            uses = call.function if below is None else None  # rows below are found by what is read in any case
            columns = columns_of(uses, class_of(parent), table) if uses is not None else frozenset()
            asked = Projection(table, columns, ((below, wanted),) if below is not None and wanted is not None else ())
            if THROUGH in notes and wanted is not None:
                asked = asked.beside(wanted)
        return value, complete, asked

    def _are_known(self, node: FieldNode) -> bool:
        """Whether the field's arguments are the same for every request of this plan."""
        values = (argument.value for argument in node.arguments or ())
        return all(value.name.value in self._shaped_by for value in values if isinstance(value, VariableNode))


def _is_list_of_objects(type_: GraphQLOutputType) -> TypeGuard[GraphQLList[Any]]:
    return is_list_type(type_) and is_object_type(get_nullable_type(type_.of_type))


def _itself(type_: GraphQLObjectType) -> InlinedCode:
    """The object that a function is given as `v`, and looks at before it believes what it is."""
    return name("v", class_of(type_))


def _definition(parent: GraphQLObjectType, details: FieldDetailsList) -> GraphQLField:
    definition: GraphQLField | None = parent.fields.get(details[0].node.name.value)
    if definition is None:  # introspection
        raise Unplannable
    return definition


def _start(call: FieldCall, arguments: Mapping[str, Any] | Arguments) -> Callable[[Any, VariableValues], Any]:
    function = call.function
    if function is None:
        raise Unplannable

    def start(info: Any, variables: VariableValues) -> Any:
        given = arguments if isinstance(arguments, Mapping) else arguments(variables)
        beside = (None,) if call.self_given else ()
        return function(*beside, info=info, **given) if call.info_given else function(*beside, **given)

    return start


def _is_told(info: Any, variables: VariableValues) -> Any:
    """The root of a subscription: its events are told, and cannot be asked for."""
    raise Bailout
