"""Who may see and do what. A thing that is not the caller's does not exist for them: the two look the same."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from tortoise.expressions import Q

from domain.caller import Actor, Caller, PaymentAuthority, Scope
from domain.declines import LOST_OR_STOLEN, UNKNOWN_FAILURE, for_buyer
from domain.errors import DomainError, Forbidden, InvalidState, NotFound, Path
from domain.states import ActorKind, OperationKind, PaymentAction, PaymentStatus
from models import Customer, Order, Payment
from models.sql import read_one
from resolvers.conditions import matching
from resolvers.context import Asking
from services.rows import Seen, see

WORKS_HERE = frozenset(
    {Scope.PAYMENTS_READ, Scope.PAYMENTS_WRITE, Scope.REFUNDS_WRITE, Scope.REFUNDS_APPROVE, Scope.ORDERS_WRITE}
)


class SignIn(Forbidden):
    """Nobody asks: it is never an answer's data, always an error of the request."""

    def __init__(self) -> None:
        super().__init__("Sign in first: send a bearer token.")


def signed_in(asking: Asking) -> Caller:
    """The caller. Raises SignIn when there is none."""
    if asking.caller is None:
        raise SignIn
    return asking.caller


def require(asking: Asking, *scopes: Scope) -> Caller:
    """The caller, who has at least one of these scopes. Raises SignIn or Forbidden."""
    caller = signed_in(asking)
    if not any(caller.can(scope) for scope in scopes):
        raise Forbidden(f"This needs the scope {' or '.join(scope.value for scope in scopes)}.")
    return caller


def works_here(caller: Caller | None) -> bool:
    """Whether this is one of the staff or a service, who may see names and notes that a buyer may not."""
    return caller is not None and not caller.scopes.isdisjoint(WORKS_HERE)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller may read: everything, one customer's, or one order's. None of the three is nothing."""

    everything: bool = False
    customer_id: UUID | None = None
    order_id: UUID | None = None

    def covers_order(self, order: Order) -> bool:
        return self.everything or _same(order.customer_id, self.customer_id) or _same(order.id, self.order_id)

    def covers_payment(self, payment: Payment) -> bool:
        """A payment is its own customer's, whoever its order belongs to by now."""
        by_customer = _same(payment.customer_id, self.customer_id)
        return self.everything or by_customer or _same(payment.order_id, self.order_id)

    def covers_customer(self, customer_id: UUID) -> bool:
        return self.everything or customer_id == self.customer_id

    def column(self) -> tuple[str | None, UUID | None]:
        """The column of payments that bounds what may be read, and its value; no column for everything."""
        if self.everything:
            return None, None
        return ("customer_id", self.customer_id) if self.customer_id is not None else ("order_id", self.order_id)

    def condition(self, prefix: str = "") -> Q | None:
        """The condition on payments, or on what hangs below them with `prefix`; None when nothing can match."""
        if self.everything:
            return Q()
        if self.customer_id is not None:
            return matching(**{f"{prefix}customer_id": self.customer_id})
        if self.order_id is not None:
            return matching(**{f"{prefix}order_id": self.order_id})
        return None


async def reach(asking: Asking) -> Reach:
    """What the caller may read. Raises SignIn, or Forbidden for a token that reads nothing."""
    caller = signed_in(asking)
    if caller.order_id is not None:
        return Reach(order_id=caller.order_id)
    if caller.can(Scope.PAYMENTS_READ):
        return Reach(everything=True)
    require(asking, Scope.PAYMENTS_READ, Scope.PAYMENTS_PAY)
    return Reach(customer_id=await own_customer_id(asking))


async def own_customer_id(asking: Asking) -> UUID | None:
    """The customer that a buyer's token stands for, or None if no order ever named them."""
    caller = asking.caller
    if caller is None or not caller.can(Scope.PAYMENTS_PAY):
        return None
    known = asking.own_customers.find(caller.subject)
    if known is not None:
        return known
    customer = await asking.loaders.customer_by_external_id.load(caller.subject)
    if customer is None:
        return None
    asking.own_customers.keep(caller.subject, customer.id)
    return customer.id


def sees_all_payments(caller: Caller | None) -> bool:
    """Whether the caller sees all payments below what they may see, and not their own alone."""
    return caller is None or caller.order_id is not None or works_here(caller)


async def owner_shown(asking: Asking) -> UUID | None:
    """The customer whose payments alone the caller sees below what they may see; None when they see all of them."""
    return None if sees_all_payments(asking.caller) else await own_customer_id(asking)


async def visible_customer(asking: Asking, customer_id: UUID | None) -> Customer | None:
    """The customer of something that the caller may see, if the caller may see people: the staff, or themselves."""
    if customer_id is None or asking.caller is None or asking.caller.order_id is not None:
        return None
    if not works_here(asking.caller) and customer_id != await own_customer_id(asking):
        return None
    return await asking.loaders.customer.load(customer_id)


def visible_actor(asking: Asking, actor: Actor) -> Actor:
    """The actor of something that the caller may see; to buyers, the staff are nameless."""
    caller = asking.caller
    is_own = caller is not None and actor.kind is ActorKind.CUSTOMER and actor.id == caller.subject
    return actor if is_own or works_here(caller) else Actor(actor.kind, None, None)


def visible_error(asking: Asking, error: DomainError) -> DomainError:
    """A refusal, fresh or stored, as the caller may read it: a buyer does not learn why a bank suspects a card, and
    nobody is told to do what only others may."""
    if isinstance(error, InvalidState):
        actions = permitted_actions(asking, error.allowed_actions, error.status)
        return InvalidState(status=error.status, allowed_actions=actions, message=error.message, path=error.path)
    return error if works_here(asking.caller) else for_buyer(error)


def visible_failure_reason(asking: Asking, reason: str | None) -> str | None:
    """Why a refund failed, as the caller may read it; as `visible_error`."""
    return UNKNOWN_FAILURE if reason == LOST_OR_STOLEN and not works_here(asking.caller) else reason


async def may_pay(asking: Asking, customer_id: UUID | None) -> bool:
    """Whether the caller pays for this customer, or is a service that takes payments. Never raises."""
    return (await payment_authority(asking)).includes(customer_id)


async def payment_authority(asking: Asking) -> PaymentAuthority:
    """On whose orders and payments the caller may act. Never raises."""
    if asking.caller is not None and asking.caller.can(Scope.PAYMENTS_WRITE):
        return PaymentAuthority(is_service=True)
    return PaymentAuthority(customer_id=await own_customer_id(asking))


async def payable_order(asking: Asking, order_id: UUID | None, key: str, *, path: Path) -> tuple[Order, Seen]:
    """The order, for someone who may pay it, and how it and their key stand.

    Raises SignIn, Forbidden, or NotFound for a foreign or missing one.
    """
    caller = require(asking, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    if order_id is None:
        raise NotFound(path)
    seen = await see(order_id, principal=caller.principal, kind=OperationKind.CREATE_PAYMENT, key=key)
    if seen.order is None or not await may_pay(asking, seen.order.customer_id):
        raise NotFound(path)
    return seen.order, seen


async def payers_payment(asking: Asking, payment_id: UUID | None, *, path: Path) -> Payment:
    """The payment, for its payer or a service that takes payments. Raises SignIn, Forbidden, NotFound."""
    require(asking, Scope.PAYMENTS_PAY, Scope.PAYMENTS_WRITE)
    payment = await read_one(Payment, "WHERE id = $1", payment_id) if payment_id is not None else None
    if payment is None or not await may_pay(asking, payment.customer_id):
        raise NotFound(path)
    return payment


async def staff_payment(asking: Asking, payment_id: UUID | None, *scopes: Scope, path: Path) -> Payment:
    """Any payment, for someone with one of these scopes. Raises SignIn, Forbidden, NotFound."""
    require(asking, *scopes)
    payment = await read_one(Payment, "WHERE id = $1", payment_id) if payment_id is not None else None
    if payment is None:
        raise NotFound(path)
    return payment


def permitted_actions(
    asking: Asking, actions: Iterable[PaymentAction], status: PaymentStatus
) -> tuple[PaymentAction, ...]:
    """Those of these actions that the caller may ask of a payment in this status that they may see."""
    return asking.caller.permitted(actions, status) if asking.caller is not None else ()


def _same(one: UUID | None, other: UUID | None) -> bool:
    """Whether both are known and equal: two unknown owners are not the same person."""
    return one is not None and one == other
