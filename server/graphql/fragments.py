"""The fragments of a document, in an order that visits each once."""

from collections.abc import Mapping

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments of a document by name."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def dependencies_first(fragments: Mapping[str, FragmentDefinitionNode]) -> list[str]:
    """Order fragment names so that each comes after the fragments it spreads.

    An edge that closes a cycle is ignored.
    """
    spreads = {name: _spreads(fragment.selection_set) for name, fragment in fragments.items()}
    ordered: list[str] = []
    entered: set[str] = set()
    for start in fragments:
        if start in entered:
            continue
        entered.add(start)
        stack = [(start, iter(spreads[start]))]
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                ordered.append(name)
                stack.pop()
            elif following in spreads and following not in entered:
                entered.add(following)
                stack.append((following, iter(spreads[following])))
    return ordered


def _spreads(selection_set: SelectionSetNode) -> list[str]:
    names: list[str] = []
    waiting = [selection_set]
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                names.append(selection.name.value)
            elif isinstance(selection, (FieldNode, InlineFragmentNode)) and selection.selection_set is not None:
                waiting.append(selection.selection_set)
    return names
