"""The variables whose values shape a plan."""

from collections.abc import Iterator, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    Visitor,
    visit,
)


def shaping(document: DocumentNode, operation: OperationDefinitionNode) -> tuple[str, ...]:
    """Return the variables whose values shape a plan: the ones that can stand in a directive or size a list.

    The arguments of a subscription's root field do not: they are used before its events are answered, and a client that
    resumes has another place in them each time.
    """
    names = [
        definition.variable.name.value
        for definition in operation.variable_definitions or ()
        if _type_name(definition.type) in ("Boolean", "Int")
    ]
    if not names or operation.operation is not OperationType.SUBSCRIPTION:
        return tuple(names)
    used = _used_below(document, operation)
    return tuple(name for name in names if name in used)


def _type_name(type_: Any) -> str | None:
    named = getattr(type_, "type", type_)
    name: str | None = getattr(getattr(named, "name", None), "value", None)
    return name


def _used_below(document: DocumentNode, operation: OperationDefinitionNode) -> set[str]:
    """Return the variables that stand anywhere but in the arguments of the operation's root fields."""
    finder = _VariableFinder([argument for field in _roots(document, operation) for argument in field.arguments or ()])
    for definition in (operation, *(one for one in document.definitions if isinstance(one, FragmentDefinitionNode))):
        for part in (definition.selection_set, *(definition.directives or ())):
            visit(part, finder)
    return finder.found


def _roots(document: DocumentNode, operation: OperationDefinitionNode) -> Iterator[FieldNode]:
    """Yield the fields of the root, of a document that need not be valid yet."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    waiting: list[SelectionSetNode] = [operation.selection_set]
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                waiting.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value in fragments:
                waiting.append(fragments.pop(selection.name.value).selection_set)  # once: they may go round


class _VariableFinder(Visitor):
    """Collects variables, but not inside these arguments."""

    def __init__(self, passed_over: Sequence[ArgumentNode]) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._passed_over = frozenset(map(id, passed_over))

    def enter_argument(self, node: ArgumentNode, *_: object) -> Any:
        return self.SKIP if id(node) in self._passed_over else None

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.found.add(node.name.value)
