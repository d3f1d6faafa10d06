"""Steps of operations: one call to Stripe each, and the result of one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from domain.states import OperationKind, PaymentStatus
from models import Operation, Payment, Revision
from provider import Outcome, ProviderCustomer, ProviderFailure, ProviderPayment, ProviderRefund

SERVER_ERROR = "server_error"  # a 5xx, which Stripe may repeat under the same key for ever
METHOD_ID = "method_id"  # in an operation's parameters: our id of the saved method that it is about, or pays with
WAITS_FOR_METHOD = frozenset({PaymentStatus.REQUIRES_CONFIRMATION, PaymentStatus.REQUIRES_PAYMENT_METHOD})


class Step(StrEnum):
    CUSTOMER = "customer"
    CREATE = "create"
    CHARGE = "charge"  # create and confirm by one request, while the payer is away
    UPDATE = "update"
    CONFIRM = "confirm"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    DEFAULT = "default"
    DETACH = "detach"
    SETUP = "setup"


FIRST_STEP = {
    OperationKind.CREATE_PAYMENT: Step.CREATE,
    OperationKind.CREATE_OFF_SESSION_PAYMENT: Step.CHARGE,
    OperationKind.CONFIRM_PAYMENT: Step.CONFIRM,
    OperationKind.CAPTURE_PAYMENT: Step.CAPTURE,
    OperationKind.CANCEL_PAYMENT: Step.CANCEL,
    OperationKind.REFUND_PAYMENT: Step.REFUND,
}


MAKES_INTENT = frozenset({Step.CREATE, Step.CHARGE})
# The operations that make a payment, as a statement lists their kinds.
PAYMENT_MAKERS = ", ".join(f"'{kind.value}'" for kind, step in FIRST_STEP.items() if step in MAKES_INTENT)
ATTEMPTS = frozenset({Step.CHARGE, Step.CONFIRM})  # after them, a payment that waits for a method was declined


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
    customer: ProviderCustomer | None = None
    failure: ProviderFailure | None = None
    fetched: bool = field(default=False)
    gone: bool = False
    by_lookup: bool = False
    sent: ProviderFailure | None = None


def failed_attempt(seen: ProviderPayment, since: Revision) -> StepResult:
    """Make the result of an attempt that failed: the payment waits for another one."""
    failure = ProviderFailure(Outcome.DECLINED, decline=seen.last_error, request_id=seen.request_id)
    return StepResult(StepOutcome.FAILED, since, payment=seen, failure=failure, fetched=True)


def shows_update(operation: Operation, payment: Payment | ProviderPayment) -> bool:
    """Return True if the operation's update of a payment has been done: it asks for the amount that the update sets."""
    return operation.step == Step.UPDATE and payment.amount_minor == operation.params[Step.UPDATE]["amount"]


def attempt_result(seen: ProviderPayment, since: Revision) -> StepResult:
    """Make the result of an attempt from the intent as it was just fetched after it."""
    if seen.status in WAITS_FOR_METHOD:
        return failed_attempt(seen, since)
    return StepResult(StepOutcome.DONE, since, payment=seen, fetched=True)


def refund_made_by(operation: Operation, refunds: Iterable[ProviderRefund]) -> ProviderRefund | None:
    """Return the refund that this operation made, among all refunds of the payment at Stripe."""
    return next((seen for seen in refunds if seen.metadata.get("refund_id") == str(operation.refund_id)), None)


def secret_of(step_result: StepResult) -> str | None:
    """Return the client secret in a result, if it has one."""
    return step_result.payment.client_secret if step_result.payment else None
