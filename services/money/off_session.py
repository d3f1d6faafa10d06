"""Payments of orders while their customer is away, with a method that they keep."""

from database.statements import read_one
from domain.caller import PaymentAuthority
from domain.checkout.method_types import MethodTypes
from domain.commands import CreateOffSessionPayment, CreatePayment
from domain.errors import ErrorCode, Refused
from domain.states import SetupFutureUsage
from models import Customer, SavedPaymentMethod
from services.money.customers import Payer, find_saved_method
from services.money.operations.claims import IdempotentRequest
from services.money.operations.runner import OperationOutcome, OperationRunner
from services.money.payments import create_payment
from services.money.state.locking import OrderSnapshot

METHOD = ("input", "savedPaymentMethodId")


async def create_off_session_payment(
    request: IdempotentRequest,
    command: CreateOffSessionPayment,
    snapshot: OrderSnapshot,
    *,
    currencies: frozenset[str],
    method_types: MethodTypes,
    runner: OperationRunner,
) -> OperationOutcome:
    """Charge what the order owes, once, while its customer is away, with a method that they keep.

    The way is that of `create_payment`, but Stripe is asked to create and confirm by one request, and told that the
    payer is away. Where their bank wants them, the outcome's `error` is AUTHENTICATION_REQUIRED; the payment stays
    open, as after any decline, and its buyer may confirm it later. Raises as `create_payment`, and the errors of
    `find_method_of_absent`.
    """
    absent = None
    if snapshot.operation is None:
        saved = await find_method_of_absent(command, snapshot)
        absent = Payer(snapshot.stripe_customer_id, saved=saved, is_away=True)
    payment = CreatePayment(
        order_id=command.order_id,
        expected_amount=command.expected_amount,
        capture_method=None,
        payment_method_id=None,
        confirm=True,
        setup_future_usage=None,
        return_url=None,
        metadata=command.metadata,
    )
    authority = PaymentAuthority(is_service=True)
    return await create_payment(
        request,
        payment,
        snapshot,
        authority=authority,
        currencies=currencies,
        method_types=method_types,
        runner=runner,
        absent=absent,
    )


async def find_method_of_absent(command: CreateOffSessionPayment, snapshot: OrderSnapshot) -> SavedPaymentMethod:
    """Return the named method of the order's customer, or their default, to be charged while they are away.

    Raises Refused(VALIDATION_FAILED) for an order that names nobody, NotFound for a method of somebody else, and
    Refused(PAYMENT_METHOD_UNUSABLE) where there is no default, or the method is gone, or its customer has allowed
    payments in their presence only. Stripe would try the last one; the customer's word counts (docs/adr/0038).
    """
    assert snapshot.order is not None, "nobody has looked for the order"
    customer_id = snapshot.order.customer_id
    if customer_id is None:
        message = "This order names no customer, so nobody has left a payment method for it."
        raise Refused(ErrorCode.VALIDATION_FAILED, message, ("input", "orderId"))
    method_id = command.saved_payment_method_id
    if method_id is None:
        customer = await read_one(Customer, "WHERE id = $1", customer_id)
        method_id = customer.default_method_id if customer is not None else None
    if method_id is None:
        message = "This customer has no default payment method: name one, or let them choose one."
        raise Refused(ErrorCode.PAYMENT_METHOD_UNUSABLE, message, METHOD)
    method = await find_saved_method(method_id, customer_id, path=METHOD)
    if method.usage is SetupFutureUsage.ON_SESSION:
        message = "Its customer has agreed to use this payment method only while they are there."
        raise Refused(ErrorCode.PAYMENT_METHOD_UNUSABLE, message, METHOD)
    return method
