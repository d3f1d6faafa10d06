"""The one place where refusals become data, and where the answer to a mutation is put together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from database.statements import read_one
from domain.errors import ActivePaymentExists, DomainError, OperationInProgress, PaymentUnderWay
from domain.states import OperationKind
from models import Customer, Operation, Order, Payment, Refund, SetupIntent
from resolvers.access import AuthenticationRequired
from resolvers.context import RequestContext
from resolvers.visibility import visible_customer, visible_order, visible_payment, visible_refund, visible_setup
from services.money.operations.runner import OperationOutcome


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a mutation: the rows as they stand now, or the error.

    `client_secret` is only known to the call that made the payment or the setup.
    """

    error: DomainError | None = None
    operation: Operation | None = None
    replayed: bool = False
    order: Order | None = None
    payment: Payment | None = None
    refund: Refund | None = None
    customer: Customer | None = None
    setup_intent: SetupIntent | None = None
    client_secret: str | None = field(default=None, repr=False)


async def answer(context: RequestContext, act: Callable[[], Awaitable[OperationOutcome]]) -> Result:
    """Run one act and answer it; every DomainError becomes data, except that nobody asked.

    An act that was carried out shows the payment as it left it, a replay as it is now. Raises AuthenticationRequired
    and DatabaseUnavailable.
    """
    try:
        outcome = await act()
    except AuthenticationRequired:
        raise
    except (ActivePaymentExists, PaymentUnderWay) as refusal:
        in_the_way = await read_one(Payment, "WHERE id = $1", refusal.payment_id)
        return Result(error=refusal, payment=await visible_payment(context, in_the_way))
    except OperationInProgress as refusal:
        return Result(error=refusal, operation=await _own_operation(context, refusal.operation_id))
    except DomainError as refusal:
        return Result(error=refusal)
    return await _result(context, outcome)


async def _result(context: RequestContext, outcome: OperationOutcome) -> Result:
    operation, payment = outcome.operation, outcome.payment
    if payment is not None:
        context.loaders.order.prime(payment.order_id, payment.order)
    elif operation.payment_id is not None:
        payment = await read_one(Payment, "WHERE id = $1", operation.payment_id)
    is_of_order = operation.kind is OperationKind.REGISTER_ORDER and operation.order_id is not None
    order = await read_one(Order, "WHERE id = $1", operation.order_id) if is_of_order else None
    refund = await read_one(Refund, "WHERE id = $1", operation.refund_id) if operation.refund_id else None
    is_of_customer = operation.payment_id is None and operation.customer_id is not None
    return Result(
        error=outcome.error,
        operation=operation,
        replayed=outcome.replayed,
        order=await visible_order(context, order),
        payment=await visible_payment(context, payment),
        refund=await visible_refund(context, refund),
        customer=await visible_customer(context, operation.customer_id) if is_of_customer else None,
        setup_intent=await visible_setup(context, operation.setup_intent_id),
        client_secret=outcome.client_secret,
    )


async def _own_operation(context: RequestContext, operation_id: UUID) -> Operation | None:
    """The operation, if it is the caller's: the one in the way may be somebody else's."""
    if context.caller is None:
        return None
    return await read_one(Operation, "WHERE id = $1 AND principal = $2", operation_id, context.caller.principal)
