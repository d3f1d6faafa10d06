"""Planning: the Python of one operation of a valid document, from what its fields declare."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_named_type,
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

from execution.code_generator import OBJECT, CodeGenerator, FunctionBody, Unmade
from execution.declare import Attribute, Call, Declaration, EachWrapped, RelatedRows, Wrapped, declaration_of
from execution.field_calls import (
    Arguments,
    FieldCall,
    Unplannable,
    arguments_of,
    call_of,
    class_of,
    field_of,
)
from execution.input_conversion import Inputs
from execution.plan import Bailout, Plan, Root
from execution.projection import Projection, Relation

MOST_FIELDS: Final = 1_000  # with every fragment written out: 60 ms to make
TYPENAME: Final = "__typename"
Table = type[Any]


class Planner:
    """Makes the plan of an operation, for all values of its variables but the ones that shape it.

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
        self._code = CodeGenerator()
        self._fields = 0
        self._is_for_all = True

    def plan(self) -> Plan:
        """Return the plan. Raises Unplannable for an operation that is left to graphql-core."""
        root = self._schema._schema.get_root_type(self._operation.operation)
        assert root is not None, "the document was validated"
        fields = self._counted(
            collect_fields(self._schema._schema, self._fragments, self._variables, root, self._operation)
        )
        named = [(key, *self._root(root, details)) for key, details in fields.items()]
        source = "\n".join(self._code.lines)
        exec(compile(source, "<plan>", "exec"), self._code.names)  # noqa: S102 - a client's words are in it only as literals
        names = self._code.names
        roots = (Root(key, start, names[complete], projection) for key, start, complete, projection in named)
        arguments = tuple(self._code.arguments)
        return Plan(tuple(roots), arguments, self._fields, source, self._is_for_all and not arguments)

    def _counted(self, collected: CollectedFields) -> dict[str, FieldDetailsList]:
        self._fields += len(collected.grouped_field_set)
        if collected.new_defer_usages or self._fields > MOST_FIELDS:
            raise Unplannable
        return collected.grouped_field_set

    def _root(
        self, root: GraphQLObjectType, details: FieldDetailsList
    ) -> tuple[Callable[[Any, VariableValues], Any], str, Projection | None]:
        if details[0].node.name.value == TYPENAME:
            named = root.name
            return (lambda info, variables: named), self._code.function("x"), None
        definition = _definition(root, details)
        field = field_of(definition)
        if self._operation.operation is OperationType.SUBSCRIPTION:
            return _refuse_to_start, self._completion(definition.type, details, None, of_event=True)[0], None
        complete, projection = self._completion(definition.type, details, declaration_of(field).table)
        start = _start(call_of(field), arguments_of(self._schema, self._inputs, definition, details[0].node))
        return start, complete, projection

    def _completion(
        self, type_: GraphQLOutputType, details: FieldDetailsList, table: Table | None, *, of_event: bool = False
    ) -> tuple[str, Projection | None]:
        """Add a function that completes a value; return its name, and the projection of the rows inside."""
        body = FunctionBody()
        expression, projection = self._completed(type_, details, "x", table, body, of_event=of_event)
        return self._code.function(expression, body.lines), projection

    def _completed(
        self,
        type_: GraphQLOutputType,
        details: FieldDetailsList,
        value: str,
        table: Table | None,
        body: FunctionBody,
        *,
        nullable: bool = True,
        of_event: bool = False,
    ) -> tuple[str, Projection | None]:
        """Return the expression that completes a value, after adding lines to the body.

        With a `table`, also the projection of the rows inside. `of_event` says that the value is an event itself.
        """
        projection = None
        if is_non_null_type(type_):
            return self._completed(type_.of_type, details, value, table, body, nullable=False, of_event=of_event)
        if is_leaf_type(type_) and not nullable:
            return self._code.leaf(type_, value, body), None
        if is_object_type(type_) and not nullable:
            return self._object(type_, details, value, table, of_event=of_event)
        word = self._code.word(value, body)
        if is_leaf_type(type_):
            inner = self._code.leaf(type_, word, body)
        elif is_list_type(type_):
            item = self._code.variable()
            each, projection = self._completed(type_.of_type, details, item, table, body)
            inner = f"[{each} for {item} in listed({word})]"
        elif is_object_type(type_):
            inner, projection = self._object(type_, details, word, table, of_event=of_event)
        else:
            assert is_abstract_type(type_)
            possible = self._schema._schema.get_possible_types(type_)
            functions = {class_of(one): self._selection(one, details, None)[0] for one in possible}
            inner = f"{self._code.by_class(functions)}[{word}.__class__]({word}, info, later)"
        return (f"(None if {word} is None else {inner})" if nullable else inner), projection

    def _object(
        self,
        type_: GraphQLObjectType,
        details: FieldDetailsList,
        value: str | Unmade,
        table: Table | None,
        *,
        of_event: bool = False,
    ) -> tuple[str, Projection | None]:
        """Return the expression that fills in one object, and the projection of the rows inside."""
        if isinstance(value, Unmade):
            parameters = self._code.parameters(value)
            function, projection = self._selection(type_, details, table, parameters)
            return f"{function}({', '.join([*value.parts.values(), 'info', 'later'])})", projection
        function, projection = self._selection(type_, details, table, of_event=of_event)
        return f"{function}({value}, info, later)", projection

    def _selection(
        self,
        type_: GraphQLObjectType,
        details: FieldDetailsList,
        table: Table | None,
        unmade: Unmade | None = None,
        *,
        of_event: bool = False,
    ) -> tuple[str, Projection | None]:
        """Add the function that fills in one selection set on one type of object; return its name.

        The function is given the object, or the attributes of one that is not made.
        """
        fields = self._counted(
            collect_subfields(self._schema._schema, self._fragments, self._variables, self._operation, type_, details)
        )
        projection = Projection.nothing(table) if table is not None else None
        body = FunctionBody(unmade)
        answer: list[str] = []
        waits: list[str] = []
        for key, inner in fields.items():
            if inner[0].node.name.value == TYPENAME:
                answer.append(f"{key!r}: {type_.name!r}")
                continue
            value, complete, used = self._field(type_, inner, table, body, of_event=of_event)
            projection = projection.merge(used) if projection is not None and used is not None else projection
            answer.append(f"{key!r}: {value if complete is None else None}")
            if complete is not None:
                waits.append(f"    later.append(Deferred({value}, {complete}, answer, {key!r}))")
        first = []
        if unmade is None:
            first = [f"    if {OBJECT}.__class__ is not {self._code.constant(class_of(type_))}: raise Bailout"]
        elif body.needs_object:
            first = [f"    {OBJECT} = {self._code.made(unmade)}"]
        new = self._code.variable()
        parameters = [OBJECT] if unmade is None else unmade.parts.values()
        self._code.lines += [
            f"def {new}({', '.join([*parameters, 'info', 'later'])}):",
            *first,
            *body.lines,
            f"    answer = {{{', '.join(answer)}}}",
            *waits,
            "    return answer",
        ]
        return new, projection

    def _field(
        self,
        parent: GraphQLObjectType,
        details: FieldDetailsList,
        table: Table | None,
        body: FunctionBody,
        *,
        of_event: bool,
    ) -> tuple[str, str | None, Projection | None]:
        """Return the expression for a field's value, and what it reads of the row behind its object.

        The value is completed; or else the name of the function comes with it that will complete it.
        """
        definition = _definition(parent, details)
        field = field_of(definition)
        declared = declaration_of(field)
        relation = self._relation(declared, definition, details) if table is not None else None
        inside = relation.table if relation is not None else table if declared.passes_through else None
        if isinstance(declared.value, RelatedRows):
            value, complete, projection = self._related(declared.value, relation, definition, details, body)
        elif declared.value is not None:
            complete = None
            value, projection = self._declared(declared.value, definition, details, inside, body)
        else:
            came_with_event = of_event and declared.is_preloaded
            call = call_of(field)
            self._is_for_all &= came_with_event or not (call.info_given or call.is_async)
            is_preloaded = came_with_event or relation is not None
            value, complete, projection = self._computed(
                call, definition, details, inside, body, is_preloaded=is_preloaded
            )
        if table is None:
            return value, complete, None
        used = Projection(table, declared.reads)
        if relation is not None and projection is not None:
            used = Projection(table, used.attributes, ((relation, projection),))
        if declared.passes_through and projection is not None:
            used = used.merge(projection)
        return value, complete, used

    def _relation(self, declared: Declaration, definition: GraphQLField, details: FieldDetailsList) -> Relation | None:
        """Return the relation whose rows are read together with the field's own row, if they can be."""
        relation = declared.value.relation if isinstance(declared.value, RelatedRows) else declared.relation
        node = details[0].node
        if relation is None or not self._are_known(node):
            return None
        arguments = arguments_of(self._schema, self._inputs, definition, node)
        return relation.with_arguments(arguments if isinstance(arguments, Mapping) else arguments(self._variables))

    def _declared(
        self,
        value: Attribute | Call | Wrapped | EachWrapped,
        definition: GraphQLField,
        details: FieldDetailsList,
        table: Table | None,
        body: FunctionBody,
    ) -> tuple[str, Projection | None]:
        """Return the expression for a declared value, completed."""
        if isinstance(value, Attribute | Call):
            return self._completed(definition.type, details, self._code.evaluated(value, body), table, body)
        type_ = _object_type(definition)
        if isinstance(value, EachWrapped):
            item = self._code.variable()
            each = self._code.unmade(class_of(type_), value.parts, body, item)
            filled, projection = self._object(type_, details, each, table)
            return f"[{filled} for {item} in {self._code.at_path(value.items, body)}]", projection
        unmade = self._code.unmade(class_of(type_), value.parts, body)
        if is_non_null_type(definition.type):
            return self._object(type_, details, unmade, table)
        name, first = next(iter(unmade.parts.items()))
        word = self._code.word(first, body)
        filled, projection = self._object(type_, details, Unmade(unmade.of, {**unmade.parts, name: word}), table)
        return f"(None if {word} is None else {filled})", projection

    def _related(
        self,
        value: RelatedRows,
        relation: Relation | None,
        definition: GraphQLField,
        details: FieldDetailsList,
        body: FunctionBody,
    ) -> tuple[str, str | None, Projection | None]:
        """Return the expression for the objects of related rows, completed if the rows are read with their own row."""
        type_ = _object_type(definition)
        if relation is None:
            self._is_for_all = False
            load = self._code.constant(value.evaluate)
            shown = self._code.constant(field_of(definition))
            complete, _ = self._completion(definition.type, details, None)
            return f"{load}({body.object()}, info, {shown})", complete, None
        rows = self._code.variable()
        row = self._code.at_path("row", body)
        body.lines += [
            f"    {rows} = {self._code.constant(relation.preloaded)}({row})",
            f"    if {rows} is None: raise Bailout",
        ]
        item = self._code.variable() if relation.is_many else rows
        filled, projection = self._object(type_, details, Unmade(class_of(type_), {"row": item}), relation.table)
        return (f"[{filled} for {item} in {rows}]" if relation.is_many else filled), None, projection

    def _computed(
        self,
        call: FieldCall,
        definition: GraphQLField,
        details: FieldDetailsList,
        table: Table | None,
        body: FunctionBody,
        *,
        is_preloaded: bool,
    ) -> tuple[str, str | None, Projection | None]:
        """Return the expression for the value of a field's method or attribute, completed unless it has to wait."""
        if call.function is None:
            attribute = self._code.at_path(call.name, body)
            completed, projection = self._completed(definition.type, details, attribute, table, body)
            return completed, None, projection
        arguments = arguments_of(self._schema, self._inputs, definition, details[0].node)
        made = self._code.call(call, arguments, body)
        if call.is_async and not is_preloaded:
            complete, projection = self._completion(definition.type, details, table)
            return made, complete, projection
        value = f"now({made})" if call.is_async else made
        completed, projection = self._completed(definition.type, details, value, table, body)
        return completed, None, projection

    def _are_known(self, node: FieldNode) -> bool:
        """True when the field's arguments are the same for every request of this plan."""
        values = (argument.value for argument in node.arguments or ())
        return all(value.name.value in self._shaped_by for value in values if isinstance(value, VariableNode))


def _definition(parent: GraphQLObjectType, details: FieldDetailsList) -> GraphQLField:
    definition: GraphQLField | None = parent.fields.get(details[0].node.name.value)
    if definition is None:  # introspection
        raise Unplannable
    return definition


def _object_type(definition: GraphQLField) -> GraphQLObjectType:
    """Return the type of the objects that a field shows."""
    type_ = get_named_type(definition.type)
    assert is_object_type(type_), "only objects are wrapped"
    return type_


def _start(call: FieldCall, arguments: Mapping[str, Any] | Arguments) -> Callable[[Any, VariableValues], Any]:
    function = call.function
    if function is None:
        raise Unplannable

    def start(info: Any, variables: VariableValues) -> Any:
        named = arguments if isinstance(arguments, Mapping) else arguments(variables)
        source = (None,) if call.self_given else ()
        return function(*source, info=info, **named) if call.info_given else function(*source, **named)

    return start


def _refuse_to_start(info: Any, variables: VariableValues) -> Any:
    """Refuse to start the root of a subscription: its values are its events."""
    raise Bailout
