"""Phase 1 of operations on payments: claim the key, lock, check the rules on the current rows, write, commit."""

from collections.abc import Mapping
from typing import Any

from database.row_writer import build_row
from database.statements import Insert, Update, read_one
from database.unit_of_work import OptimisticUnitOfWork, UnitOfWork
from domain.caller import PaymentAuthority
from domain.checkout.method_types import MethodTypes
from domain.commands import CancelPayment, CapturePayment, ConfirmPayment, CreatePayment
from domain.errors import ErrorCode, Forbidden, LimitExceeded, Refused
from domain.ids import derived_id
from domain.metadata import OF_A_PAYMENT, stripe_metadata
from domain.money import Money
from domain.states import CaptureMethod, PaymentAction, PaymentShare, PaymentStatus
from models import Operation, Order, Payment
from services.audit.trail import Cause, Change, record
from services.money.confirmations import confirm_params, token_params
from services.money.customers import Payer, find_payer, refresh_if_deleted
from services.money.described import describe, line_item_params
from services.money.offered_methods import check_offered, offered_params
from services.money.operations.claims import IdempotentRequest
from services.money.operations.ends import SETTLES_ORDER, end_unsent, end_with_known
from services.money.operations.refusals import invalid_state
from services.money.operations.runner import (
    OperationOutcome,
    OperationRunner,
    accept_if_unchanged,
    accept_under_locks,
    carry_out,
    replay,
    run_once,
)
from services.money.operations.steps import METHOD_ID, PAYMENT_MAKERS, Step
from services.money.rules import check_allowed, check_currency, check_free, check_owner
from services.money.shares import check_expected, check_share, earlier_payment
from services.money.state import locking
from services.money.state.locking import OrderSnapshot

# A creation that waits and was never sent. A process that takes it up locks it first, so that this statement skips it:
# of the two, the later one finds what the earlier one has written.
UNSENT = f"""
WHERE payment_id = $1 AND kind IN ({PAYMENT_MAKERS}) AND state = 'UNRESOLVED'
  AND (step = 'customer' OR (step IN ('create', 'charge') AND effect = 'NONE' AND first_sent_at IS NULL))
FOR NO KEY UPDATE SKIP LOCKED
"""


async def create_payment(
    request: IdempotentRequest,
    command: CreatePayment,
    snapshot: OrderSnapshot,
    *,
    authority: PaymentAuthority,
    currencies: frozenset[str],
    method_types: MethodTypes,
    runner: OperationRunner,
    absent: Payer | None = None,
) -> OperationOutcome:
    """Charge what the order owes, or the stated part of it, once; or prepare a payment that the payer confirms.

    `snapshot` is the order and the key as they stood just now; the order's owner is checked again on the order that is
    accepted on. `absent` is the payer, where they are away. Raises NotFound, Forbidden, the errors of `check_share`,
    `earlier_payment`, `check_offered` and `offered_params`, and those of `run_once`. A decline is in the outcome's
    `error`, with the payment still open.
    """

    async def accept(work: UnitOfWork, operation: Operation) -> Payment:
        assert snapshot.order is not None, "nobody has looked for the order"
        is_locked = not isinstance(work, OptimisticUnitOfWork)
        order = await locking.lock_order(command.order_id) if is_locked else snapshot.order
        check_owner(order, authority, path=("input", "orderId"))
        _check_same_owner(order, snapshot.order)
        if (known := _taken_in(order, operation)) is not None and await end_with_known(work, operation, known):
            return known
        asked = check_share(order, command, currencies=currencies)
        check_offered(payer.saved, order, method_types)
        payment = _new_payment(command, order, asked, payer, operation, authority, livemode=runner.livemode)
        params = _create_params(command, order, snapshot.customer_external_id, payer, payment, operation, method_types)
        begun = _begun(operation, payment, payer.first_step, params)
        cause = Cause(actor=request.caller.actor, operation_id=operation.id)
        await record(work, order, _initiated(payment), cause, Insert(payment), begun)
        order.locked_payments.append(payment)
        return payment

    if snapshot.operation is not None:
        return await replay(request, snapshot, runner)
    assert snapshot.order is not None, "nobody has looked for the order"
    payer = absent or await find_payer(command, snapshot)
    accepted = await accept_if_unchanged(request, snapshot.order, accept, runner)
    accepted = accepted or await accept_under_locks(request, accept, runner)
    outcome = await carry_out(request, accepted, runner)
    await refresh_if_deleted(outcome, snapshot.order.customer_id, request, runner)
    return outcome


async def confirm_payment(
    request: IdempotentRequest, command: ConfirmPayment, *, authority: PaymentAuthority, runner: OperationRunner
) -> OperationOutcome:
    """Confirm an open payment with this method or token, or one that its customer keeps: a new attempt on the intent.

    Replaces an earlier attempt that still waits for its payer. Without a `return_url` the payer returns to the page
    that createPayment named.

    Raises NotFound, InvalidState unless the payment waits for a method, a confirmation or its payer, AmountMismatch
    when the payer was shown another amount, Refused(PAYMENT_METHOD_UNUSABLE) for a kept method that cannot pay this,
    and Refused(VALIDATION_FAILED) when there is no page to return to.
    Source: docs.stripe.com/api/payment_intents/confirm.
    """

    async def accept(work: UnitOfWork, operation: Operation) -> Payment:
        order, payment = await locking.lock_payment(command.payment_id)
        check_owner(payment, authority, path=("input", "paymentId"))
        check_owner(order, authority, path=("input", "paymentId"))  # it may be another customer's by now
        await check_free(operation, payment)
        check_allowed(payment, PaymentAction.CONFIRM)
        check_expected(payment, command.expected_amount)
        params = await confirm_params(command, payment)
        return await _begin(work, operation, payment, Step.CONFIRM, params)

    return await run_once(request, accept, runner)


async def capture_payment(
    request: IdempotentRequest, command: CapturePayment, *, runner: OperationRunner
) -> OperationOutcome:
    """Take money that is held, all of it or less, never more than was asked for; the rest is released.

    `settles_order` says that no more will be asked for: when the money is taken, the order's total is lowered to the
    amount taken. Raises InvalidState, LimitExceeded(AMOUNT_EXCEEDS_CAPTURABLE), Refused(CURRENCY_MISMATCH).
    """

    async def accept(work: UnitOfWork, operation: Operation) -> Payment:
        order, payment = await locking.lock_payment(command.payment_id)
        await check_free(operation, payment)
        check_allowed(payment, PaymentAction.CAPTURE)
        capturable = payment.money(min(payment.capturable_minor, payment.amount_minor))
        amount = capturable if command.amount is None else command.amount
        check_currency(amount, payment.currency, ("input", "amount", "currency"))
        if amount > capturable:
            raise LimitExceeded(
                ErrorCode.AMOUNT_EXCEEDS_CAPTURABLE,
                requested=amount,
                available=capturable,
                path=("input", "amount", "amount"),
            )
        capture = {"amount_to_capture": amount.amount_minor}
        params = {Step.CAPTURE: capture | line_item_params(order.line_items, amount_minor=payment.amount_minor)}
        settles: dict[str, Any] = {SETTLES_ORDER: True} if command.settles_order else {}
        return await _begin(work, operation, payment, Step.CAPTURE, params | settles)

    return await run_once(request, accept, runner)


async def cancel_payment(
    request: IdempotentRequest, command: CancelPayment, *, authority: PaymentAuthority, runner: OperationRunner
) -> OperationOutcome:
    """Cancel an open payment and release what it holds; only a service may release held money.

    A payment that was never sent to Stripe ends here, without a call. Raises NotFound, and InvalidState when it is too
    late, or when money is held and a buyer asks. `services.money.operations.provider_calls` asks Stripe once more
    before it cancels a buyer's payment that may hold money by then.
    """

    async def accept(work: UnitOfWork, operation: Operation) -> Payment:
        order, payment = await locking.lock_payment(command.payment_id)
        check_owner(payment, authority, path=("input", "paymentId"))
        unsent = await read_one(Operation, UNSENT, payment.id)
        if unsent is not None:
            cause = Cause(actor=request.caller.actor, operation_id=operation.id)
            await end_unsent(work, unsent, operation, order, payment, reason=command.reason, cause=cause)
            return payment
        await check_free(operation, payment)
        check_allowed(payment, PaymentAction.CANCEL)
        if payment.stripe_payment_intent_id is None:
            raise invalid_state(
                payment, "Nobody knows yet whether Stripe has this payment. Ask again when it is decided."
            )
        if not authority.is_service and payment.status is PaymentStatus.REQUIRES_CAPTURE:
            raise invalid_state(payment, "The money of this payment is held: only the shop can release it.")
        params = {"cancellation_reason": command.reason.value.lower()} if command.reason else {}
        return await _begin(work, operation, payment, Step.CANCEL, {Step.CANCEL: params})

    return await run_once(request, accept, runner)


def _new_payment(
    command: CreatePayment,
    order: Order,
    asked: tuple[PaymentShare, Money],
    payer: Payer,
    operation: Operation,
    authority: PaymentAuthority,
    *,
    livemode: bool,
) -> Payment:
    """Build a payment of a share of the order. Raises Forbidden, and ActivePaymentExists while one is in its way."""
    earlier = earlier_payment(order)
    share, amount = asked
    payment = build_row(
        Payment,
        id=derived_id("payment", str(operation.id)),
        order_id=order.id,
        customer_id=order.customer_id,
        supersedes_id=earlier.id if earlier is not None else None,
        livemode=livemode,
        capture_method=_capture_method(command.capture_method, order, authority),
        off_session=payer.is_away,
        share=share,
        currency=amount.currency,
        amount_minor=amount.amount_minor,
        **command.stored(),
    )
    payment.order = order
    return payment


def _check_same_owner(order: Order, before: Order) -> None:
    """Refuse an order that became another customer's since it was read: a service sends its own customer's method."""
    if order.customer_id != before.customer_id:
        raise Refused(
            ErrorCode.INVALID_STATE,
            "This order has just become another customer's. Look at it, and decide again.",
            ("input", "orderId"),
        )


def _initiated(payment: Payment) -> Change:
    return Change(
        "payment.initiated",
        before={},
        after=payment.facts(),
        amount=payment.amount,
        payment_id=payment.id,
        to_status=payment.status,
    )


def _taken_in(order: Order, operation: Operation) -> Payment | None:
    """Return the payment of this very key, if its operation was lost and the payment was adopted from Stripe since."""
    payment_id = derived_id("payment", str(operation.id))
    return next((payment for payment in order.locked_payments if payment.id == payment_id), None)


def _capture_method(requested: CaptureMethod | None, order: Order, authority: PaymentAuthority) -> CaptureMethod:
    """Return the capture method. The shop decides it, because it ships for money that is held or taken."""
    if requested is None or requested is order.capture_method or authority.is_service:
        return requested or order.capture_method
    raise Forbidden(
        f"The shop decides when the money is taken, and this order says {order.capture_method.value}:"
        " leave `captureMethod` out.",
        ("input", "captureMethod"),
    )


async def _begin(
    work: UnitOfWork, operation: Operation, payment: Payment, step: Step, params: Mapping[str, Any]
) -> Payment:
    """Write the accepted step on its operation, and return the payment."""
    await work.write(_begun(operation, payment, step, params))
    return payment


def _begun(operation: Operation, payment: Payment, step: Step, params: Mapping[str, Any]) -> Update[Operation]:
    """Set the accepted step on its operation, with the exact parameters, before the first call."""
    operation.order_id, operation.payment_id = payment.order_id, payment.id
    operation.step = step.value
    before = {"charge_before": payment.stripe_charge_id, "status_before": payment.status.value}
    operation.params = {**{str(name): sent for name, sent in params.items()}, **before}
    return Update(operation, ("order_id", "payment_id", "step", "params"))


def _create_params(
    command: CreatePayment,
    order: Order,
    customer_external_id: str | None,
    payer: Payer,
    payment: Payment,
    operation: Operation,
    method_types: MethodTypes,
) -> dict[str, Any]:
    ids = (str(order.id), order.external_id, customer_external_id, str(payment.id), str(operation.id))
    ours = dict(zip(OF_A_PAYMENT, ids, strict=True))
    create: dict[str, Any] = {
        "amount": payment.amount_minor,
        "currency": payment.currency.lower(),
        "capture_method": payment.capture_method.value.lower(),
        **offered_params(order, method_types, redirects=_may_redirect(command, payer)),
        "metadata": stripe_metadata(ours, payment.metadata, order.metadata),
        **describe(order, amount_minor=payment.amount_minor),
    }
    if command.receipt_email is not None:
        create["receipt_email"] = command.receipt_email
    create |= payer.params(command)
    kept = {METHOD_ID: str(payer.saved.id)} if payer.saved is not None else {}
    if payer.is_away:
        return {Step.CHARGE: create | {"confirm": True, "off_session": True}, **kept}
    page = {"return_url": command.return_url} if command.return_url is not None else {}
    if not command.confirm:
        return {Step.CREATE: create, **page, **kept}
    return {Step.CREATE: create, Step.CONFIRM: token_params(command) | page, **kept}


def _may_redirect(command: CreatePayment, payer: Payer) -> bool:
    """Return True if methods that lead to another page and back may pay.

    Without a page to return to, only methods that need no redirect can be confirmed by the server. A payer who is away
    names theirs when they come back to confirm.
    """
    return not command.confirm or command.return_url is not None or payer.is_away
