"""Anonymous requests: read only as far as it takes to answer "sign in".

A request without a token may use few fields, so little of it is read: a short document, whose root fields show whether
any of it is open to anonymous callers. Nothing else is measured, validated, planned or executed.
"""

from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_location,
    is_non_null_type,
)

from domain.errors import ErrorCode
from resolvers.access import AuthenticationRequired
from server.graphql.document_shape import root_fields
from server.http.errors import Code, Problem, RequestRefused, refuse

TYPENAME: Final = "__typename"
OF_THE_SCHEMA: Final = frozenset({TYPENAME, "__schema", "__type"})


class AnonymousRefused(RequestRefused):
    """The operation needs a token. Reading it costs a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnonymousAccess:
    """The root fields open to a request without a token; `fields` None opens all of them."""

    fields: frozenset[str] | None = None
    document_characters: int = 4_096  # Introspection, the longest there is, takes 1,700.
    document_tokens: int = 500  # Introspection takes 200.

    def check_length(self, query: str) -> None:
        """Raise RequestRefused for a document longer than any that an anonymous caller needs."""
        if self.fields is not None and len(query) > self.document_characters:
            most = self.document_characters
            raise refuse(
                f"{AuthenticationRequired().message} Without one, a document has at most {most} characters.",
                reason="DOCUMENT_TOO_LONG",
                code=Code.UNAUTHENTICATED,
                json_status=200,
            )

    def tokens(self, usual: int) -> int:
        """Return how many tokens a document may have when it is read for an anonymous caller."""
        return usual if self.fields is None else min(usual, self.document_tokens)

    def check_fields(self, operation: OperationDefinitionNode, document: DocumentNode, schema: GraphQLSchema) -> None:
        """Raise AnonymousRefused for an operation with a root field that needs a token.

        The refusal has the form of an execution that failed for each of these fields: null, and an error at its path.
        """
        if self.fields is None:
            return
        selected = root_fields(operation, document)
        closed = {key: field for key, field in selected.items() if field.name.value not in self.fields | OF_THE_SCHEMA}
        if not closed:
            return
        problems = [_sign_in(key, field) for key, field in closed.items()]
        if operation.operation is OperationType.SUBSCRIPTION:
            raise AnonymousRefused(problems)
        root = schema.get_root_type(operation.operation)
        assert root is not None, "the schema has all three roots"
        data = {key: root.name if field.name.value == TYPENAME else None for key, field in selected.items()}
        types = [root.fields[field.name.value].type for field in closed.values() if field.name.value in root.fields]
        raise AnonymousRefused(
            problems, status=200, has_data=True, data=None if any(map(is_non_null_type, types)) else data
        )


def _sign_in(key: str, field: FieldNode) -> Problem:
    place = get_location(field.loc.source, field.loc.start) if field.loc is not None else None
    return Problem(
        message=AuthenticationRequired().message,
        code=Code.UNAUTHENTICATED,
        reason=ErrorCode.FORBIDDEN.value,
        path=(key,),
        locations=((place.line, place.column),) if place is not None else (),
    )
