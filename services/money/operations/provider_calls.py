"""Phase 2: one call to Stripe for one step of an operation, and the meaning of its answer.

No transaction is open here. A step that may have been sent before is not simply sent again: after the first minute
Stripe is asked for the step's effect, and a definite refusal is believed only after such a lookup. A create and a
refund need no lookup while Stripe keeps their key: Stripe repeats its first answer, and nothing happens twice.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

import structlog

from domain.deadlines import Deadline
from domain.states import (
    ActorKind,
    CaptureMethod,
    OperationKind,
    OperationState,
    PaymentStatus,
    ProviderEffect,
)
from models import Operation, Payment, Revision
from provider import Outcome, Provider, ProviderFailure, ProviderPayment, ProviderRefund
from provider.failures import DEFINITE, LIST_TOO_LONG, NOT_EXECUTED, OTHER_PARAMETERS
from services.money.state.missing_payment import knows_another_payment
from services.retry_policy import RetryPolicy

log = structlog.get_logger(__name__)

SERVER_ERROR = "server_error"  # a 5xx, which Stripe may repeat under the same key for ever
MARGIN = timedelta(minutes=10)  # clocks differ
KEPT_AT_STRIPE = timedelta(hours=25)  # a key, with room for clocks: docs.stripe.com/api/idempotent_requests says 24
ANOTHER_ACT = "key_of_another_act"
WAITING = frozenset({PaymentStatus.REQUIRES_CONFIRMATION, PaymentStatus.REQUIRES_PAYMENT_METHOD})


class Step(StrEnum):
    CREATE = "create"
    CONFIRM = "confirm"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"


FIRST_STEP = {
    OperationKind.CREATE_PAYMENT: Step.CREATE,
    OperationKind.CONFIRM_PAYMENT: Step.CONFIRM,
    OperationKind.CAPTURE_PAYMENT: Step.CAPTURE,
    OperationKind.CANCEL_PAYMENT: Step.CANCEL,
    OperationKind.REFUND_PAYMENT: Step.REFUND,
}


class StepOutcome(StrEnum):
    """The result of one step."""

    DONE = "DONE"  # Stripe answered, or a lookup showed that it had happened
    FAILED = "FAILED"  # a definite refusal
    UNKNOWN = "UNKNOWN"  # nobody knows yet
    NOT_DONE = "NOT_DONE"  # not executed: throttled, unreachable, misconfigured
    ABSENT = "ABSENT"  # proven not to have happened; its old key must not be used again
    REVIEW = "REVIEW"  # nobody knows, and Stripe cannot be expected to tell: a person has to decide


@dataclass(frozen=True, slots=True)
class StepResult:
    """The facts after a step. Snapshots are Stripe's; `since` is our row's revision before Stripe was asked.

    `gone` says that Stripe no longer knows the payment. `by_lookup` says that the failure is the lookup's, not the
    step's; `sent` is then the error of sending the step, if it was sent.
    """

    kind: StepOutcome
    since: Revision
    payment: ProviderPayment | None = None
    refund: ProviderRefund | None = None
    refunds: tuple[ProviderRefund, ...] = ()
    failure: ProviderFailure | None = None
    fetched: bool = field(default=False)
    gone: bool = False
    by_lookup: bool = False
    sent: ProviderFailure | None = None


async def execute_step(
    operation: Operation, payment: Payment, *, provider: Provider, policy: RetryPolicy
) -> StepResult:
    """Execute the operation's current step, or find out that it has been executed.

    A request that moves money is sent while the lease is held and Stripe keeps the key, or not at all.
    """
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

    A create moves no money, a refund happens once under its key, and both are found only by reading lists: while Stripe
    keeps the key they are sent again, and the answer is final. The other steps show on an intent whose id we have.
    """
    if step in (Step.CREATE, Step.REFUND):
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
        seen = await provider.retrieve_payment(_intent(payment))
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
    if maybe_sent:
        found = await look_up_effect(operation, payment, provider)
        if found is not None:
            return found
    snapshot, fetched = (None if failure.is_replayed else failure.payment), False
    if snapshot is None and payment.stripe_payment_intent_id and operation.step != Step.REFUND:
        snapshot, fetched = await provider.retrieve_payment(payment.stripe_payment_intent_id), True
    refunds: tuple[ProviderRefund, ...] = ()
    if operation.step == Step.REFUND and payment.stripe_payment_intent_id:
        # Refused although our rows allowed it: somebody refunded elsewhere, and the other refunds are merged too.
        refunds = tuple(await provider.list_refunds(payment.stripe_payment_intent_id))
        if (made := refund_made_by(operation, refunds)) is not None:  # the refund exists: it is the truth
            return StepResult(StepOutcome.DONE, since, refund=made, fetched=True)
    return StepResult(StepOutcome.FAILED, since, payment=snapshot, refunds=refunds, failure=failure, fetched=fetched)


# -- sending -------------------------------------------------------------------------------------------------------


async def _send(operation: Operation, payment: Payment, provider: Provider, until: Deadline) -> StepResult:
    step = Step(operation.step)
    key = operation.stripe_key(step)
    params = operation.params[step]
    since = payment.revision
    if step is Step.CREATE:
        seen = await provider.create_payment(params, key=key, until=until)
        return await _refresh_replayed(StepResult(StepOutcome.DONE, since, payment=seen), operation, provider)
    if step is Step.REFUND:
        refund = await provider.create_refund(params, key=key, until=until)
        return await _refresh_replayed(StepResult(StepOutcome.DONE, since, refund=refund), operation, provider)
    calls = {
        Step.CONFIRM: provider.confirm_payment,
        Step.CAPTURE: provider.capture_payment,
        Step.CANCEL: provider.cancel_payment,
    }
    seen = await calls[step](_intent(payment), params, key=key, until=until)
    step_result = await _refresh_replayed(StepResult(StepOutcome.DONE, since, payment=seen), operation, provider)
    if (
        step is Step.CONFIRM
        and step_result.fetched
        and step_result.payment is not None
        and step_result.payment.status in WAITING
    ):
        return failed_attempt(step_result.payment, since)
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


def _intent(payment: Payment) -> str:
    """Return the intent's id; no money is moved without one."""
    assert payment.stripe_payment_intent_id is not None, "a step after `create` without an intent"
    return payment.stripe_payment_intent_id


# -- looking effects up ----------------------------------------------------------------------------------------------


async def look_up_effect(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Ask Stripe for the step's effect: a result if it happened or no longer can, None if there is no effect."""
    lookups: dict[Step, Callable[[Operation, Payment, Provider], Awaitable[StepResult | None]]] = {
        Step.CREATE: _find_intent,
        Step.CONFIRM: _find_confirmation,
        Step.CAPTURE: _find_end,
        Step.CANCEL: _find_end,
        Step.REFUND: _find_refund,
    }
    return await lookups[Step(operation.step)](operation, payment, provider)


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


async def _find_confirmation(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Read the intent for a confirmation's effect.

    A payment that waited for its payer before this attempt may still wait for the earlier attempt. Only Stripe's answer
    to the same key tells; an intent is paid at most once, so trying again costs a request and no money.
    """
    seen = await provider.retrieve_payment(_intent(payment))
    if seen.status is PaymentStatus.REQUIRES_ACTION and operation.params.get("status_before") == seen.status:
        return None
    if seen.status in WAITING and seen.charge_id == operation.params.get("charge_before"):
        return None
    if seen.status in WAITING:
        return failed_attempt(seen, payment.revision)
    return StepResult(StepOutcome.DONE, payment.revision, payment=seen, fetched=True)


def failed_attempt(seen: ProviderPayment, since: Revision) -> StepResult:
    """Make the result of an attempt that failed: the payment waits for another one."""
    failure = ProviderFailure(Outcome.DECLINED, decline=seen.last_error, request_id=seen.request_id)
    return StepResult(StepOutcome.FAILED, since, payment=seen, failure=failure, fetched=True)


async def _find_end(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    """Read the intent for the effect of a capture or a cancel; its status shows which of the two ended it."""
    seen = await provider.retrieve_payment(_intent(payment))
    if seen.status in (PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED):
        return StepResult(StepOutcome.DONE, payment.revision, payment=seen, fetched=True)
    return None


async def _find_refund(operation: Operation, payment: Payment, provider: Provider) -> StepResult | None:
    made = refund_made_by(operation, await provider.list_refunds(_intent(payment)))
    if made is not None and made.amount_minor != operation.params[Step.REFUND]["amount"]:
        raise _another_act()
    return StepResult(StepOutcome.DONE, payment.revision, refund=made, fetched=True) if made is not None else None


def _another_act() -> ProviderFailure:
    """Make the failure of a key under which Stripe holds another request: an earlier use of it was lost."""
    return ProviderFailure(Outcome.REJECTED, code=ANOTHER_ACT)


def refund_made_by(operation: Operation, refunds: Iterable[ProviderRefund]) -> ProviderRefund | None:
    """Return the refund that this operation made, among all refunds of the payment at Stripe."""
    return next((seen for seen in refunds if seen.metadata.get("refund_id") == str(operation.refund_id)), None)
