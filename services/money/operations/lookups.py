"""Lookups: what Stripe says about a step whose answer was lost, or whose row has changed since."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from domain.states import PAYMENT_FINAL, PaymentStatus
from models import Operation, Payment
from provider import Outcome, Provider, ProviderFailure
from provider.failures import OTHER_PARAMETERS
from services.money.operations.steps import (
    ATTEMPTS,
    WAITS_FOR_METHOD,
    Step,
    StepOutcome,
    StepResult,
    attempt_result,
    failed_attempt,
    refund_made_by,
    secret_of,
    shows_update,
)
from services.money.operations.stripe_customer import find_customer
from services.money.state import locking

MARGIN = timedelta(minutes=10)  # clocks differ
KEPT_AT_STRIPE = timedelta(hours=25)  # a key, with room for clocks: docs.stripe.com/api/idempotent_requests says 24
ANOTHER_ACT = "key_of_another_act"


async def look_up_effect(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Ask Stripe for the step's effect: a result if it happened or no longer can, None if there is no effect."""
    lookups: dict[Step, Callable[[Operation, Payment, Provider], Awaitable[StepResult | None]]] = {
        Step.CUSTOMER: _find_customer,
        Step.CREATE: _find_intent,
        Step.UPDATE: _find_update,
        Step.CHARGE: _find_charge,
        Step.CONFIRM: _find_confirmation,
        Step.CAPTURE: _find_end,
        Step.CANCEL: _find_end,
        Step.REFUND: _find_refund,
    }
    return await lookups[Step(operation.step)](operation, payment, provider)


async def _find_customer(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    found = await find_customer(await locking.read_customer(payment.customer_id), provider)
    return StepResult(StepOutcome.DONE, payment.revision, customer=found) if found is not None else None


async def _find_intent(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Find the intent in Stripe's list. Raises when the list is too long, or when the intent is of another order.

    Where Stripe knows the key from before our rows begin, the list goes back as far as Stripe keeps keys.
    """
    earlier = KEPT_AT_STRIPE if operation.last_problem == OTHER_PARAMETERS else MARGIN
    found = await provider.find_payment(
        metadata={"operation_id": str(operation.id)}, created_since=operation.created_at - earlier
    )
    if found is not None and found.metadata.get("order_id") != str(operation.order_id):
        raise _another_act()
    return StepResult(StepOutcome.DONE, payment.revision, payment=found, fetched=True) if found else None


async def _find_update(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Read the intent's amount for the effect of an update, which can no longer come after the payment's end."""
    seen = await provider.retrieve_payment(intent_of(payment))
    if shows_update(operation, seen) or seen.status in PAYMENT_FINAL:
        return StepResult(StepOutcome.DONE, payment.revision, payment=seen, fetched=True)
    return None


async def _find_charge(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Find the intent as above: the request that made it confirmed it too, so its status is the attempt's result."""
    found = await _find_intent(operation, payment, provider)
    return attempt_result(found.payment, found.since) if found is not None and found.payment is not None else None


async def _find_confirmation(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Read the intent for a confirmation's effect.

    A payment that waited for its payer before this attempt may still wait for the earlier attempt. Only Stripe's answer
    to the same key tells; an intent is paid at most once, so trying again costs a request and no money.
    """
    seen = await provider.retrieve_payment(intent_of(payment))
    if seen.status is PaymentStatus.REQUIRES_ACTION and operation.params.get("status_before") == seen.status:
        return None
    if seen.status in WAITS_FOR_METHOD and seen.charge_id == operation.params.get("charge_before"):
        return None
    return attempt_result(seen, payment.revision)


async def _find_end(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Read the intent for the effect of a capture or a cancel; its status shows which of the two ended it."""
    seen = await provider.retrieve_payment(intent_of(payment))
    if seen.status in (PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED):
        return StepResult(StepOutcome.DONE, payment.revision, payment=seen, fetched=True)
    return None


async def _find_refund(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    made = refund_made_by(operation, await provider.list_refunds(intent_of(payment)))
    if made is not None and made.amount_minor != operation.params[Step.REFUND]["amount"]:
        raise _another_act()
    return StepResult(StepOutcome.DONE, payment.revision, refund=made, fetched=True) if made is not None else None


def _another_act() -> ProviderFailure:
    """Make the failure of a key under which Stripe holds another request: an earlier use of it was lost."""
    return ProviderFailure(Outcome.REJECTED, code=ANOTHER_ACT)


async def fetch_again(operation: Operation, step_result: StepResult, provider: Provider) -> StepResult:
    """Ask Stripe again for the object of a result, because its row has changed since."""
    payment = await locking.read_payment(operation.payment_id)
    intent = payment.stripe_payment_intent_id or (step_result.payment.id if step_result.payment else None)
    assert intent is not None, "a stale snapshot of a payment that Stripe does not know"
    try:
        if operation.refund_id is not None:
            return await _fetch_refunds_again(operation, payment, step_result, provider)
        seen = await provider.retrieve_payment(intent)
    except ProviderFailure as failure:
        return replace(step_result, kind=StepOutcome.UNKNOWN, payment=None, failure=failure, by_lookup=True)
    seen = replace(seen, client_secret=seen.client_secret or secret_of(step_result))
    if operation.step in ATTEMPTS and seen.status in WAITS_FOR_METHOD:
        return failed_attempt(seen, payment.revision)
    kind = StepOutcome.DONE if shows_update(operation, seen) else step_result.kind
    return replace(step_result, kind=kind, payment=seen, since=payment.revision, fetched=True)


async def _fetch_refunds_again(
    operation: Operation, payment: Payment, step_result: StepResult, provider: Provider
) -> StepResult:
    refund, refunds = step_result.refund, step_result.refunds
    assert payment.stripe_payment_intent_id is not None, "a refund of a payment that Stripe does not know"
    if refund is not None:
        refund = await provider.retrieve_refund(refund.id)
    if refunds:
        refunds = tuple(await provider.list_refunds(payment.stripe_payment_intent_id))
        if (made := refund_made_by(operation, refunds)) is not None:
            step_result, refund = replace(step_result, kind=StepOutcome.DONE), made
    return replace(step_result, refund=refund, refunds=refunds, since=payment.revision, fetched=True)


def intent_of(payment: Payment) -> str:
    """Return the intent's id; no money is moved without one."""
    assert payment.stripe_payment_intent_id is not None, "a step after `create` without an intent"
    return payment.stripe_payment_intent_id
