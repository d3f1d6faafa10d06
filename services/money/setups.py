"""Setups: a customer keeps a payment method without paying. The same phases as acts on payments."""

from uuid import UUID

from database.row_writer import build_row
from database.statements import Update
from database.unit_of_work import UnitOfWork
from domain.checkout.method_types import MethodTypes
from domain.commands import CreateSetupIntent
from domain.ids import derived_id
from models import Customer, Operation, SetupIntent
from services.audit.trail import Cause
from services.money.customers import refresh_if_deleted
from services.money.offered_methods import type_params
from services.money.operations.claims import IdempotentRequest
from services.money.operations.runner import OperationOutcome, OperationRunner, run_once
from services.money.operations.setup_steps import NAMED
from services.money.operations.steps import Step
from services.money.state import locking
from services.money.state.setup_state import begin_setup


async def create_setup_intent(
    request: IdempotentRequest,
    command: CreateSetupIntent,
    *,
    customer_id: UUID,
    method_types: MethodTypes,
    runner: OperationRunner,
) -> OperationOutcome:
    """Prepare that a customer keeps a payment method: their browser or app confirms it with the setup's secret.

    The customer is made at Stripe first, where they are not known there yet. No money moves. Raises what `run_once`
    raises; a refusal of Stripe's is in the outcome's `error`.
    """

    async def accept(work: UnitOfWork, operation: Operation) -> None:
        customer = await locking.lock_customer(customer_id)
        setup = _new_setup(command, customer, operation, livemode=runner.livemode)
        cause = Cause(actor=request.caller.actor, operation_id=operation.id, request_id=request.request_id)
        await begin_setup(work, customer, setup, cause)
        await work.write(_begun(operation, customer, setup, method_types))

    outcome = await run_once(request, accept, runner)
    await refresh_if_deleted(outcome, customer_id, request, runner)
    return outcome


def _new_setup(command: CreateSetupIntent, customer: Customer, operation: Operation, *, livemode: bool) -> SetupIntent:
    return build_row(
        SetupIntent,
        id=derived_id("setup", str(operation.id)),
        customer_id=customer.id,
        livemode=livemode,
        usage=command.usage,
    )


def _begun(
    operation: Operation, customer: Customer, setup: SetupIntent, method_types: MethodTypes
) -> Update[Operation]:
    """Set the accepted step on its operation, with the exact parameters, before the first call."""
    params = {
        "usage": setup.usage.value.lower(),
        **type_params(method_types),
        "metadata": {
            NAMED: str(setup.id),
            "operation_id": str(operation.id),
            "customer_id": str(customer.id),
            "customer_external_id": customer.external_id,
        },
    }
    is_known = customer.stripe_customer_id is not None
    operation.customer_id, operation.setup_intent_id = customer.id, setup.id
    operation.step = (Step.SETUP if is_known else Step.CUSTOMER).value
    operation.params = {Step.SETUP.value: params | ({"customer": customer.stripe_customer_id} if is_known else {})}
    return Update(operation, ("customer_id", "setup_intent_id", "step", "params"))
