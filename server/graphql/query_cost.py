"""How much one GraphQL document may ask for: depth, fields, cost, and one act with money.

Everything is measured in one pass that visits each fragment once, so a fragment bomb costs what its text
costs. The pass reads the schema only for types; it runs before validation (whose comparison of fields is
quadratic) and tolerates what validation will refuse.

The cost is counted as Shopify and GitHub count it: a row costs 1, a leaf nothing, a list what its size says, a
field with `@cost` its weight; amounts, edges and pages are parts of their rows. `values` is the other bound: all that
the executor has to fill in. Aliases have no bound of their own: gateways that batch make many, and each costs.
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
INTROSPECTION: Final = 10  # the price of reading the schema, which is in memory, once
INTROSPECTED_FOR_ONE: Final = 10  # fields of it for the price of one row


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The numbers of the house. Each is about ten times what the largest of our own operations uses."""

    body_bytes: int = 100 * 1024
    body_seconds: float = 10.0  # A body of 100 KiB takes longer than this only from a client that stalls.
    query_seconds: float = 10.0
    tokens: int = 2_000  # Parsing costs about 5 µs per token.
    comments: int = 200
    depth: int = 15
    nesting: int = 150  # Of selections in the text, inline fragments included.
    written_fields: int = 500  # In the text.
    validated_selections: int = 5_000  # Of all definitions, with fragments written out: what validation goes through.
    compared_fields: int = 5_000  # Twice as often as validation compares two fields of one name: 4 µs each.
    expanded_fields: int = 1_000  # With every fragment written out.
    values: int = 15_000  # Field values to be answered; the executor manages about 100,000 a second.
    cost: int = 10_000  # Objects to be answered, for the staff and for services.
    buyer_cost: int = 500  # The same for everybody else.
    list_size: int = 10  # What a list without a size of its own is taken to hold.
    value_depth: int = 32
    request_values: int = 5_000  # Of variables; a list of ids, the longest there is, has 3,000 in such a body.
    coercion_errors: int = 5


class LimitBroken(Exception):
    """The document asks for more than is allowed; `reason` is for machines, the text for people.

    `cost` is what the document could have cost, where that is why.
    """

    def __init__(self, reason: str, message: str, *, cost: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.cost = cost


class Line(NamedTuple):
    """How much there is of something, as a line and not a number: lists directly inside multiply with the size
    that the field above asked for (`payments(first: 50) { nodes { … } }`)."""

    fixed: int = 0
    per_item: int = 0

    def beside(self, other: "Line") -> "Line":
        return Line(self.fixed + other.fixed, self.per_item + other.per_item)

    def at(self, size: int) -> int:
        """How much it is when the lists directly inside have this size."""
        return self.fixed + self.per_item * size

    def of_field(self, own: int, *, size: int | None, is_list: bool, list_size: int, of_list: int) -> "Line":
        """The field around this selection, which counts `own` itself, once or for each item of a list."""
        if not is_list:
            return Line(own + self.at(list_size if size is None else size))
        each = own + self.at(list_size)
        return Line(of_list, each) if size is None else Line(of_list + each * size)


NOTHING: Final = Line()


@dataclass(frozen=True, slots=True)
class Measure:
    """What a selection asks for, its fragments included. `surcharge` is what fields cost beside their objects.

    `rows` and `parts` are the names in the answer under which rows stand, and parts of rows, which cost nothing.
    """

    depth: int = 0
    fields: int = 0
    values: Line = NOTHING
    cost: Line = NOTHING
    surcharge: int = 0
    introspects: bool = False
    rows: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()

    @property
    def free(self) -> frozenset[str]:
        """The names under which nothing stands that costs."""
        return self.parts - self.rows

    def beside(self, other: "Measure") -> "Measure":
        """Both selections in one set."""
        return Measure(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.values.beside(other.values),
            self.cost.beside(other.cost),
            self.surcharge + other.surcharge,
            self.introspects or other.introspects,
            self.rows | other.rows,
            self.parts | other.parts,
        )


class Share(NamedTuple):
    """One field of a selection with its cost, and how many items it asks for."""

    node: FieldNode
    named: GraphQLNamedType | None
    cost: Line
    size: int | None
    is_list: bool


class Meter:
    """Measures one operation of a document under the given variables."""

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
        self.sized_by: set[str] = set()  # The variables on which the measure depends.
        self._fragments = fragments_of(document)
        self._variables: dict[str, object] = {
            entry.variable.name.value: _literal(entry.default_value) for entry in operation.variable_definitions or ()
        }
        self._variables.update(variables)
        self._measured: dict[str, Measure] = {}

    def measure(self) -> Measure:
        """What the operation asks for. Raises LimitBroken only for nesting beyond any use."""
        for name in dependencies_first(self._fragments):
            fragment = self._fragments[name]
            on = self.schema.get_type(fragment.type_condition.name.value)
            self._measured[name] = self._selection(fragment.selection_set, on, 0)
        root = self.schema.get_root_type(self.operation.operation)
        return self._selection(self.operation.selection_set, root, 0)

    def shares(
        self, selection_set: SelectionSetNode, on: GraphQLNamedType | None, within: frozenset[str] = frozenset()
    ) -> Iterator[Share]:
        """What each field of a selection costs, those of its fragments included. For documents of a checked shape.

        `within` are the fragments that this selection stands in: before validation they may go round.
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
            total = total.beside(part)
        return total

    def _field(self, node: FieldNode, on: GraphQLNamedType | None, nesting: int) -> Measure:
        definition = _definition(on, node.name.value)
        inner = Measure()
        named = None if definition is None else get_named_type(definition.type)
        if node.selection_set is not None:
            inner = self._selection(node.selection_set, named, nesting + 1)
        if node.name.value in META_FIELDS:
            # Deep by nature; bounded by its number of fields and graphql-core's rule for introspection.
            size_of_it = 1 + inner.fields
            cost = INTROSPECTION + size_of_it // INTROSPECTED_FOR_ONE
            return Measure(1, size_of_it, Line(size_of_it), Line(cost), 0, True)
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
            line.beside(Line(surcharge)),
            inner.surcharge + surcharge,
            inner.introspects,
            inner.rows if is_part else inner.rows | name,
            inner.parts | name if is_part else inner.parts,
        )

    def _weight(self, node: FieldNode, definition: GraphQLField | None) -> int:
        """What the field costs by itself with these arguments."""
        if definition is None:
            return 0
        given = (
            weight
            for argument in node.arguments or ()
            if (defined := definition.args.get(argument.name.value)) is not None
            and (weight := weight_of(defined))
            and self._value(argument.value) is not None
        )
        return weight_of(definition) + sum(given)

    def _size(self, node: FieldNode, definition: GraphQLField | None, is_list: bool) -> int | None:
        """How many items the arguments ask for, or None when they do not say.

        An argument that is null, or a variable that is not there, is one that was left out: its default counts.
        """
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        asked = (self._value(given[name]) for name in SIZE_ARGUMENTS if name in given)
        sizes = [size for value in asked if (size := _as_size(value)) is not None]
        if not sizes and definition is not None:
            usual = (_default(definition, name) for name in SIZE_ARGUMENTS if name in definition.args)
            sizes = [size for value in usual if (size := _as_size(value)) is not None]
        if not sizes and is_list:
            for argument in given.values():
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
    """Raise LimitBroken for a document whose shape alone is too much, whatever its variables."""
    if measure.depth > limits.depth:
        raise LimitBroken("DEPTH_LIMIT", f"The document is nested too deeply; {limits.depth} levels are allowed.")
    if measure.fields > limits.expanded_fields:
        raise LimitBroken("FIELD_LIMIT", f"The document has too many fields; {limits.expanded_fields} are allowed.")


def check_cost(measure: Measure, limits: Limits, *, is_buyer: bool, explain: Callable[[], str]) -> int:
    """What the answer may cost at most, and 1 at least.

    Raise LimitBroken when it could be too large; `explain` then says where the cost comes from.
    """
    cost, values = measure.cost.at(limits.list_size), measure.values.at(limits.list_size)
    allowed = limits.buyer_cost if is_buyer else limits.cost
    if cost > allowed:
        said = f"The document costs {_shown(cost)}, {allowed} is allowed: {explain()}"
    elif values > limits.values:
        said = f"The answer may hold {_shown(values)} values, {limits.values} are allowed"
    else:
        return max(cost, 1)
    raise LimitBroken("COST_LIMIT", f"{said}. Ask for fewer fields or smaller pages.", cost=max(cost, 1))


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
    """The number of items that an argument's value asks for; None when it is no number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # GraphQL's Int takes 50.0 for 50.
    return max(value, 1) if isinstance(value, int) and not isinstance(value, bool) else None


def _literal(node: object) -> object:
    """An int, or a list of the right length; anything else does not size a list."""
    if isinstance(node, IntValueNode):
        # Longer than any size: validation refuses it, and Python refuses to read thousands of digits.
        return int(node.value) if len(node.value) <= 18 else 10**18
    if isinstance(node, ListValueNode):
        return list(node.values)
    return None
