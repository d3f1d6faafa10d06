"""Directives that say in the schema what the resolvers enforce."""

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="auth",
    description="Who gets an answer: callers with one of these scopes. Others get null or FORBIDDEN.",
)
class Auth:
    """The scopes that open a field."""

    scopes: list[str] = strawberry.field(description="Scopes of the bearer token.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.ARGUMENT_DEFINITION, Location.OBJECT, Location.INTERFACE],
    name="cost",
    description="What a field counts against the cost limit of a document, or more when the argument is given. Objects"
    " of a type with weight 0 are part of the row that they stand on.",
)
class Cost:
    """The weight of a field, of an argument, or of the objects of a type."""

    weight: int = strawberry.field(description="The cost of one item.")
    multiplier: str | None = strawberry.field(
        default=strawberry.UNSET, description="The argument that says how many items there are."
    )


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="pii",
    description="Personal data: never logged, never cached, erased on request.",
)
class Pii:
    """A field with personal data."""


PII = Pii()
PART_OF_A_ROW = [Cost(weight=0)]
