"""The shape of a document as written: bounded before validation, whose rules compare selections in pairs.

All definitions count, also the ones that will not be executed: validation visits each of them.
"""

from collections.abc import Iterable
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from server.graphql.fragments import dependencies_first, fragments_of
from server.graphql.query_cost import LimitBroken, Limits

ARGUMENTS_READ: Final = 8  # characters of arguments that are compared in the time that one field takes


def check_written(document: DocumentNode, limits: Limits) -> None:
    """Raise LimitBroken when validation would have to visit or compare too much."""
    sets = [
        definition.selection_set
        for definition in document.definitions
        if isinstance(definition, (OperationDefinitionNode, FragmentDefinitionNode))
    ]
    _check_depth_and_number(sets, limits)
    fragments = fragments_of(document)
    sizes: dict[str, int] = {}
    for name in dependencies_first(fragments):
        sizes[name] = _size(fragments[name].selection_set, sizes)
    if sum(_size(one, sizes) for one in sets) > limits.validated_selections:
        raise LimitBroken(
            "FIELD_LIMIT",
            "The document's operations and fragments have too many selections with all fragments written out; "
            f"{limits.validated_selections} are allowed.",
        )
    if _comparisons(sets, fragments, limits.compared_fields) > limits.compared_fields:
        raise LimitBroken(
            "FIELD_LIMIT",
            "The document asks for the same names too many times in the same places: comparing those fields would "
            "take too long. Ask for each once, or use aliases.",
        )


def _check_depth_and_number(sets: Iterable[SelectionSetNode], limits: Limits) -> None:
    count = 0
    waiting = [(one, 0) for one in sets]
    while waiting:
        one, nesting = waiting.pop()
        if nesting > limits.nesting:
            # Inline fragments nest without deepening the answer, so depth alone does not bound the recursion.
            raise LimitBroken("DEPTH_LIMIT", "The document is nested too deeply.")
        count += len(one.selections)
        waiting += [
            (selection.selection_set, nesting + 1)
            for selection in one.selections
            if isinstance(selection, (FieldNode, InlineFragmentNode)) and selection.selection_set is not None
        ]
    if count > limits.written_fields:
        raise LimitBroken(
            "FIELD_LIMIT", f"The document has too many selections; {limits.written_fields} may be written."
        )


def _size(selected: SelectionSetNode, sizes: dict[str, int]) -> int:
    """Count the selections with every fragment expanded; an edge that closes a cycle counts one."""
    total = 0
    for selection in selected.selections:
        total += 1
        if isinstance(selection, FragmentSpreadNode):
            total += sizes.get(selection.name.value, 0)
        elif isinstance(selection, (FieldNode, InlineFragmentNode)) and selection.selection_set is not None:
            total += _size(selection.selection_set, sizes)
    return total


def _comparisons(
    definitions: Iterable[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode], most: int
) -> int:
    """Count how often fields of one name in one place are compared; some number above `most` when it is more.

    Fragments may form cycles here, which validation finds. A selection set that stands alone in a place is visited
    once, and several meet in one place only where a name was compared: so this terminates.
    """
    total = 0
    waiting = [[one] for one in definitions]
    alone: set[int] = set()
    while waiting and total <= most:
        sets = waiting.pop()
        if len(sets) == 1:
            if id(sets[0]) in alone:
                continue
            alone.add(id(sets[0]))
        for fields in _by_name(sets, fragments).values():
            if len(fields) > 1:
                total += (len(fields) - 1) * sum(map(_weight, fields))
            below = [field.selection_set for field in fields if field.selection_set is not None]
            if below:
                waiting.append(below)
    return total


def _by_name(sets: list[SelectionSetNode], fragments: dict[str, FragmentDefinitionNode]) -> dict[str, list[FieldNode]]:
    found: dict[str, list[FieldNode]] = {}
    spread: set[str] = set()
    waiting = [*sets]
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FieldNode):
                found.setdefault((selection.alias or selection.name).value, []).append(selection)
            elif isinstance(selection, InlineFragmentNode):
                waiting.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name in fragments and name not in spread:
                    spread.add(name)
                    waiting.append(fragments[name].selection_set)
    return found


def _weight(field: FieldNode) -> int:
    """Return the weight of one field: more than 1 with long arguments, whose printed forms are compared too."""
    arguments = field.arguments
    if not arguments or arguments[0].loc is None or arguments[-1].loc is None:
        return 1
    return 1 + (arguments[-1].loc.end - arguments[0].loc.start) // ARGUMENTS_READ


def check_one_mutation(operation: OperationDefinitionNode, document: DocumentNode) -> str | None:
    """Return the name of the mutation's one root field; None when it selects only `__typename`.

    Raise LimitBroken when it has more than one: one document moves money once.
    """
    fields = [field.name.value for field in root_fields(operation, document).values()]
    acts = [name for name in fields if name != "__typename"]
    if len(acts) > 1:
        raise LimitBroken("ONE_MUTATION", "A document may hold one mutation; send the others in requests of their own.")
    return next(iter(acts), None)


def root_fields(operation: OperationDefinitionNode, document: DocumentNode) -> dict[str, FieldNode]:
    """Return the root fields by their response names, including the fields of fragments."""
    by_name = _by_name([operation.selection_set], fragments_of(document))
    return {key: fields[0] for key, fields in by_name.items()}
