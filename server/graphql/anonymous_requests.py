"""Requests without a token: read as far as it takes to say "sign in", and no further.

Whoever shows no token may ask for little, so little is read of what they send: a short document, whose root fields say
whether anything of it is for strangers. Nothing else is measured, validated, planned or run.
"""

from dataclasses import dataclass
from typing import Final

from graphql import DocumentNode, FieldNode, OperationDefinitionNode, OperationType, get_location

from domain.errors import ErrorCode
from resolvers.access import AuthenticationRequired
from server.graphql.document_shape import root_fields
from server.http.errors import Code, Problem, RequestRefused, refuse

TYPENAME: Final = "__typename"
OF_THE_SCHEMA: Final = frozenset({TYPENAME, "__schema", "__type"})


class NotForStrangers(RequestRefused):
    """The operation needs a token: it was read, and that costs a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """What a request without a token may ask for; `fields` of the root None lets it ask for everything."""

    fields: frozenset[str] | None = None
    document_characters: int = 4_096  # Introspection, the longest there is, takes 1,700.
    document_tokens: int = 500  # Introspection takes 200.

    def check_length(self, query: str) -> None:
        """Raise RequestRefused for a longer document than strangers have use for."""
        if self.fields is not None and len(query) > self.document_characters:
            most = self.document_characters
            raise refuse(
                f"{AuthenticationRequired().message} Without one, a document has at most {most} characters.",
                reason="DOCUMENT_TOO_LONG",
                code=Code.UNAUTHENTICATED,
                json_status=200,
            )

    def tokens(self, usual: int) -> int:
        """How many tokens a document may have that is read for a stranger."""
        return usual if self.fields is None else min(usual, self.document_tokens)

    def check_fields(self, operation: OperationDefinitionNode, document: DocumentNode) -> None:
        """Raise NotForStrangers for an operation with a root field that is not for strangers.

        The refusal reads as if each such field had been asked: null, and an error at its place.
        """
        if self.fields is None:
            return
        asked = root_fields(operation, document)
        closed = {key: field for key, field in asked.items() if field.name.value not in self.fields | OF_THE_SCHEMA}
        if not closed:
            return
        problems = [_sign_in(key, field) for key, field in closed.items()]
        if operation.operation is OperationType.SUBSCRIPTION:
            raise NotForStrangers(problems)
        root = operation.operation.value.capitalize()
        data = {key: root if field.name.value == TYPENAME else None for key, field in asked.items()}
        raise NotForStrangers(problems, status=200, data=data)


def _sign_in(key: str, field: FieldNode) -> Problem:
    place = get_location(field.loc.source, field.loc.start) if field.loc is not None else None
    return Problem(
        message=AuthenticationRequired().message,
        code=Code.UNAUTHENTICATED,
        reason=ErrorCode.FORBIDDEN.value,
        path=(key,),
        locations=((place.line, place.column),) if place is not None else (),
    )
