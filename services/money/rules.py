"""Rules that several operations share, checked on rows that are locked or written by an optimistic unit of work."""

from database.statements import read_one
from domain.caller import PaymentAuthority
from domain.errors import ErrorCode, NotFound, Path, Refused
from domain.money import Money
from domain.states import PaymentAction
from models import Operation, Order, Payment
from services.money.operations.refusals import invalid_state
from services.money.operations.runner import ConcurrentOperation


def check_currency(amount: Money, currency: str, path: tuple[str, ...]) -> None:
    """Refuse an amount in another currency than the order's or payment's."""
    if amount.currency != currency:
        raise Refused(ErrorCode.CURRENCY_MISMATCH, f"The currency is {amount.currency}; this is in {currency}.", path)


def check_owner(row: Order | Payment, authority: PaymentAuthority, *, path: Path) -> None:
    """Refuse an order or a payment of another customer, as if it did not exist. Raises NotFound.

    Checked on the locked row, or one that is written only as it was read: since the caller was authorised it may have
    become another customer's.
    """
    if not authority.includes(row.customer_id):
        raise NotFound(path)


async def check_free(operation: Operation, payment: Payment) -> None:
    """Allow one operation at a time on a payment. A refund is exempt: its reservation protects it."""
    at_work = "WHERE payment_id = $1 AND refund_id IS NULL AND due IS NOT NULL AND id <> $2 LIMIT 1"
    other = await read_one(Operation, at_work, payment.id, operation.id)
    if other is not None:
        raise ConcurrentOperation(other.id)


def check_allowed(payment: Payment, action: PaymentAction) -> None:
    """Refuse an action that the payment's status does not allow. Raises InvalidState."""
    if action not in payment.actions:
        raise invalid_state(payment)
