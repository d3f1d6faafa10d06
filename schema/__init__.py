"""SAYS: what clients see. Types, inputs, enums, errors, scalars; no behaviour."""

from collections.abc import Mapping
from functools import cache

from graphql import GraphQLError
from strawberry import Schema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema_directive import StrawberrySchemaDirective
from strawberry.types import ExecutionContext
from strawberry.types.scalar import ScalarDefinition

from schema.errors import ERROR_TYPES
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.types.connections import describe_connections
from schema.types.events import PaymentEvent
from schema.types.payment_methods import SNAPSHOTS
from schema.types.reconciliation import Discrepancy, ReconciliationRun
from schema.types.webhook_events import WebhookEvent

__all__ = ["print_sdl", "schema"]


class QuietSchema(Schema):
    """A schema that logs nothing itself: query texts and values are no business of a log, and the server reports."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        return


def make_schema(query: type, scalars: Mapping[object, ScalarDefinition] = SCALARS) -> QuietSchema:
    """Make the schema with these queries, described throughout."""
    made = QuietSchema(
        query=query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*ERROR_TYPES, *SNAPSHOTS, PaymentEvent, WebhookEvent, ReconciliationRun, Discrepancy],
        config=StrawberryConfig(scalar_map={**scalars}, disable_field_suggestions=True),
    )
    _describe_directives(made)
    describe_connections(made._schema)
    return made


def _describe_directives(made: Schema) -> None:
    """Give the arguments of our directives their descriptions, which Strawberry keeps to itself."""
    for directive in made._schema.directives:
        definition = directive.extensions.get("strawberry-definition")
        if isinstance(definition, StrawberrySchemaDirective):
            for argument, said in zip(directive.args.values(), definition.fields, strict=True):
                argument.description = said.description


schema = make_schema(Query)


@cache
def print_sdl() -> str:
    """The schema in its definition language, as `schema/schema.graphql` holds it."""
    return schema.as_str() + "\n"
