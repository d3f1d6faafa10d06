"""Orders and customers: registering what is owed, and reading it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.amounts import check_chargeable
from domain.caller import Scope
from domain.errors import ErrorCode, Refused
from domain.ids import Kind, row_id
from domain.states import CaptureMethod, OperationKind
from domain.text import check_email, check_external_id, clean_text
from models import Customer, Order
from resolvers import input_parsing
from resolvers.access import require
from resolvers.context import RequestContext
from resolvers.input_parsing import RawMoney
from resolvers.mutation_result import Result, answer
from resolvers.reading.filters import matching
from resolvers.reading.projected_queries import order_row
from resolvers.reading.projection import Projection
from resolvers.visibility import lookup, visibility
from services.money import orders
from services.money.idempotency import Outcome

LONGEST_DESCRIPTION = 1000


@dataclass(frozen=True, slots=True)
class GivenOrder:
    """An order as a service states it, not yet checked."""

    external_id: str
    total: RawMoney
    customer_external_id: str | None
    customer_email: str | None
    description: str | None
    metadata: Mapping[str, str] | None
    capture_method: CaptureMethod


async def order(
    context: RequestContext, *, id: str | None, external_id: str | None, wanted: Projection | None = None
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
    if wanted is not None:
        row = await order_row(column, value, wanted, sees=await visibility(context))
    else:
        row = await Order.get_or_none(matching(**{column: value}))
    if row is None or not sees.includes_order(row):
        return None
    context.repairs.order_was_read(row)
    return row


async def customer(context: RequestContext, *, id: str) -> Customer | None:
    """One customer, for the staff or for themselves."""
    sees = await lookup(context)
    customer_id = row_id(id, Kind.CUSTOMER)
    if customer_id is None or not sees.includes_customer(customer_id):
        return None
    return await context.loaders.customer.load(customer_id)


async def register_order(context: RequestContext, *, input: GivenOrder, key: str) -> Result:
    """State what an order owes, for a service."""

    async def act() -> Outcome:
        caller = require(context, Scope.ORDERS_WRITE)
        new = _checked(context, input)
        ask = input_parsing.idempotent_request(context, caller, OperationKind.REGISTER_ORDER, key, _record(new))
        return await orders.register_order(ask, new, runner=context.runner)

    return await answer(context, act)


def _checked(context: RequestContext, input: GivenOrder) -> orders.NewOrder:
    total = input_parsing.money(input.total, path=("input", "total"))
    check_chargeable(total, enabled=context.currencies, path=("input", "total"))
    owner, email, description = input.customer_external_id, input.customer_email, input.description
    if email is not None and owner is None:
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            "`customerEmail` needs `customerExternalId`: an address alone is nobody.",
            ("input", "customerEmail"),
        )
    if description is not None:
        description = clean_text(
            description, path=("input", "description"), max_length=LONGEST_DESCRIPTION, multiline=True
        )
    if owner is not None:
        owner = check_external_id(owner, path=("input", "customerExternalId"))
    return orders.NewOrder(
        external_id=check_external_id(input.external_id, path=("input", "externalId")),
        total=total,
        customer_external_id=owner,
        customer_email=check_email(email, path=("input", "customerEmail")) if email is not None else None,
        description=description,
        metadata=input_parsing.metadata(input.metadata, path=("input", "metadata")),
        capture_method=input.capture_method,
    )


def _record(new: orders.NewOrder) -> dict[str, Any]:
    record: dict[str, Any] = {
        "externalId": new.external_id,
        "total": input_parsing.money_record(new.total),
        "customerExternalId": new.customer_external_id,
        "customerEmail": new.customer_email,
        "description": new.description,
        "metadata": dict(new.metadata),
    }
    if new.capture_method is not CaptureMethod.AUTOMATIC:  # repeated keys of before do not say it
        record["captureMethod"] = new.capture_method.value
    return record
