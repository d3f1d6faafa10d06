"""The cost of one GraphQL document: its depth, fields and points, bounded before it is validated.

Everything is measured in one pass that visits each fragment once, so a fragment bomb costs no more than its text. The
pass reads the schema only for types. It runs before validation (whose comparison of fields is quadratic) and tolerates
documents that validation will refuse.

The cost is counted as Shopify and GitHub count it: a row costs 1, a leaf nothing, a list its size, a field with `@cost`
its weight; amounts, edges and pages are parts of their rows. `values` is the other bound: all that the executor has to
fill in. The number of aliases has no bound of its own: gateways that batch use many, and each costs points.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from server.graphql.cost_weights import is_part_of_a_row, weight_of
from server.graphql.fragments import dependencies_first, fragments_of

SIZE_ARGUMENTS: Final = ("first", "last")
META_FIELDS: Final = ("__schema", "__type")
SDL_FIELD: Final = "_service"  # of a subgraph: the schema once more, as a text
INTROSPECTION: Final = 10  # the price of reading the schema once; it is in memory
INTROSPECTED_FOR_ONE: Final = 10  # introspection fields for the price of one row


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds on one document. Each is about ten times the largest of our own operations."""

    body_bytes: int = 100 * 1024
    body_seconds: float = 10.0  # A body of 100 KiB takes longer than this only from a client that stalls.
    query_seconds: float = 10.0
    tokens: int = 2_000  # Parsing costs about 5 µs per token.
    comments: int = 200
    depth: int = 15
    nesting: int = 150  # Selections inside each other in the text, inline fragments included.
    written_fields: int = 500  # Fields in the text.
    validated_selections: int = 5_000  # Of all definitions, with fragments expanded: validation visits each.
    compared_fields: int = 5_000  # Twice as often as validation compares two fields of one name: 4 µs each.
    expanded_fields: int = 1_000  # With every fragment expanded.
    values: int = 16_000  # Field values to be answered; the executor manages about 100,000 a second.
    cost: int = 10_000  # Objects in the answer, for staff and services.
    buyer_cost: int = 500  # The same for everybody else.
    list_size: int = 10  # The assumed size of a list without a size argument.
    value_depth: int = 32
    request_values: int = 5_000  # Of variables; a list of ids, the longest there is, has 3,000 in such a body.
    coercion_errors: int = 5


class LimitBroken(Exception):
    """The document exceeds a limit; `reason` is for machines, the text for people.

    `cost` is the document's maximum cost, where the cost exceeds the limit.
    """

    def __init__(self, reason: str, message: str, *, cost: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.cost = cost


class LinearCount(NamedTuple):
    """A count as a linear function of the size that an enclosing field sets.

    Lists directly inside a field multiply with the size that the field asks for (`payments(first: 50) { nodes { … }
    }`).
    """

    fixed: int = 0
    per_item: int = 0

    def merge(self, other: "LinearCount") -> "LinearCount":
        return LinearCount(self.fixed + other.fixed, self.per_item + other.per_item)

    def at(self, size: int) -> int:
        """Return the count when the lists directly inside have this size."""
        return self.fixed + self.per_item * size

    def of_field(self, own: int, *, size: int | None, is_list: bool, list_size: int, of_list: int) -> "LinearCount":
        """Wrap this selection in a field, which counts `own` itself, once or for each item of a list."""
        if not is_list:
            return LinearCount(own + self.at(list_size if size is None else size))
        each = own + self.at(list_size)
        return LinearCount(of_list, each) if size is None else LinearCount(of_list + each * size)


NOTHING: Final = LinearCount()


@dataclass(frozen=True, slots=True)
class Measure:
    """The measure of a selection, its fragments included. `surcharge` is the cost of fields beside their objects.

    `rows` and `parts` are the response names of rows, and of parts of rows, which cost nothing.
    """

    depth: int = 0
    fields: int = 0
    values: LinearCount = NOTHING
    cost: LinearCount = NOTHING
    surcharge: int = 0
    introspects: bool = False
    rows: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()

    @property
    def free(self) -> frozenset[str]:
        """The response names under which nothing has a cost."""
        return self.parts - self.rows

    def merge(self, other: "Measure") -> "Measure":
        """Merge two selections into one set."""
        return Measure(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.values.merge(other.values),
            self.cost.merge(other.cost),
            self.surcharge + other.surcharge,
            self.introspects or other.introspects,
            self.rows | other.rows,
            self.parts | other.parts,
        )


class Share(NamedTuple):
    """One field of a selection with its cost, and the number of items it asks for."""

    node: FieldNode
    named: GraphQLNamedType | None
    cost: LinearCount
    size: int | None
    is_list: bool


class Meter:
    """Measures one operation of a document with the given variables."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        limits: Limits,
        variables: Mapping[str, object],
    ) -> None:
        self.schema = schema
        self.operation = operation
        self.limits = limits
        self.sized_by: set[str] = set()  # The variables that the measure depends on.
        self._fragments = fragments_of(document)
        self._variables: dict[str, object] = {
            entry.variable.name.value: _literal(entry.default_value) for entry in operation.variable_definitions or ()
        }
        self._variables.update(variables)
        self._measured: dict[str, Measure] = {}

    def measure(self) -> Measure:
        """Measure the operation. Raises LimitBroken only for nesting deeper than any use."""
        for name in dependencies_first(self._fragments):
            fragment = self._fragments[name]
            on = self.schema.get_type(fragment.type_condition.name.value)
            self._measured[name] = self._selection(fragment.selection_set, on, 0)
        root = self.schema.get_root_type(self.operation.operation)
        return self._selection(self.operation.selection_set, root, 0)

    def shares(
        self, selection_set: SelectionSetNode, on: GraphQLNamedType | None, within: frozenset[str] = frozenset()
    ) -> Iterator[Share]:
        """List each field of a selection with its cost, also its fragments' fields, in a document of checked shape.

        `within` are the fragments around this selection: before validation they may form cycles.
        """
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                definition = _definition(on, selection.name.value)
                is_list = definition is not None and is_list_type(get_nullable_type(definition.type))
                named = None if definition is None else get_named_type(definition.type)
                size = self._size(selection, definition, is_list)
                yield Share(selection, named, self._field(selection, on, 0).cost, size, is_list)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else on
                yield from self.shares(selection.selection_set, inner, within)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name in self._fragments and name not in within:
                    fragment = self._fragments[name]
                    inner = self.schema.get_type(fragment.type_condition.name.value)
                    yield from self.shares(fragment.selection_set, inner, within | {name})

    def _selection(self, selection_set: SelectionSetNode, on: GraphQLNamedType | None, nesting: int) -> Measure:
        if nesting > self.limits.nesting:
            # Inline fragments nest without deepening the answer, so depth alone does not bound the recursion.
            raise LimitBroken("DEPTH_LIMIT", "The document is nested too deeply.")
        total = Measure()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                part = self._field(selection, on, nesting)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else on
                part = self._selection(selection.selection_set, inner, nesting + 1)
            elif isinstance(selection, FragmentSpreadNode):
                # Unknown or cyclic fragments count nothing here; validation refuses them.
                part = self._measured.get(selection.name.value, Measure())
            else:
                continue
            total = total.merge(part)
        return total

    def _field(self, node: FieldNode, on: GraphQLNamedType | None, nesting: int) -> Measure:
        definition = _definition(on, node.name.value)
        inner = Measure()
        named = None if definition is None else get_named_type(definition.type)
        if node.selection_set is not None:
            inner = self._selection(node.selection_set, named, nesting + 1)
        if node.name.value in META_FIELDS or (node.name.value == SDL_FIELD and definition is not None):
            # Introspection is deep by nature; it is bounded by its number of fields and graphql-core's own rule.
            size_of_it = 1 + inner.fields
            cost = INTROSPECTION + size_of_it // INTROSPECTED_FOR_ONE
            return Measure(1, size_of_it, LinearCount(size_of_it), LinearCount(cost), 0, True)
        is_list = definition is not None and is_list_type(get_nullable_type(definition.type))
        size = self._size(node, definition, is_list)
        list_size = self.limits.list_size
        is_part = named is not None and is_part_of_a_row(named)
        is_row = int(node.selection_set is not None and not is_part)
        surcharge = max(self._weight(node, definition) - is_row, 0)
        line = inner.cost.of_field(is_row, size=size, is_list=is_list, list_size=list_size, of_list=0)
        name = frozenset({(node.alias or node.name).value}) if node.selection_set is not None else frozenset()
        return Measure(
            1 + inner.depth,
            1 + inner.fields,
            inner.values.of_field(1, size=size, is_list=is_list, list_size=list_size, of_list=1),
            line.merge(LinearCount(surcharge)),
            inner.surcharge + surcharge,
            inner.introspects,
            inner.rows if is_part else inner.rows | name,
            inner.parts | name if is_part else inner.parts,
        )

    def _weight(self, node: FieldNode, definition: GraphQLField | None) -> int:
        """Return the field's own cost with these arguments."""
        if definition is None:
            return 0
        weights = (
            weight
            for argument in node.arguments or ()
            if (defined := definition.args.get(argument.name.value)) is not None
            and (weight := weight_of(defined))
            and self._value(argument.value) is not None
        )
        return weight_of(definition) + sum(weights)

    def _size(self, node: FieldNode, definition: GraphQLField | None, is_list: bool) -> int | None:
        """Return the number of items that the arguments ask for, or None when they do not say.

        An argument that is null, or a variable that is not passed, counts as left out: its default counts.
        """
        arguments = {argument.name.value: argument.value for argument in node.arguments or ()}
        values = (self._value(arguments[name]) for name in SIZE_ARGUMENTS if name in arguments)
        sizes = [size for value in values if (size := _as_size(value)) is not None]
        if not sizes and definition is not None:
            usual = (_default(definition, name) for name in SIZE_ARGUMENTS if name in definition.args)
            sizes = [size for value in usual if (size := _as_size(value)) is not None]
        if not sizes and is_list:
            for argument in arguments.values():
                items = self._value(argument)
                if isinstance(items, list):
                    sizes.append(len(items))
        return max(sizes, default=None)

    def _value(self, node: object) -> object:
        if isinstance(node, VariableNode):
            self.sized_by.add(node.name.value)
            return self._variables.get(node.name.value)
        return _literal(node)


def check_shape(measure: Measure, limits: Limits) -> None:
    """Raise LimitBroken for a document whose shape exceeds the limits, whatever its variables."""
    if measure.depth > limits.depth:
        raise LimitBroken("DEPTH_LIMIT", f"The document is nested too deeply; {limits.depth} levels are allowed.")
    if measure.fields > limits.expanded_fields:
        raise LimitBroken("FIELD_LIMIT", f"The document has too many fields; {limits.expanded_fields} are allowed.")


def check_cost(measure: Measure, limits: Limits, *, buyer_limits: bool, explain: Callable[[], str]) -> int:
    """Return the maximum cost of the answer, at least 1.

    Raise LimitBroken when it exceeds the caller's limit; `explain` then says where the cost comes from.
    """
    cost, values = measure.cost.at(limits.list_size), measure.values.at(limits.list_size)
    allowed = limits.buyer_cost if buyer_limits else limits.cost
    if cost > allowed:
        problem = f"The document costs {_shown(cost)}, {allowed} is allowed: {explain()}"
    elif values > limits.values:
        problem = f"The answer may hold {_shown(values)} values, {limits.values} are allowed"
    else:
        return max(cost, 1)
    raise LimitBroken("COST_LIMIT", f"{problem}. Ask for fewer fields or smaller pages.", cost=max(cost, 1))


def _shown(number: int) -> str:
    return str(number) if number < 10**9 else "more than 1000000000"


def _definition(on: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    return on.fields.get(name) if isinstance(on, (GraphQLObjectType, GraphQLInterfaceType)) else None


def _default(definition: GraphQLField, name: str) -> object:
    argument = definition.args[name]
    default = argument.default
    if default is not None:
        return _literal(default.literal) if default.literal is not None else default.value
    return argument.default_value


def _as_size(value: object) -> int | None:
    """Return the number of items that an argument's value asks for; None when it is no number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # GraphQL's Int takes 50.0 for 50.
    return max(value, 1) if isinstance(value, int) and not isinstance(value, bool) else None


def _literal(node: object) -> object:
    """Read a literal: an int, or a list of the right length; any other value does not size a list."""
    if isinstance(node, IntValueNode):
        # Longer than any size: validation refuses it, and Python refuses to parse thousands of digits.
        return int(node.value) if len(node.value) <= 18 else 10**18
    if isinstance(node, ListValueNode):
        return list(node.values)
    return None
