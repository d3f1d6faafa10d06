"""Steps of operations on customers: the methods that they keep, and the setups by which they keep one.

Each of these requests may be sent again at any time: a default that is set and a method that is detached stay so, and a
setup moves no money. An outcome that nobody knows is found by sending the request again, or by asking Stripe once its
key is too old.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from database.statements import Update, read_one
from database.unit_of_work import UnitOfWork, transact
from domain.caller import Actor
from domain.deadlines import Deadline
from domain.errors import DomainError, ErrorCode, ProviderProblem, Refused
from domain.states import OperationState, ProviderEffect
from models import Customer, Operation, SavedPaymentMethod, SetupIntent, Version
from provider import Provider, ProviderCustomer, ProviderFailure, ProviderMethod, ProviderSetup
from provider.failures import DEFINITE, NOT_EXECUTED, OTHER_PARAMETERS
from services.audit.trail import Cause
from services.money.operations.ends import (
    NO_ANSWER,
    begin_after_customer,
    fail,
    leave_open,
    succeed,
    unavailable,
)
from services.money.operations.outcomes import RUN_FIELDS, Recorder, RunResult
from services.money.operations.setup_steps import (
    create_setup,
    find_setup,
    read_setup,
    record_created_setup,
    record_lost_setup,
)
from services.money.operations.steps import METHOD_ID, SERVER_ERROR, Step, StepOutcome
from services.money.operations.stripe_customer import fetch_customer, make_customer
from services.money.state import locking
from services.money.state.customer_state import (
    apply_provider_customer,
    detach_kept_method,
    mark_customer_made,
    set_default_method,
)
from services.money.state.setup_state import abandon_setup
from services.money.state.stale import REFETCHES, StaleSnapshot
from services.retry_policy import RetryPolicy

CUSTOMER = "customer"  # Stripe's name of the parameter


@dataclass(frozen=True, slots=True)
class CustomerStep:
    """The facts after a step on a customer.

    `since` is the customer's revision when Stripe was asked. `methods` are all that the customer keeps, where both were
    fetched anew.
    """

    kind: StepOutcome
    customer: ProviderCustomer | None = None
    methods: Sequence[ProviderMethod] | None = None
    since: Version | None = None
    method: ProviderMethod | None = None
    setup: ProviderSetup | None = None
    failure: ProviderFailure | None = None


NOBODY_KNOWS = CustomerStep(StepOutcome.UNKNOWN)


async def run_customer_step(operation: Operation, recorder: Recorder) -> RunResult:
    """Run one step of an operation on a customer, and record its result. Raises LeaseLost."""
    customer = await locking.read_customer(operation.customer_id)
    step = replace(await _execute(operation, customer, recorder.provider, recorder.policy), since=customer.revision)
    if step.customer is not None and step.customer.is_replayed and operation.step == Step.DEFAULT:
        step = await _fetch_again(operation, recorder.provider)  # the answer is as old as the first one, which was lost
    for _ in range(REFETCHES):
        try:
            return await transact(partial(_record_under_locks, operation, step, recorder), patient=True)
        except StaleSnapshot:
            step = await _fetch_again(operation, recorder.provider)
    return await transact(partial(_record_under_locks, operation, NOBODY_KNOWS, recorder), patient=True)


async def _fetch_again(operation: Operation, provider: Provider) -> CustomerStep:
    """Ask Stripe how the customer stands now, after a default was set: another one may have been chosen since."""
    customer = await locking.read_customer(operation.customer_id)
    if customer.stripe_customer_id is None:  # deleted at Stripe since, with all that was kept
        return CustomerStep(StepOutcome.DONE)
    try:
        seen, methods = await fetch_customer(customer.stripe_customer_id, provider)
    except ProviderFailure as failure:
        return CustomerStep(StepOutcome.UNKNOWN, failure=failure)
    return CustomerStep(StepOutcome.DONE, customer=seen, methods=methods, since=customer.revision)


async def _execute(operation: Operation, customer: Customer, provider: Provider, policy: RetryPolicy) -> CustomerStep:
    sent_at = operation.first_sent_at if operation.step != Step.CUSTOMER else None  # its key has an age of its own
    age = (policy.leased_at(operation) - sent_at).total_seconds() if sent_at is not None else 0.0
    is_sticky = operation.last_problem == SERVER_ERROR and age >= policy.sticky_error_seconds
    try:
        if is_sticky or age >= policy.key_life_seconds:
            found = await _look(operation, provider)
            return found or CustomerStep(StepOutcome.ABSENT)
        until = operation.held_until.or_earlier(Deadline.within(policy.key_life_seconds - age))
        if operation.step == Step.CUSTOMER:
            made = await make_customer(customer, provider, policy=policy, until=until)
            return CustomerStep(StepOutcome.DONE, customer=made)
        return await _send(operation, customer, provider, until)
    except ProviderFailure as failure:
        if failure.outcome in NOT_EXECUTED:
            return CustomerStep(StepOutcome.NOT_DONE, failure=failure)
        if failure.outcome not in DEFINITE and failure.code != OTHER_PARAMETERS:
            return CustomerStep(StepOutcome.UNKNOWN, failure=failure)
        return await _classify_refusal(failure, operation, provider)


async def _send(operation: Operation, customer: Customer, provider: Provider, until: Deadline) -> CustomerStep:
    key, params = operation.stripe_key(operation.step), operation.params[operation.step]
    match Step(operation.step):
        case Step.SETUP:
            return CustomerStep(StepOutcome.DONE, setup=await create_setup(operation, provider, until))
        case Step.DEFAULT:
            seen = await provider.update_customer(_stripe_id(customer), params, key=key, until=until)
            return CustomerStep(StepOutcome.DONE, customer=seen)
        case Step.DETACH:
            method = await provider.detach_method(params["payment_method"], key=key, until=until)
            return CustomerStep(StepOutcome.DONE, method=method)
        case step:
            raise AssertionError(f"{step} is no step of a customer's")


async def _look(operation: Operation, provider: Provider) -> CustomerStep | None:
    """Ask Stripe for the step's effect; None if it has not happened."""
    if operation.step == Step.SETUP:
        setup = await find_setup(operation, provider)
        return CustomerStep(StepOutcome.DONE, setup=setup) if setup is not None else None
    if operation.step != Step.DETACH:  # a default is set again: nothing is lost by it, and nothing else is under way
        return None
    method = await provider.retrieve_method(operation.params[Step.DETACH]["payment_method"])
    return CustomerStep(StepOutcome.DONE, method=method) if method.customer_id is None else None


async def _classify_refusal(failure: ProviderFailure, operation: Operation, provider: Provider) -> CustomerStep:
    """Classify a refusal whose step may have happened all the same.

    A method that Stripe refuses to detach may be detached already. A key that Stripe knows from other parameters is one
    of before our rows begin: commits were lost since.
    """
    kind = StepOutcome.FAILED if failure.outcome in DEFINITE else StepOutcome.UNKNOWN
    if operation.step == Step.DETACH or kind is StepOutcome.UNKNOWN:
        try:
            found = await _look(operation, provider)
        except ProviderFailure as second:
            return CustomerStep(kind if second.outcome in DEFINITE else StepOutcome.UNKNOWN, failure=failure)
        if found is not None:
            return found
    return CustomerStep(kind, failure=failure)


def _stripe_id(customer: Customer) -> str:
    assert customer.stripe_customer_id is not None, "a step before the customer was made"
    return customer.stripe_customer_id


async def _record_under_locks(leased: Operation, step: CustomerStep, recorder: Recorder, work: UnitOfWork) -> RunResult:
    operation = await locking.lock_leased(leased)
    if (operation.step, operation.generation) != (leased.step, leased.generation):
        return RunResult(operation)  # this very result is written: the answer to COMMIT was lost
    customer = await locking.lock_customer(operation.customer_id)
    setup = await read_setup(operation)
    cause = Cause(actor=Actor.from_record(operation.actor), operation_id=operation.id, request_id=operation.request_id)
    wait = recorder.wait(operation, step.failure)
    if setup is not None and setup.stripe_setup_intent_id is not None:  # a look was quicker than the answer
        step = CustomerStep(StepOutcome.DONE, setup=step.setup)
    match step.kind:
        case StepOutcome.DONE:
            await _apply(work, operation, customer, setup, step, cause)
        case StepOutcome.FAILED:
            assert step.failure is not None
            error = customer_error(step.failure)
            if setup is not None:
                await abandon_setup(work, customer, setup, error, cause.answered_by(step.failure.request_id))
            fail(operation, error)
        case StepOutcome.NOT_DONE:
            operation.state = OperationState.UNRESOLVED
            operation.error = unavailable(operation, wait).to_record()
        case StepOutcome.ABSENT:
            operation.state = OperationState.IN_PROGRESS
        case _:
            is_stuck = step.failure is not None and step.failure.is_server_error and step.failure.is_replayed
            leave_open(operation, wait=wait, problem=SERVER_ERROR if is_stuck else NO_ANSWER)
            if setup is not None:
                await record_lost_setup(work, operation, customer, setup, cause)
    recorder.schedule(operation, step.kind, wait)
    await work.write(Update(operation, (*RUN_FIELDS, "params")))  # the next step's parameters name the customer
    recorder.log(operation, step.kind, step.failure)
    return RunResult(operation, client_secret=step.setup.client_secret if step.setup is not None else None)


async def _apply(
    work: UnitOfWork,
    operation: Operation,
    customer: Customer,
    setup: SetupIntent | None,
    step: CustomerStep,
    cause: Cause,
) -> None:
    operation.error, operation.last_problem = None, None
    if step.customer is not None and operation.step == Step.CUSTOMER:
        await mark_customer_made(work, customer, step.customer, cause)
        begin_after_customer(operation, customer.stripe_customer_id or step.customer.id, Step.SETUP)
        return
    if setup is not None:
        if step.setup is not None:
            await record_created_setup(work, customer, setup, step.setup, cause)
        succeed(operation)
        return
    await _apply_to_method(work, operation, customer, step, cause)


async def _apply_to_method(
    work: UnitOfWork, operation: Operation, customer: Customer, step: CustomerStep, cause: Cause
) -> None:
    method = await read_one(SavedPaymentMethod, "WHERE id = $1", UUID(operation.params[METHOD_ID]))
    assert method is not None, "a saved method that is not there"
    if operation.step == Step.DETACH:
        request_id = step.method.request_id if step.method is not None else None
        await detach_kept_method(work, customer, method, cause.answered_by(request_id))
    elif step.customer is not None and step.methods is not None:
        await apply_provider_customer(work, customer, step.customer, step.methods, since=_since(step), cause=cause)
    elif step.customer is not None:
        if customer.revision != step.since:
            raise StaleSnapshot
        await set_default_method(work, customer, method, cause.answered_by(step.customer.request_id))
    succeed(operation)


def _since(step: CustomerStep) -> Version:
    assert step.since is not None, "a customer who was fetched for no row"
    return step.since


def customer_error(failure: ProviderFailure) -> DomainError:
    """Return the domain error of a definite refusal of a step on a customer."""
    if failure.param == "email" or failure.code == "email_invalid":
        return Refused(ErrorCode.VALIDATION_FAILED, "Stripe refuses the customer's email address.")
    is_missing = failure.param == CUSTOMER
    return ProviderProblem(
        ErrorCode.PROVIDER_REJECTED,
        "Stripe does not know this customer any more. Ask again with a new key."
        if is_missing
        else "Stripe refused the request, and nothing was changed.",
        effect=ProviderEffect.NONE,
        stripe_request_id=failure.request_id,
        stripe_code=failure.code,
        stripe_param=failure.param,
    )
