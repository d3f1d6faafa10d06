"""The share of its order that a new payment asks for: all of it, or a part where the order allows several payments."""

from domain.amounts import check_chargeable
from domain.commands import CreatePayment
from domain.errors import ActivePaymentExists, AmountMismatch, ErrorCode, LimitExceeded, OrderAlreadyPaid, Refused
from domain.money import Money
from domain.states import PaymentShare, PaymentStatus
from models import Order, Payment
from services.money.rules import check_currency
from services.money.state import locking


def check_share(order: Order, command: CreatePayment, *, currencies: frozenset[str]) -> tuple[PaymentShare, Money]:
    """Return the share of the order that a new payment asks for, and its amount: never more than is left to ask for.

    Where the order allows several payments, what is left is the amount due less what open payments ask for already; the
    caller expects exactly that. Raises AmountMismatch, OrderAlreadyPaid, ActivePaymentExists when open payments ask for
    everything, LimitExceeded(AMOUNT_EXCEEDS_PAYABLE), and Refused(CURRENCY_MISMATCH, CURRENCY_NOT_ENABLED,
    AMOUNT_TOO_SMALL, VALIDATION_FAILED).
    """
    expected, part = command.expected_amount, command.partial_amount
    check_currency(expected, order.currency, ("input", "expectedAmount", "currency"))
    if order.due.amount_minor == 0:
        raise OrderAlreadyPaid(order_id=order.id)
    payable = order.payable if order.allow_partial_payments else order.due
    if payable.amount_minor == 0:
        raise _in_the_way([payment for payment in order.locked_payments if not payment.is_final][-1])
    if expected != payable:
        raise AmountMismatch(expected=expected, actual=payable, path=("input", "expectedAmount", "amount"))
    check_chargeable(payable, enabled=currencies, path=("input", "expectedAmount"))
    if part is None:
        return _share_of_all(order), payable
    _check_part(order, part, payable)
    return PaymentShare.PART, part


def check_expected(payment: Payment, expected: Money | None) -> None:
    """Refuse a confirmation for another amount than the payer was shown. Raises AmountMismatch and Refused."""
    if expected is None:
        return
    check_currency(expected, payment.currency, ("input", "expectedAmount", "currency"))
    if expected != payment.amount:
        path = ("input", "expectedAmount", "amount")
        asked = f"The payment asks for {payment.amount.decimal} {payment.currency}, not {expected.decimal}."
        raise AmountMismatch(expected=expected, actual=payment.amount, path=path, message=asked)


def earlier_payment(order: Order) -> Payment | None:
    """Return the payment whose place a new one takes, or None.

    Where the order allows several payments, that is the latest one that was cancelled and not replaced yet; elsewhere
    the latest one. Raises ActivePaymentExists while one is open and the order allows no other beside it.
    """
    payments = order.locked_payments
    if order.allow_partial_payments:
        replaced = {payment.supersedes_id for payment in payments}
        given_up = [one for one in payments if one.status is PaymentStatus.CANCELED and one.id not in replaced]
        return given_up[-1] if given_up else None
    live = locking.live_payment(order)
    if live is not None:
        raise _in_the_way(live)
    return payments[-1] if payments else None


def _share_of_all(order: Order) -> PaymentShare:
    """Return the share of a payment that asks for all that is left. An order has one open REST at most."""
    if not order.allow_partial_payments:
        return PaymentShare.WHOLE
    others = (payment for payment in order.locked_payments if not payment.is_final)
    return PaymentShare.REST if all(one.share is PaymentShare.PART for one in others) else PaymentShare.PART


def _check_part(order: Order, part: Money, payable: Money) -> None:
    """Refuse a part that the order does not allow, that is too large, or whose rest could not be charged."""
    if not order.allow_partial_payments:
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            "This order is paid by one payment: leave `partialAmount` out, or let the shop allow partial payments.",
            ("input", "partialAmount"),
        )
    check_currency(part, order.currency, ("input", "partialAmount", "currency"))
    path = ("input", "partialAmount", "amount")
    if part > payable:
        raise LimitExceeded(ErrorCode.AMOUNT_EXCEEDS_PAYABLE, requested=part, available=payable, path=path)
    rest, least = payable - part, Money(payable.definition.min_minor or 0, payable.currency)
    if rest.amount_minor > 0 and rest < least:
        raise Refused(
            ErrorCode.AMOUNT_TOO_SMALL,
            f"This would leave {rest.decimal} {rest.currency} to pay, and the least that can be charged is"
            f" {least.decimal} {least.currency}: pay everything, or leave more.",
            path,
        )


def _in_the_way(live: Payment) -> ActivePaymentExists:
    return ActivePaymentExists(payment_id=live.id, allowed_actions=live.actions)
