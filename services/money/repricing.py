"""Re-pricing: an order's total changes after a payment has begun, and an open payment of it follows at Stripe.

The payment that asks for all that others leave follows the total by the same difference; one that asks for a stated
part keeps its amount. Nothing follows once the payer has confirmed: an order that may be paid in parts can then be
raised, for another payment asks for the rest of it. Source: docs.stripe.com/api/payment_intents/update.
"""

from collections.abc import Mapping
from typing import Any

from database.statements import Update, read_one
from database.unit_of_work import UnitOfWork
from domain.amounts import check_chargeable
from domain.errors import DomainError, ErrorCode, PaymentUnderWay, Refused
from domain.money import Money
from domain.states import PaymentShare
from models import Operation, Order, Payment
from services.audit.trail import Cause
from services.money.described import describe_change
from services.money.operations.ends import SETTLES_ORDER, TERMS
from services.money.operations.refusals import why_amount_stays
from services.money.operations.runner import ConcurrentOperation
from services.money.operations.steps import WAITS_FOR_METHOD, Step
from services.money.rules import check_free
from services.money.state.payment_state import begin_update

# What an order keeps once a payment of it has begun: its payer agreed to it, and Stripe was told.
BINDING = ("currency", "customer_id", "capture_method", "allow_partial_payments")
# Operations under way that change the order itself when they end: a new total, and a capture that settles it.
CHANGES_ORDER = f"""
WHERE payment_id = ANY($1::uuid[]) AND due IS NOT NULL AND id <> $2
  AND (params ? '{TERMS}' OR params ? '{SETTLES_ORDER}') LIMIT 1
"""


async def find_following_payment(operation: Operation, order: Order, terms: Mapping[str, Any]) -> Payment | None:
    """Return the open payment that follows the order's new total; None when the terms may be written at once.

    `terms` are all that the shop says of the order, by the names of its columns. The order and its payments are locked.
    Raises ConcurrentOperation while another operation is at work on the payment, PaymentUnderWay when the payer has
    confirmed it, and Refused(INVALID_STATE, AMOUNT_TOO_SMALL, AMOUNT_TOO_LARGE).
    """
    open_payments = [payment for payment in order.locked_payments if not payment.is_final]
    await _check_no_change_under_way(operation, order)
    more = terms["total_minor"] - order.total_minor
    is_bound = any(getattr(order, name) != terms[name] for name in BINDING)
    is_begun = bool(open_payments) or any(payment.captured_minor > 0 for payment in order.locked_payments)
    if not is_begun:
        return None
    if is_bound:
        raise _is_bound()
    _check_types(order, terms, open_payments)
    following = await _find_updatable(operation, order, open_payments, more) if more else None
    _check_lines(order, terms, more=more, others=[payment for payment in open_payments if payment is not following])
    if following is not None:
        _check_amount(following.amount_minor + more, order)
    elif more:
        _check_without_payment(order, open_payments, terms["total_minor"])
    return following


async def begin_repricing(
    work: UnitOfWork, operation: Operation, order: Order, payment: Payment, terms: Mapping[str, Any], cause: Cause
) -> None:
    """Write the accepted step that updates the payment at Stripe; the order changes when Stripe has done it."""
    amount = payment.amount_minor + terms["total_minor"] - order.total_minor
    others = {name: value for name, value in terms.items() if name not in ("total_minor", *BINDING)}
    changed = {name: value for name, value in others.items() if getattr(order, name) != value}
    operation.order_id, operation.payment_id, operation.step = order.id, payment.id, Step.UPDATE.value
    operation.params = {
        Step.UPDATE.value: {"amount": amount, **describe_change(order, payment, changed, amount_minor=amount)},
        TERMS: changed,
        "status_before": payment.status.value,
    }
    await begin_update(work, order, payment, amount, cause)
    await work.write(Update(operation, ("order_id", "payment_id", "step", "params")))


async def _find_updatable(
    operation: Operation, order: Order, open_payments: list[Payment], more: int
) -> Payment | None:
    """Return the open payment that asks for all that others leave, if its amount can change by this at Stripe.

    Raises ConcurrentOperation, and PaymentUnderWay where the order cannot change without it.
    """
    asks_for_rest = (one for one in open_payments if one.share is not PaymentShare.PART and one.reopened_at is None)
    payment = next(asks_for_rest, None)
    if payment is None:
        return None
    await check_free(operation, payment)
    if payment.status in WAITS_FOR_METHOD and _is_as_asked(payment, payment.amount_minor + more):
        return payment
    if order.allow_partial_payments and more > 0:
        return None
    raise PaymentUnderWay(
        payment_id=payment.id,
        status=payment.status,
        allowed_actions=payment.actions,
        message=why_amount_stays(payment),
        path=("input", "total"),
    )


def _is_as_asked(payment: Payment, amount_minor: int) -> bool:
    """Return True unless another program has changed the payment to another amount than the one it is to have now."""
    is_amount = payment.provider_amount_minor in (None, amount_minor) and payment.provider_currency is None
    return is_amount and payment.captured_minor == 0


def _check_amount(amount_minor: int, order: Order) -> None:
    """Refuse a total that would leave less for the payment that follows than Stripe charges."""
    if amount_minor <= 0:
        raise Refused(
            ErrorCode.INVALID_STATE,
            "Other payments of this order have taken or ask for all of this total already: cancel the one that asks for"
            " the rest first.",
            ("input", "total", "amount"),
        )
    check_chargeable(Money(amount_minor, order.currency), enabled=frozenset({order.currency}), path=("input", "total"))


async def _check_no_change_under_way(operation: Operation, order: Order) -> None:
    """Allow one change of an order after the other: the later one is what the shop has said last.

    A change may outlive its payment: Stripe's event can end that before our request has its answer. Raises
    ConcurrentOperation.
    """
    payment_ids = [payment.id for payment in order.locked_payments]
    other = await read_one(Operation, CHANGES_ORDER, payment_ids, operation.id) if payment_ids else None
    if other is not None:
        raise ConcurrentOperation(other.id)


def _check_without_payment(order: Order, open_payments: list[Payment], total_minor: int) -> None:
    """Check a new total that no payment follows: it covers what was taken and what open payments ask for.

    Where the order is paid by one payment it is only lowered, when that payment is over: the rest is never sent.
    """
    claimed = order.paid_minor + sum(payment.asked_minor for payment in open_payments)
    is_lower = total_minor < order.total_minor and not open_payments
    if total_minor < claimed or not (is_lower or order.allow_partial_payments):
        raise Refused(
            ErrorCode.INVALID_STATE,
            "Money was taken for this order: its total can be lowered to what was taken. Where it allows partial"
            " payments it can be any amount that covers what was taken and what open payments ask for.",
            ("input", "total"),
        )


def _check_lines(order: Order, terms: Mapping[str, Any], *, more: int, others: list[Payment]) -> None:
    """Refuse other line items while a payment is open, unless they come with another total.

    They do not vanish beside open `others`, which keep their amount: Stripe was told lines, and wants them repeated.
    """
    is_gone = bool(order.line_items) and not terms["line_items"]
    if others and order.line_items != terms["line_items"] and (more == 0 or is_gone):
        raise Refused(
            ErrorCode.INVALID_STATE,
            "This order has an open payment, and Stripe was told its line items: they can change with another total, or"
            " when it has ended.",
            ("input", "lineItems"),
        )


def _check_types(order: Order, terms: Mapping[str, Any], open_payments: list[Payment]) -> None:
    """Refuse other excluded types of payment methods while a payment is open, which was made with these."""
    if open_payments and order.excluded_payment_method_types != terms["excluded_payment_method_types"]:
        raise Refused(
            ErrorCode.INVALID_STATE,
            "This order has an open payment, and Stripe was told what may pay it: that can change when it has ended.",
            ("input", "excludedPaymentMethodTypes"),
        )


def _is_bound() -> DomainError:
    return Refused(
        ErrorCode.INVALID_STATE,
        "This order has a payment: its currency, customer and capture method, and whether it may be paid in parts, can"
        " no longer change.",
        ("input", "externalId"),
    )
