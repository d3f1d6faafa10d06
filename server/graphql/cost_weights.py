"""The weights of `@cost` in the schema, read from the types that a document is measured by."""

from typing import Final

from graphql import GraphQLArgument, GraphQLField, GraphQLNamedType

from schema.directives import Cost

DEFINITION: Final = "strawberry-definition"


def weight_of(element: GraphQLField | GraphQLArgument) -> int:
    """Return the weight of a field, or of an argument that is passed; 0 without `@cost`."""
    return _said(element) or 0


def is_part_of_a_row(kind: GraphQLNamedType) -> bool:
    """Return True for a type whose objects cost nothing: an amount, an edge or a page is read with its row."""
    return _said(kind) == 0


def _said(element: GraphQLField | GraphQLArgument | GraphQLNamedType) -> int | None:
    described = element.extensions.get(DEFINITION)
    directives = getattr(described, "directives", None) or ()
    return next((directive.weight for directive in directives if isinstance(directive, Cost)), None)
