"""Orders and customers: registering what is owed, and reading it."""

from collections.abc import Mapping
from typing import Any

from domain.caller import Scope
from domain.commands import RegisterOrder
from domain.errors import ErrorCode, Refused
from domain.ids import Kind, row_id
from domain.text import check_external_id
from execution import Projection
from models import Order
from resolvers.access import require
from resolvers.context import RequestContext
from resolvers.input_parsing import idempotent_request, parse_command
from resolvers.mutation_result import Result, answer
from resolvers.reading.projected_queries import order_row
from resolvers.visibility import lookup, visibility
from services.money import orders
from services.money.operations.runner import OperationOutcome


async def order(
    context: RequestContext, *, id: str | None, external_id: str | None, projection: Projection
) -> Order | None:
    """One order by our id or by the shop's. Raises Refused unless exactly one of the two is given."""
    sees = await lookup(context)
    if (id is None) == (external_id is None):
        raise Refused(ErrorCode.VALIDATION_FAILED, "Give either `id` or `externalId`.", ("id",))
    column: str
    value: object
    if external_id is not None:
        column, value = "external_id", check_external_id(external_id, path=("externalId",))
    else:
        column, value = "id", row_id(id or "", Kind.ORDER)
    if value is None:
        return None
    row = await order_row(column, value, projection, sees=await visibility(context))
    if row is None or not sees.includes_order(row):
        return None
    context.recovery.order_was_read(row)
    return row


async def register_order(context: RequestContext, *, input: Mapping[str, Any], key: str) -> Result:
    """State what an order owes, for a service."""

    async def act() -> OperationOutcome:
        caller = require(context, Scope.ORDERS_WRITE)
        command = parse_command(context, RegisterOrder, input)
        request = idempotent_request(context, caller, command, key)
        return await orders.register_order(request, command, runner=context.runner)

    return await answer(context, act)
