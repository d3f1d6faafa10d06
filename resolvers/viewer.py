"""The caller, as they may read themselves."""

from domain.caller import Actor, Caller
from domain.states import ActorKind
from models import Customer
from resolvers.access import own_customer_id, signed_in
from resolvers.context import RequestContext


def viewer(context: RequestContext) -> Caller:
    """Return the caller. Raises AuthenticationRequired."""
    return signed_in(context)


def actor_of(caller: Caller) -> Actor:
    """The caller as the audit trail would name them."""
    return Actor(ActorKind.CUSTOMER, None, "view token") if caller.order_id is not None else caller.actor


def scopes_of(caller: Caller) -> list[str]:
    """Return the scopes of the caller's token, in alphabetical order."""
    return sorted(scope.value for scope in caller.scopes)


async def customer(context: RequestContext) -> Customer | None:
    """The customer that a buyer's token stands for, if an order has named them."""
    customer_id = await own_customer_id(context)
    return await context.loaders.customer.load(customer_id) if customer_id is not None else None
