"""What `@cost` says in the schema, read off the types that a document is measured by."""

from typing import Final

from graphql import GraphQLArgument, GraphQLField, GraphQLNamedType

from schema.directives import Cost

DEFINITION: Final = "strawberry-definition"


def weight_of(element: GraphQLField | GraphQLArgument) -> int:
    """What a field costs, or an argument that is given; 0 where nothing is said."""
    return _said(element) or 0


def is_part_of_a_row(kind: GraphQLNamedType) -> bool:
    """Whether objects of this type cost nothing: an amount, an edge or a page is read with its row."""
    return _said(kind) == 0


def _said(element: GraphQLField | GraphQLArgument | GraphQLNamedType) -> int | None:
    described = element.extensions.get(DEFINITION)
    directives = getattr(described, "directives", None) or ()
    return next((directive.weight for directive in directives if isinstance(directive, Cost)), None)
