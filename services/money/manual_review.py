"""Manual review: a person decides an outcome that Stripe cannot tell, with evidence kept in the audit trail."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from database.leases import LeaseLost
from database.statements import Update
from database.transactions import finish
from database.unit_of_work import UnitOfWork, transact
from domain.caller import Actor
from domain.errors import DomainError, ErrorCode, ProviderProblem, Refused
from domain.states import OperationState, ProviderEffect, ReviewOutcome
from models import Operation, Payment, Refund
from provider import Outcome, Provider, ProviderFailure
from provider.failures import DEFINITE, LIST_TOO_LONG
from provider.ids import PREFIXES, is_id
from services.audit.customer_trail import CustomerChange, record_customer_change
from services.audit.trail import Cause, Change, record
from services.money.operations.lookups import look_up_effect
from services.money.operations.runner import OperationRunner
from services.money.operations.steps import ATTEMPTS, MAKES_INTENT, Step, StepOutcome, StepResult, attempt_result
from services.money.state import locking
from services.money.sync import unavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A reviewer's decision, and the evidence for it. `stripe_id` is the refund or the payment that they found."""

    outcome: ReviewOutcome
    evidence: str
    stripe_id: str | None


async def resolve_operation(operation_id: UUID, ruling: Ruling, *, by: Actor, runner: OperationRunner) -> Operation:
    """Record a reviewer's decision on an operation that needs a review, through the state writer.

    Stripe is never overruled: HAPPENED needs an object at Stripe that fits, and DID_NOT_HAPPEN is refused when Stripe
    shows the effect. Raises Refused(INVALID_STATE, VALIDATION_FAILED) and ProviderProblem; the operation then still
    needs its review.
    """
    operation = await runner.take_for_review(operation_id)
    if operation is None:
        raise Refused(ErrorCode.INVALID_STATE, "This operation needs no review.", ("id",))
    if operation.payment_id is None:
        return await _send_again(operation, ruling, by=by, runner=runner)
    payment = await Payment.get(id=operation.payment_id)
    step_result = await _verify_ruling(operation, payment, ruling, runner.provider)

    async def write_ruling(work: UnitOfWork, settled: Operation) -> None:
        await _record_ruling(work, settled, ruling, by)

    try:
        settled = (await runner.recorder.record_outcome(operation, step_result, by=by, within=write_ruling)).operation
    except LeaseLost:
        raise _settled_meanwhile() from None
    log.warning("operation.reviewed", operation=str(operation_id), outcome=ruling.outcome.value, by=by.id)
    if settled.state is OperationState.IN_PROGRESS:  # it has another step
        return (await finish(runner.run(settled, in_request=False))).operation
    return settled


async def _send_again(operation: Operation, ruling: Ruling, *, by: Actor, runner: OperationRunner) -> Operation:
    """Run an operation on a customer again, which moves no money: there is nothing else to rule on."""
    if ruling.outcome is not ReviewOutcome.LOOK_AGAIN:
        message = "An operation on a customer moves no money and may be sent again: rule LOOK_AGAIN."
        raise Refused(ErrorCode.VALIDATION_FAILED, message, ("outcome",))

    async def write_ruling(work: UnitOfWork) -> Operation:
        leased = await locking.lock_leased(operation)
        customer = await locking.lock_customer(leased.customer_id)
        leased.review = _record_of(ruling, by)
        after = {"operation_id": str(leased.id), "kind": leased.kind.value, "review": leased.review}
        change = CustomerChange("operation.reviewed", before={}, after=after)
        cause = Cause(actor=by, operation_id=leased.id)
        await record_customer_change(work, customer, change, cause, Update(leased, ("review",)))
        return leased

    try:
        reviewed = await transact(write_ruling)
    except LeaseLost:
        raise _settled_meanwhile() from None
    log.warning("operation.reviewed", operation=str(operation.id), outcome=ruling.outcome.value, by=by.id)
    return (await finish(runner.run(reviewed, in_request=False))).operation


def _record_of(ruling: Ruling, by: Actor) -> dict[str, Any]:
    """Return a ruling as the operation and the trail keep it."""
    return {
        "outcome": ruling.outcome.value,
        "evidence": ruling.evidence,
        "stripe_id": ruling.stripe_id,
        "by": by.to_record(),
        "at": datetime.now(UTC).isoformat(),
    }


def _settled_meanwhile() -> Refused:
    return Refused(ErrorCode.INVALID_STATE, "This operation was settled meanwhile.", ("id",))


async def _record_ruling(work: UnitOfWork, operation: Operation, ruling: Ruling, by: Actor) -> None:
    """Keep the ruling on the operation and in the order's trail. Runs in the transaction that records the outcome."""
    if ruling.outcome is ReviewOutcome.LOOK_AGAIN:
        operation.state, operation.due_in = OperationState.UNRESOLVED, timedelta()
    elif ruling.outcome is ReviewOutcome.DID_NOT_HAPPEN and operation.state is OperationState.FAILED:
        operation.error = _did_not_happen().to_record()
    operation.review = _record_of(ruling, by)
    assert operation.payment_id is not None
    order, payment = await locking.lock_payment(operation.payment_id)
    change = Change(
        "operation.reviewed",
        before={},
        after={"operation_id": str(operation.id), "kind": operation.kind.value, "review": operation.review},
        payment_id=payment.id,
        refund_id=operation.refund_id,
    )
    await record(work, order, change, Cause(actor=by, operation_id=operation.id))


async def _verify_ruling(operation: Operation, payment: Payment, ruling: Ruling, provider: Provider) -> StepResult:
    match ruling.outcome:
        case ReviewOutcome.LOOK_AGAIN:
            return StepResult(StepOutcome.UNKNOWN, payment.revision)
        case ReviewOutcome.HAPPENED:
            try:
                return await _prove(operation, payment, ruling.stripe_id, provider)
            except ProviderFailure as failure:
                raise _cannot_ask(failure) from None
        case ReviewOutcome.DID_NOT_HAPPEN:
            return await _disprove(operation, payment, provider)


async def _prove(operation: Operation, payment: Payment, stripe_id: str | None, provider: Provider) -> StepResult:
    """Return the object at Stripe that shows the step's effect. Raises Refused when none fits."""
    step = Step(operation.step)
    if step is Step.REFUND:
        return await _prove_refund(operation, payment, _needed(stripe_id, "refunds"), provider)
    if step in MAKES_INTENT:
        return await _prove_payment(step, payment, _needed(stripe_id, "payment_intents"), provider)
    found = await look_up_effect(operation, payment, provider)
    if found is None:
        message = f"Stripe shows that the {step.value} has not happened."
        raise Refused(ErrorCode.INVALID_STATE, message, ("outcome",))
    return found


async def _prove_refund(operation: Operation, payment: Payment, stripe_id: str, provider: Provider) -> StepResult:
    refund = await Refund.get(id=operation.refund_id)
    seen = await provider.retrieve_refund(stripe_id)
    theirs = (seen.payment_intent_id, seen.amount_minor, seen.currency)
    if theirs != (payment.stripe_payment_intent_id, refund.amount_minor, refund.currency):
        raise _does_not_fit("a refund of this payment with this amount")
    named = seen.metadata.get("refund_id", str(refund.id)) == str(refund.id)
    if not named or await Refund.filter(stripe_refund_id=seen.id).exclude(id=refund.id).exists():
        raise _does_not_fit("a refund that is not another one's already")
    ours = replace(seen, metadata={**seen.metadata, "refund_id": str(refund.id)})
    return StepResult(StepOutcome.DONE, payment.revision, refund=ours, fetched=True)


async def _prove_payment(step: Step, payment: Payment, stripe_id: str, provider: Provider) -> StepResult:
    seen = await provider.retrieve_payment(stripe_id)
    if (seen.amount_minor, seen.currency) != (payment.amount_minor, payment.currency):
        raise _does_not_fit("a payment with this amount")
    named = seen.metadata.get("payment_id", str(payment.id)) == str(payment.id)
    if not named or await Payment.filter(stripe_payment_intent_id=seen.id).exclude(id=payment.id).exists():
        raise _does_not_fit("a payment that is not another one's already")
    if step in ATTEMPTS:
        return attempt_result(seen, payment.revision)
    return StepResult(StepOutcome.DONE, payment.revision, payment=seen, fetched=True)


async def _disprove(operation: Operation, payment: Payment, provider: Provider) -> StepResult:
    """Return a failed result on a reviewer's word, unless Stripe shows the effect.

    Raises Refused when Stripe shows it, and ProviderProblem when Stripe cannot be asked, for a minute later Stripe may
    show it. If Stripe does not know the payment, or has too many to list, asking again will not help: the reviewer's
    word stands, and the order is free again.
    """
    refusal = ProviderFailure(Outcome.REJECTED, code="settled_by_hand")
    seen = None
    try:
        found = await look_up_effect(operation, payment, provider)
        if found is not None and found.kind is StepOutcome.DONE:
            raise Refused(ErrorCode.INVALID_STATE, "Stripe shows that this has happened.", ("outcome",))
        seen = found.payment if found is not None else None
        if seen is None and operation.refund_id is None and payment.stripe_payment_intent_id is not None:
            seen = await provider.retrieve_payment(payment.stripe_payment_intent_id)
    except ProviderFailure as failure:
        if failure.outcome not in DEFINITE and failure.code != LIST_TOO_LONG:
            raise unavailable(failure) from None
        return StepResult(StepOutcome.FAILED, payment.revision, failure=refusal, gone=failure.is_missing_payment)
    return StepResult(StepOutcome.FAILED, payment.revision, payment=seen, failure=refusal, fetched=seen is not None)


def _needed(stripe_id: str | None, kind: str) -> str:
    if stripe_id is None or not is_id(stripe_id, kind):
        begins = " or ".join(f"{prefix}_" for prefix in PREFIXES[kind])
        message = f"`stripeId` must be the id at Stripe of what happened: {begins}, then letters and digits."
        raise Refused(ErrorCode.VALIDATION_FAILED, message, ("stripeId",))
    return stripe_id


def _does_not_fit(expected: str) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, f"`stripeId` must be the id of {expected}.", ("stripeId",))


def _cannot_ask(failure: ProviderFailure) -> DomainError:
    if failure.outcome in DEFINITE:
        return Refused(ErrorCode.VALIDATION_FAILED, "Stripe knows nothing with this id.", ("stripeId",))
    return unavailable(failure)


def _did_not_happen() -> ProviderProblem:
    message = "It was found out by hand that this did not happen. Use a new key to do it."
    return ProviderProblem(ErrorCode.PROVIDER_REJECTED, message, effect=ProviderEffect.NONE)
