"""Phase 2: one call to Stripe for one step of an operation, and the meaning of its answer.

No transaction is open here. A step that may have been sent before is not simply sent again: after the first minute
Stripe is asked for the step's effect, and a definite refusal is believed only after such a lookup. A create and a
refund need no lookup while Stripe keeps their key: Stripe repeats its first answer, and nothing happens twice.
"""

from dataclasses import replace

import structlog

from domain.deadlines import Deadline
from domain.states import ActorKind, CaptureMethod, OperationState, PaymentStatus, ProviderEffect
from models import Operation, Payment
from provider import Outcome, Provider, ProviderFailure, ProviderRefund
from provider.failures import DEFINITE, LIST_TOO_LONG, NOT_EXECUTED, OTHER_PARAMETERS
from provider.granted_tokens import THE_TOKEN, granted_token_in
from services.money.operations.lookups import intent_of, look_up_effect
from services.money.operations.steps import (
    ATTEMPTS,
    MAKES_INTENT,
    SERVER_ERROR,
    Step,
    StepOutcome,
    StepResult,
    attempt_result,
    refund_made_by,
    shows_update,
)
from services.money.operations.stripe_customer import make_customer
from services.money.state import locking
from services.money.state.missing_payment import knows_another_payment
from services.retry_policy import RetryPolicy

log = structlog.get_logger(__name__)


async def execute_step(
    operation: Operation, payment: Payment, *, provider: Provider, policy: RetryPolicy
) -> StepResult:
    """Execute the operation's current step, or find out that it has been executed.

    A request that moves money is sent while the lease is held and Stripe keeps the key, or not at all.
    """
    if operation.step == Step.CUSTOMER:
        return await _make_customer(operation, payment, provider, policy)
    maybe_sent = operation.first_sent_at is not None or operation.effect is ProviderEffect.UNKNOWN
    age = _age(operation, policy)
    until = operation.held_until.or_earlier(Deadline.within(policy.key_life_seconds - age))
    sticky = operation.last_problem == SERVER_ERROR and age >= policy.sticky_error_seconds
    if maybe_sent and (sticky or age >= _lookup_age_seconds(Step(operation.step), policy)):
        try:
            found = await look_up_effect(operation, payment, provider)
        except ProviderFailure as failure:
            gone = await _classify_missing(
                failure, payment, provider, maybe_sent=True, is_old=age >= policy.sticky_error_seconds
            )
            return gone or _unseen(failure, operation, payment, age=age, policy=policy)
        if found is not None:
            return found
        if sticky or age >= policy.key_life_seconds + policy.quiet_seconds:
            log.warning("operation.new_generation", operation=str(operation.id), step=operation.step)
            return StepResult(StepOutcome.ABSENT, payment.revision)
        if age >= policy.key_life_seconds:  # a request sent at the last moment may still be under way
            return StepResult(StepOutcome.UNKNOWN, payment.revision, by_lookup=True)
    held = await _find_hold(operation, payment, provider, maybe_sent=maybe_sent)
    if held is not None:
        return held
    try:
        return await _send(operation, payment, provider, until)
    except ProviderFailure as failure:
        if (gone := await _classify_missing(failure, payment, provider, maybe_sent=maybe_sent)) is not None:
            return gone
        try:
            is_stuck = failure.is_server_error and failure.is_replayed and age >= policy.unknown_grace_seconds
            if failure.code == OTHER_PARAMETERS:
                is_stuck, operation.last_problem = True, OTHER_PARAMETERS
                _known_at_stripe(operation)
            return await _classify_failure(
                failure, operation, payment, provider, maybe_sent=maybe_sent, is_stuck=is_stuck
            )
        except ProviderFailure as second:
            gone = await _classify_missing(second, payment, provider, maybe_sent=maybe_sent)
            is_final = second.outcome in DEFINITE or second.code == LIST_TOO_LONG
            kind = StepOutcome.REVIEW if is_final and age >= policy.sticky_error_seconds else StepOutcome.UNKNOWN
            return gone or StepResult(kind, payment.revision, failure=second, by_lookup=True, sent=failure)


async def _make_customer(operation: Operation, payment: Payment, provider: Provider, policy: RetryPolicy) -> StepResult:
    """Make the customer whom the payment needs: no money is moved, and the same request makes no second one."""
    customer = await locking.read_customer(payment.customer_id)
    try:
        made = await make_customer(customer, provider, policy=policy, until=operation.held_until)
    except ProviderFailure as failure:
        return await _classify_failure(failure, operation, payment, provider, maybe_sent=False, is_stuck=False)
    return StepResult(StepOutcome.DONE, payment.revision, customer=made)


def _known_at_stripe(operation: Operation) -> None:
    """Log that Stripe knows a request of ours that our database does not: commits were lost since."""
    log.error("operation.known_at_stripe", operation=str(operation.id), kind=operation.kind.value, step=operation.step)


def _age(operation: Operation, policy: RetryPolicy) -> float:
    """Return the request's greatest possible age at Stripe in seconds, by the database's clock; 0 if never sent."""
    now = policy.leased_at(operation)
    unsent_since = operation.created_at if operation.effect is ProviderEffect.UNKNOWN else now
    return (now - (operation.first_sent_at or unsent_since)).total_seconds()


def _lookup_age_seconds(step: Step, policy: RetryPolicy) -> float:
    """Return the age in seconds from which Stripe is asked for a step's effect, instead of sending the step again.

    A create moves no money, a charge and a refund happen once under their key, and all are found only by reading lists:
    while Stripe keeps the key they are sent again, and the answer is final. The other steps show on an intent whose id
    we have.
    """
    if step in (*MAKES_INTENT, Step.REFUND):
        return policy.key_life_seconds
    return min(policy.unknown_grace_seconds, policy.key_life_seconds)


async def _find_hold(
    operation: Operation, payment: Payment, provider: Provider, *, maybe_sent: bool
) -> StepResult | None:
    """Return the result that stops a buyer's cancel: the payment was authorised at Stripe since; else None.

    A shop ships for money that is held. A cancel may wait here for hours while Stripe is unreachable, and the buyer's
    browser can confirm all the time.
    """
    is_buyers = operation.actor["kind"] == ActorKind.CUSTOMER.value
    if operation.step != Step.CANCEL or not is_buyers or payment.capture_method is not CaptureMethod.MANUAL:
        return None
    try:
        seen = await provider.retrieve_payment(intent_of(payment))
    except ProviderFailure as failure:
        gone = await _classify_missing(failure, payment, provider, maybe_sent=maybe_sent)
        return gone or StepResult(StepOutcome.NOT_DONE, payment.revision, failure=failure)
    is_held = seen.status is PaymentStatus.REQUIRES_CAPTURE
    return StepResult(StepOutcome.DONE, payment.revision, payment=seen, fetched=True) if is_held else None


def _unseen(
    failure: ProviderFailure, operation: Operation, payment: Payment, *, age: float, policy: RetryPolicy
) -> StepResult:
    """Classify a lookup that failed, so that the step's effect is unknown.

    After 20 hours the request must not be sent again, so a person has to decide. A definite failure of the lookup (no
    such payment, too many to list) will not change: a person has to decide after 15 minutes.
    """
    log.warning("operation.look_failed", operation=str(operation.id), failure=str(failure))
    is_final = failure.outcome in DEFINITE or failure.code == LIST_TOO_LONG
    is_hopeless = age >= policy.key_life_seconds or (is_final and age >= policy.sticky_error_seconds)
    if is_hopeless or operation.state is OperationState.NEEDS_REVIEW:
        return StepResult(StepOutcome.REVIEW, payment.revision, failure=failure, by_lookup=True)
    kind = StepOutcome.NOT_DONE if failure.outcome in NOT_EXECUTED else StepOutcome.UNKNOWN
    return StepResult(kind, payment.revision, failure=failure, by_lookup=True)


async def _classify_missing(
    failure: ProviderFailure, payment: Payment, provider: Provider, *, maybe_sent: bool, is_old: bool = False
) -> StepResult | None:
    """Classify the failure of a payment that Stripe says it does not know; None for any other failure.

    Under a key of another account every payment is unknown, so Stripe is asked for another payment of ours. If it knows
    that one, this one is gone, and nothing of it was moved. If it does not, the key is to blame, and the step waits
    until the key is corrected, or for a person once it is old. Without another payment to ask for, a step that was
    never sent has failed; one that may have been sent is left to a person.
    """
    if not failure.is_missing_payment:
        return None
    try:
        knows = await knows_another_payment(payment, provider)
    except ProviderFailure as unseen:
        return StepResult(StepOutcome.NOT_DONE, payment.revision, failure=unseen)
    if knows or (knows is None and not maybe_sent):
        return StepResult(StepOutcome.FAILED, payment.revision, failure=failure, gone=True)
    if knows is None:
        return None
    kind = StepOutcome.REVIEW if is_old else StepOutcome.NOT_DONE
    return StepResult(kind, payment.revision, failure=replace(failure, outcome=Outcome.MISCONFIGURED))


async def _classify_failure(
    failure: ProviderFailure,
    operation: Operation,
    payment: Payment,
    provider: Provider,
    *,
    maybe_sent: bool,
    is_stuck: bool,
) -> StepResult:
    """Classify a failed call. May ask Stripe once more; raises ProviderFailure if that fails too.

    `is_stuck` says that Stripe keeps repeating an error under this key: sending again will not change it.
    """
    since = payment.revision
    if failure.outcome in NOT_EXECUTED:
        if failure.outcome is Outcome.MISCONFIGURED:
            log.error("stripe.misconfigured", status=failure.http_status, request=failure.request_id)
        return StepResult(StepOutcome.NOT_DONE, since, failure=failure)
    if failure.outcome not in DEFINITE:
        found = await look_up_effect(operation, payment, provider) if is_stuck else None
        return found or StepResult(StepOutcome.UNKNOWN, since, failure=failure)
    is_proven = operation.step == Step.CHARGE and failure.payment is not None  # Stripe names the intent that it made
    if maybe_sent and not is_proven:
        found = await look_up_effect(operation, payment, provider)
        if found is not None:
            return found
    if failure.param == THE_TOKEN:
        failure = await _explain_by_token(failure, operation, payment, provider)
    snapshot, fetched = (None if failure.is_replayed else failure.payment), False
    intent = payment.stripe_payment_intent_id or (failure.payment.id if failure.payment is not None else None)
    if snapshot is None and intent is not None and operation.step != Step.REFUND:
        snapshot, fetched = await provider.retrieve_payment(intent), True
    if snapshot is not None and shows_update(operation, snapshot):
        return StepResult(StepOutcome.DONE, since, payment=snapshot, fetched=fetched)
    refunds: tuple[ProviderRefund, ...] = ()
    if operation.step == Step.REFUND and payment.stripe_payment_intent_id:
        # Refused although our rows allowed it: somebody refunded elsewhere, and the other refunds are merged too.
        refunds = tuple(await provider.list_refunds(payment.stripe_payment_intent_id))
        if (made := refund_made_by(operation, refunds)) is not None:  # the refund exists: it is the truth
            return StepResult(StepOutcome.DONE, since, refund=made, fetched=True)
    return StepResult(StepOutcome.FAILED, since, payment=snapshot, refunds=refunds, failure=failure, fetched=fetched)


async def _explain_by_token(
    failure: ProviderFailure, operation: Operation, payment: Payment, provider: Provider
) -> ProviderFailure:
    """Return the failure with the reason that the agent's token itself shows, if it can be read."""
    token = granted_token_in(operation.params[operation.step])
    try:
        found = await provider.retrieve_granted_token(token or "")
    except ProviderFailure:
        return failure
    code = found.refusal_code(payment.amount_minor, payment.currency)
    return replace(failure, code=code) if code is not None else failure


async def _send(operation: Operation, payment: Payment, provider: Provider, until: Deadline) -> StepResult:
    step = Step(operation.step)
    key = operation.stripe_key(step)
    params = operation.params[step]
    since = payment.revision
    if step is Step.REFUND:
        refund = await provider.create_refund(params, key=key, until=until)
        return await _refresh_replayed(StepResult(StepOutcome.DONE, since, refund=refund), operation, provider)
    if step in MAKES_INTENT:
        seen = await provider.create_payment(params, key=key, until=until)
    else:
        calls = {
            Step.UPDATE: provider.update_payment,
            Step.CONFIRM: provider.confirm_payment,
            Step.CAPTURE: provider.capture_payment,
            Step.CANCEL: provider.cancel_payment,
        }
        seen = await calls[step](intent_of(payment), params, key=key, until=until)
    step_result = await _refresh_replayed(StepResult(StepOutcome.DONE, since, payment=seen), operation, provider)
    if step in ATTEMPTS and step_result.fetched and step_result.payment is not None:
        return attempt_result(step_result.payment, since)
    return step_result


async def _refresh_replayed(step_result: StepResult, operation: Operation, provider: Provider) -> StepResult:
    """Fetch the object again if Stripe only replayed its first answer to this key.

    A replayed answer is as old as the first one, which was lost, and our rows may be newer by now.
    """
    payment, refund = step_result.payment, step_result.refund
    is_replayed = (payment is not None and payment.is_replayed) or (refund is not None and refund.is_replayed)
    if is_replayed and operation.first_sent_at is None and operation.effect is ProviderEffect.NONE:
        _known_at_stripe(operation)
    try:
        if payment is not None and payment.is_replayed:
            return replace(step_result, payment=await provider.retrieve_payment(payment.id), fetched=True)
        if refund is not None and refund.is_replayed:
            return replace(step_result, refund=await provider.retrieve_refund(refund.id), fetched=True)
    except ProviderFailure as failure:
        # The step was done; only its object's state is not known. The HTTP status is the fetch's, so it is left out.
        raise replace(failure, outcome=Outcome.UNKNOWN, http_status=None) from None
    return step_result
