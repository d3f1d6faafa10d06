"""Acts on the payment methods that customers keep, in the same phases as acts on payments."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from database.statements import Update, read, read_one
from database.unit_of_work import UnitOfWork
from domain.caller import PaymentAuthority
from domain.commands import CreatePayment, DetachPaymentMethod, SetDefaultPaymentMethod
from domain.errors import ErrorCode, NotFound, Path, ProviderProblem, Refused
from models import Customer, Operation, SavedPaymentMethod
from provider import ProviderFailure
from services.audit.trail import Cause
from services.money.customer_sync import refresh_customer
from services.money.operations.claims import IdempotentRequest
from services.money.operations.customer_steps import CUSTOMER
from services.money.operations.ends import end_without_step
from services.money.operations.runner import ConcurrentOperation, OperationOutcome, OperationRunner, run_once
from services.money.operations.steps import METHOD_ID, Step
from services.money.operations.stripe_customer import prepare_customer
from services.money.state import locking
from services.money.state.locking import OrderSnapshot

log = structlog.get_logger(__name__)

# Setups disturb nobody: they neither change nor use what is kept.
AT_WORK = """
WHERE customer_id = $1 AND payment_id IS NULL AND setup_intent_id IS NULL AND due IS NOT NULL AND id <> $2 LIMIT 1
"""


async def set_default_method(
    request: IdempotentRequest,
    command: SetDefaultPaymentMethod,
    *,
    authority: PaymentAuthority,
    runner: OperationRunner,
) -> OperationOutcome:
    """Make a saved payment method the one that is used where none is named.

    Raises NotFound and Refused(PAYMENT_METHOD_UNUSABLE).
    """

    async def accept(work: UnitOfWork, operation: Operation) -> None:
        customer, method = await _lock(command.id, authority, operation)
        _check_kept(method, path=("id",))
        params = {"invoice_settings": {"default_payment_method": method.stripe_payment_method_id}}
        await _begin(work, operation, customer, method, Step.DEFAULT, params)

    return await run_once(request, accept, runner)


async def detach_method(
    request: IdempotentRequest, command: DetachPaymentMethod, *, authority: PaymentAuthority, runner: OperationRunner
) -> OperationOutcome:
    """Forget a saved payment method, here and at Stripe: it can never be used again.

    One that is not kept any more ends here, without a call. Raises NotFound.
    """

    async def accept(work: UnitOfWork, operation: Operation) -> None:
        customer, method = await _lock(command.id, authority, operation)
        if method.detached_at is not None:
            operation.customer_id = customer.id
            await end_without_step(work, operation, "customer_id")
            return
        params = {"payment_method": method.stripe_payment_method_id}
        await _begin(work, operation, customer, method, Step.DETACH, params)

    return await run_once(request, accept, runner)


async def find_saved_method(method_id: UUID | None, customer_id: UUID | None, *, path: Path) -> SavedPaymentMethod:
    """Return a customer's saved payment method, to pay with.

    Raises NotFound for a missing one or another customer's, and Refused(PAYMENT_METHOD_UNUSABLE) for one that is not
    kept any more: Stripe is not asked.
    """
    method = await read_one(SavedPaymentMethod, "WHERE id = $1", method_id)
    if method is None or customer_id is None or method.customer_id != customer_id:
        raise NotFound(path)
    _check_kept(method, path=path)
    return method


def _check_kept(method: SavedPaymentMethod, *, path: Path) -> None:
    if method.detached_at is not None:
        raise Refused(ErrorCode.PAYMENT_METHOD_UNUSABLE, "This payment method is not kept any more.", path)


@dataclass(frozen=True, slots=True)
class Payer:
    """The person who pays, as Stripe knows them, and the method that they have kept.

    `is_to_be_made` says that the customer must be made at Stripe before the payment; `is_away` says that they do not
    take part in the payment.
    """

    stripe_customer_id: str | None = None
    is_to_be_made: bool = False
    saved: SavedPaymentMethod | None = None
    is_away: bool = False

    @property
    def first_step(self) -> Step:
        """The first step of the operation that makes the payment."""
        return Step.CUSTOMER if self.is_to_be_made else Step.CHARGE if self.is_away else Step.CREATE

    def params(self, command: CreatePayment) -> dict[str, Any]:
        """Return the payer's part of the parameters with which the payment is made."""
        method = self.saved.stripe_payment_method_id if self.saved is not None else command.payment_method_id
        usage = command.setup_future_usage
        said = {
            "customer": self.stripe_customer_id,
            "payment_method": method,
            "setup_future_usage": usage.value.lower() if usage is not None else None,
        }
        return {name: value for name, value in said.items() if value is not None}


async def find_payer(command: CreatePayment, snapshot: OrderSnapshot) -> Payer:
    """Return who pays an order. A customer at Stripe is needed only to keep a method, or to use one that is kept.

    Raises NotFound for a saved method of somebody else, Refused(PAYMENT_METHOD_UNUSABLE) for one that is gone, and
    Refused(VALIDATION_FAILED) where an order names nobody who could keep a method.
    """
    assert snapshot.order is not None, "nobody has looked for the order"
    customer_id, saved = snapshot.order.customer_id, None
    if command.saved_payment_method_id is not None:
        saved = await find_saved_method(
            command.saved_payment_method_id, customer_id, path=("input", "savedPaymentMethodId")
        )
    if command.setup_future_usage is None or snapshot.stripe_customer_id is not None:
        return Payer(snapshot.stripe_customer_id, saved=saved)
    if customer_id is None:
        raise Refused(
            ErrorCode.VALIDATION_FAILED,
            "`setupFutureUsage` needs an order that names its customer: nobody else can keep a payment method.",
            ("input", "setupFutureUsage"),
        )
    customer = await prepare_customer(customer_id)
    return Payer(customer.stripe_customer_id, is_to_be_made=customer.stripe_customer_id is None, saved=saved)


async def refresh_if_deleted(
    outcome: OperationOutcome, customer_id: UUID | None, request: IdempotentRequest, runner: OperationRunner
) -> None:
    """Look at a customer whom Stripe did not find: one who was deleted there is made anew when next needed."""
    error = outcome.error
    is_missing = isinstance(error, ProviderProblem) and error.stripe_param == CUSTOMER
    if not is_missing or customer_id is None or outcome.replayed:
        return
    cause = Cause(actor=request.caller.actor, operation_id=outcome.operation.id)
    try:
        await refresh_customer(customer_id, provider=runner.provider, cause=cause)
    except ProviderFailure as failure:  # Stripe's event of the deletion does the same
        log.warning("customer.not_refreshed", customer=str(customer_id), failure=str(failure))


async def _lock(
    method_id: UUID, authority: PaymentAuthority, operation: Operation
) -> tuple[Customer, SavedPaymentMethod]:
    """Lock the customer who keeps this method, and read it. One operation at a time is at work on a customer."""
    customer = await locking.lock_customer_of_method(method_id)
    if customer is None or not authority.includes(customer.id):
        raise NotFound(("id",))
    other = await read_one(Operation, AT_WORK, customer.id, operation.id)
    if other is not None:
        raise ConcurrentOperation(other.id)
    (method,) = await read(SavedPaymentMethod, "WHERE id = $1", method_id)
    return customer, method


async def _begin(
    work: UnitOfWork,
    operation: Operation,
    customer: Customer,
    method: SavedPaymentMethod,
    step: Step,
    params: dict[str, Any],
) -> None:
    """Write the accepted step on its operation, with the exact parameters, before the call."""
    operation.customer_id, operation.step = customer.id, step.value
    operation.params = {step.value: params, METHOD_ID: str(method.id)}
    await work.write(Update(operation, ("customer_id", "step", "params")))
