"""Permissions. A thing that is not the caller's is refused as one that does not exist: nobody learns which it is."""

from collections.abc import Iterable
from uuid import UUID

from database.statements import read_one
from domain.caller import Actor, Caller, PaymentAuthority, Scope
from domain.declines import LOST_OR_STOLEN, UNKNOWN_FAILURE, for_buyer
from domain.errors import DomainError, Forbidden, InvalidState, NotFound, Path
from domain.states import ActorKind, OperationKind, PaymentAction, PaymentStatus
from models import Payment
from resolvers.context import RequestContext
from services.money.state.locking import OrderSnapshot, read_snapshot

SEE_ALL_PAYMENTS = frozenset(
    {Scope.PAYMENTS_READ, Scope.PAYMENTS_WRITE, Scope.REFUNDS_WRITE, Scope.REFUNDS_APPROVE, Scope.ORDERS_WRITE}
)


class AuthenticationRequired(Forbidden):
    """Nobody asks: it is never an answer's data, always an error of the request."""

    def __init__(self) -> None:
        super().__init__("Sign in first: send a bearer token.")


def signed_in(context: RequestContext) -> Caller:
    """The caller. Raises AuthenticationRequired when there is none."""
    if context.caller is None:
        raise AuthenticationRequired
    return context.caller


def require(context: RequestContext, *scopes: Scope) -> Caller:
    """The caller, who has at least one of these scopes. Raises AuthenticationRequired or Forbidden."""
    caller = signed_in(context)
    if not any(caller.can(scope) for scope in scopes):
        raise Forbidden(f"This needs the scope {' or '.join(scope.value for scope in scopes)}.")
    return caller


def sees_all_payments(caller: Caller | None) -> bool:
    """Return True for a caller whose scopes cover everybody's payments, with their names and notes.

    Not all staff do (`Caller.is_staff`): a token for disputes, finance or operations alone does not see payments.
    """
    return caller is not None and not caller.scopes.isdisjoint(SEE_ALL_PAYMENTS)


async def own_customer_id(context: RequestContext) -> UUID | None:
    """The customer that a buyer's token stands for, or None if no order ever named them."""
    caller = context.caller
    if caller is None or not caller.can(Scope.PAYMENTS_PAY):
        return None
    known = context.own_customers.find(caller.subject)
    if known is not None:
        return known
    customer = await context.loaders.customer_by_external_id.load(caller.subject)
    if customer is None:
        return None
    context.own_customers.keep(caller.subject, customer.id)
    return customer.id


def visible_actor(context: RequestContext, actor: Actor) -> Actor:
    """The actor of something that the caller may see; to buyers, the staff are nameless."""
    caller = context.caller
    is_own = caller is not None and actor.kind is ActorKind.CUSTOMER and actor.id == caller.subject
    return actor if is_own or sees_all_payments(caller) else Actor(actor.kind, None, None)


def visible_error(context: RequestContext, error: DomainError) -> DomainError:
    """Return a refusal, fresh or stored, as the caller may read it.

    A buyer does not learn why a bank suspects a card, and an advice that only others may follow is left out.
    """
    if isinstance(error, InvalidState):
        actions = permitted_actions(context, error.allowed_actions, error.status)
        return InvalidState(status=error.status, allowed_actions=actions, message=error.message, path=error.path)
    return error if sees_all_payments(context.caller) else for_buyer(error)


def visible_failure_reason(context: RequestContext, reason: str | None) -> str | None:
    """Return the reason for which a refund failed, as the caller may read it; as `visible_error`."""
    return UNKNOWN_FAILURE if reason == LOST_OR_STOLEN and not sees_all_payments(context.caller) else reason


async def may_pay(context: RequestContext, customer_id: UUID | None) -> bool:
    """Return True if the caller pays for this customer, or is a service that takes payments. Never raises."""
    return (await payment_authority(context)).includes(customer_id)


async def payment_authority(context: RequestContext) -> PaymentAuthority:
    """Return the customer for whose orders and payments the caller may act. Never raises."""
    if context.caller is not None and context.caller.can(Scope.PAYMENTS_WRITE):
        return PaymentAuthority(is_service=True)
    return PaymentAuthority(customer_id=await own_customer_id(context))


async def payable_order(
    context: RequestContext,
    order_id: UUID | None,
    key: str,
    *scopes: Scope,
    path: Path,
    kind: OperationKind = OperationKind.CREATE_PAYMENT,
) -> OrderSnapshot:
    """Return an order, and the state of the caller's key, for a caller with one of these scopes who may pay the order.

    Raises AuthenticationRequired, Forbidden, or NotFound for a foreign or missing one.
    """
    caller = require(context, *scopes)
    if order_id is None:
        raise NotFound(path)
    snapshot = await read_snapshot(order_id, principal=caller.principal, kind=kind, key=key)
    if snapshot.order is None or not await may_pay(context, snapshot.order.customer_id):
        raise NotFound(path)
    return snapshot


async def load_payment_for_payer(context: RequestContext, payment_id: UUID | None, *, path: Path) -> Payment:
    """Return the payment, for its payer or a service that takes payments.

    Raises AuthenticationRequired, Forbidden, NotFound.
    """
    require(context, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    payment = await read_one(Payment, "WHERE id = $1", payment_id) if payment_id is not None else None
    if payment is None or not await may_pay(context, payment.customer_id):
        raise NotFound(path)
    return payment


async def staff_payment(context: RequestContext, payment_id: UUID | None, *scopes: Scope, path: Path) -> Payment:
    """Return any payment, for a caller with one of these scopes. Raises AuthenticationRequired, Forbidden, NotFound."""
    require(context, *scopes)
    payment = await read_one(Payment, "WHERE id = $1", payment_id) if payment_id is not None else None
    if payment is None:
        raise NotFound(path)
    return payment


def permitted_actions(
    context: RequestContext, actions: Iterable[PaymentAction], status: PaymentStatus
) -> tuple[PaymentAction, ...]:
    """Return the actions, of these, that the caller may ask of a visible payment in this status."""
    return context.caller.permitted(actions, status) if context.caller is not None else ()
