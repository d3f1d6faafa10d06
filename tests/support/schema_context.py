"""The schema, executed without HTTP, database or Stripe: a resolver that needs one of them fails."""

from typing import Any
from uuid import UUID

from graphql import GraphQLError
from strawberry.types import ExecutionResult

from domain.caller import Caller, Scope
from domain.command_fields import Rules
from provider import Provider
from resolvers.context import RequestContext
from resolvers.reading.customer_cache import OwnCustomers
from schema import schema
from services.live.hub import Live
from services.live.refresh_on_read import ProviderReads
from services.money.operations.recovery import RecoveryOnRead
from services.money.operations.runner import OperationRunner


class NoProvider(Provider):
    """Stripe is missing: a call would be an AttributeError."""

    def __init__(self) -> None:
        pass


def context(who: Caller | None = None) -> RequestContext:
    """Make a request's context without a database and without Stripe."""
    provider = NoProvider()
    runner = OperationRunner(provider)
    return RequestContext.for_request(
        caller=who,
        request_id="req_test",
        runner=runner,
        recovery=RecoveryOnRead(runner, enabled=False),
        provider_reads=ProviderReads(provider),
        live=Live(),
        rules=Rules(currencies=frozenset({"USD"})),
        publishable_key=None,
        sign_view_token=lambda _, __: None,
        own_customers=OwnCustomers(),
    )


def caller(*scopes: Scope, order_id: UUID | None = None) -> Caller:
    return Caller(subject="somebody", scopes=frozenset(scopes), order_id=order_id)


async def run(query: str, who: Caller | None = None, **variables: Any) -> ExecutionResult:
    result = await schema.execute(query, variable_values=variables, context_value=context(who))
    assert isinstance(result, ExecutionResult)
    return result


def cause(result: ExecutionResult) -> Exception | None:
    """Return the exception behind the only error of a result."""
    assert result.errors is not None
    [error] = result.errors
    original: Exception | None = error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return original
