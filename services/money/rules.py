"""Rules that several acts with money share, each checked on rows that are locked or written only as they were read."""

from database.statements import read_one
from domain.caller import PaymentAuthority
from domain.errors import ErrorCode, NotFound, Path, Refused
from domain.money import Money
from domain.states import PaymentAction
from models import Operation, Order, Payment
from services.money.idempotency import ConcurrentOperation
from services.money.refusals import invalid_state


def check_currency(given: Money, currency: str, path: tuple[str, ...]) -> None:
    """Refuse an amount in another currency than the order's or payment's."""
    if given.currency != currency:
        raise Refused(ErrorCode.CURRENCY_MISMATCH, f"The currency is {given.currency}; this is in {currency}.", path)


def check_owner(row: Order | Payment, authority: PaymentAuthority, *, path: Path) -> None:
    """Refuse what is not theirs, as if it did not exist. On a locked row, or one that is written only as it was seen:
    since the caller was let in it may have become somebody else's. Raises NotFound."""
    if not authority.includes(row.customer_id):
        raise NotFound(path)


async def check_free(operation: Operation, payment: Payment) -> None:
    """One act at a time on a payment. A refund is no such act: it has its reservation."""
    at_work = "WHERE payment_id = $1 AND refund_id IS NULL AND due IS NOT NULL AND id <> $2 LIMIT 1"
    other = await read_one(Operation, at_work, payment.id, operation.id)
    if other is not None:
        raise ConcurrentOperation(other.id)


def check_allowed(payment: Payment, action: PaymentAction) -> None:
    """Refuse an act that the payment's status does not allow. Raises InvalidState."""
    if action not in payment.actions:
        raise invalid_state(payment)
