"""States and their allowed transitions, as complete tables. The words are Stripe's, except `INITIATED` and `UNKNOWN`.

Source of the lifecycles: docs.stripe.com/payments/paymentintents/lifecycle and docs.stripe.com/refunds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from domain.money import Money


class PaymentStatus(StrEnum):
    """The status of a payment: Stripe's lifecycle, and two statuses of our own."""

    INITIATED = "INITIATED"  # written here, not yet known to Stripe
    REQUIRES_PAYMENT_METHOD = "REQUIRES_PAYMENT_METHOD"
    REQUIRES_CONFIRMATION = "REQUIRES_CONFIRMATION"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    PROCESSING = "PROCESSING"
    REQUIRES_CAPTURE = "REQUIRES_CAPTURE"
    SUCCEEDED = "SUCCEEDED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"  # Stripe was asked and nobody knows what it did


class RefundStatus(StrEnum):
    """The status of a refund."""

    INITIATED = "INITIATED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PENDING = "PENDING"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"


class CaptureMethod(StrEnum):
    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"


class PaymentShare(StrEnum):
    """The share of its order that a payment asks for."""

    WHOLE = "WHOLE"  # all that is due: no other payment of the order may be open
    REST = "REST"  # all that the order's other open payments leave
    PART = "PART"  # an amount of its own, beside the order's other open payments


class CustomerSessionComponent(StrEnum):
    """A page or an app's part of Stripe's in which a customer's session shows what they keep."""

    PAYMENT_ELEMENT = "PAYMENT_ELEMENT"
    MOBILE_PAYMENT_ELEMENT = "MOBILE_PAYMENT_ELEMENT"
    CUSTOMER_SHEET = "CUSTOMER_SHEET"


class SetupFutureUsage(StrEnum):
    ON_SESSION = "ON_SESSION"
    OFF_SESSION = "OFF_SESSION"


class SetupIntentStatus(StrEnum):
    """The status of a setup, which keeps a method without a payment: Stripe's lifecycle, and two of our own."""

    INITIATED = "INITIATED"  # written here, not yet known to Stripe
    REQUIRES_PAYMENT_METHOD = "REQUIRES_PAYMENT_METHOD"
    REQUIRES_CONFIRMATION = "REQUIRES_CONFIRMATION"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    PROCESSING = "PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"  # Stripe was asked and nobody knows what it did


class OrderPaymentStatus(StrEnum):
    """The payment status of an order; always derived from its payments."""

    UNPAID = "UNPAID"
    PENDING = "PENDING"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    AUTHORIZED = "AUTHORIZED"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    OVERPAID = "OVERPAID"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    DISPUTED = "DISPUTED"


class OperationKind(StrEnum):
    """The mutations that take an idempotency key."""

    REGISTER_ORDER = "REGISTER_ORDER"
    CREATE_PAYMENT = "CREATE_PAYMENT"
    CREATE_OFF_SESSION_PAYMENT = "CREATE_OFF_SESSION_PAYMENT"
    CONFIRM_PAYMENT = "CONFIRM_PAYMENT"
    CAPTURE_PAYMENT = "CAPTURE_PAYMENT"
    CANCEL_PAYMENT = "CANCEL_PAYMENT"
    REFUND_PAYMENT = "REFUND_PAYMENT"
    APPROVE_REFUND = "APPROVE_REFUND"
    CANCEL_REFUND = "CANCEL_REFUND"
    CREATE_SETUP_INTENT = "CREATE_SETUP_INTENT"
    SET_DEFAULT_PAYMENT_METHOD = "SET_DEFAULT_PAYMENT_METHOD"
    DETACH_PAYMENT_METHOD = "DETACH_PAYMENT_METHOD"
    SUBMIT_DISPUTE_EVIDENCE = "SUBMIT_DISPUTE_EVIDENCE"
    REDACT_CUSTOMER = "REDACT_CUSTOMER"


class OperationState(StrEnum):
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNRESOLVED = "UNRESOLVED"
    NEEDS_REVIEW = "NEEDS_REVIEW"


class ReviewOutcome(StrEnum):
    """A reviewer's finding about an operation whose outcome Stripe could not tell."""

    HAPPENED = "HAPPENED"
    DID_NOT_HAPPEN = "DID_NOT_HAPPEN"
    LOOK_AGAIN = "LOOK_AGAIN"


class ProviderEffect(StrEnum):
    """The known effect on money at Stripe."""

    NONE = "NONE"
    APPLIED = "APPLIED"
    UNKNOWN = "UNKNOWN"


class PaymentAction(StrEnum):
    CONFIRM = "CONFIRM"
    CAPTURE = "CAPTURE"
    CANCEL = "CANCEL"
    REFUND = "REFUND"
    SYNC = "SYNC"


class RefundReason(StrEnum):
    DUPLICATE = "DUPLICATE"
    FRAUDULENT = "FRAUDULENT"
    REQUESTED_BY_CUSTOMER = "REQUESTED_BY_CUSTOMER"
    OTHER = "OTHER"


class CancelReason(StrEnum):
    DUPLICATE = "DUPLICATE"
    FRAUDULENT = "FRAUDULENT"
    REQUESTED_BY_CUSTOMER = "REQUESTED_BY_CUSTOMER"
    ABANDONED = "ABANDONED"


class CancellationReason(StrEnum):
    """The reason that Stripe keeps of a cancellation: a caller's (`CancelReason`), or one of Stripe's own."""

    DUPLICATE = "DUPLICATE"
    FRAUDULENT = "FRAUDULENT"
    REQUESTED_BY_CUSTOMER = "REQUESTED_BY_CUSTOMER"
    ABANDONED = "ABANDONED"
    AUTOMATIC = "AUTOMATIC"
    EXPIRED = "EXPIRED"
    OTHER = "OTHER"  # of an invoice, or a word of tomorrow


class ActorKind(StrEnum):
    CUSTOMER = "CUSTOMER"
    STAFF = "STAFF"
    SERVICE = "SERVICE"
    STRIPE_WEBHOOK = "STRIPE_WEBHOOK"
    RECONCILER = "RECONCILER"
    SYSTEM = "SYSTEM"


class EventTopic(StrEnum):
    """The types of events that are read from Stripe's list together: it takes 20 types at a time."""

    PAYMENTS = "payments"
    CUSTOMERS = "customers"


class WebhookState(StrEnum):
    RECEIVED = "RECEIVED"
    PROCESSING = "PROCESSING"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"
    DEAD = "DEAD"


class EventSource(StrEnum):
    """The way in which an event of Stripe's first reached us."""

    WEBHOOK = "WEBHOOK"
    POLL = "POLL"
    SWEEP = "SWEEP"


class DiscrepancyKind(StrEnum):
    """Kinds of difference between Stripe and our rows, or within our rows."""

    MISSING_LOCALLY = "MISSING_LOCALLY"
    MISSING_AT_PROVIDER = "MISSING_AT_PROVIDER"
    STATUS_DRIFT = "STATUS_DRIFT"
    AMOUNT_DRIFT = "AMOUNT_DRIFT"
    CURRENCY_DRIFT = "CURRENCY_DRIFT"
    REFUND_DRIFT = "REFUND_DRIFT"
    UNRESOLVED_OPERATION = "UNRESOLVED_OPERATION"
    WEBHOOK_GAP = "WEBHOOK_GAP"
    LEDGER_IMBALANCE = "LEDGER_IMBALANCE"
    DUPLICATE_CHARGE = "DUPLICATE_CHARGE"
    DISPUTE_DRIFT = "DISPUTE_DRIFT"
    BALANCE_DRIFT = "BALANCE_DRIFT"
    METADATA_DRIFT = "METADATA_DRIFT"
    EXPIRING_AUTHORIZATION = "EXPIRING_AUTHORIZATION"
    BROKEN_CHAIN = "BROKEN_CHAIN"
    UNAPPLIED_FUNDS = "UNAPPLIED_FUNDS"
    SETUP_DRIFT = "SETUP_DRIFT"


class DiscrepancyState(StrEnum):
    OPEN = "OPEN"
    REPAIRED = "REPAIRED"  # the two sides agree again
    ACCEPTED = "ACCEPTED"  # a person has checked it and said why it stays


class RetryAdvice(StrEnum):
    DO_NOT_RETRY = "DO_NOT_RETRY"
    RETRY_SAME_METHOD_LATER = "RETRY_SAME_METHOD_LATER"
    USE_ANOTHER_METHOD = "USE_ANOTHER_METHOD"
    REAUTHENTICATE_ON_SESSION = "REAUTHENTICATE_ON_SESSION"


class Transition(StrEnum):
    """The meaning of Stripe's state for a row in another state."""

    FORWARD = "FORWARD"  # write it
    REPEAT = "REPEAT"  # known already
    LATE = "LATE"  # an older fact: ignore it
    CONFLICT = "CONFLICT"  # contradicts a final state: ask Stripe


# Kinds in which money differs or may differ. A webhook gap is an event that came late, an expiring authorisation is
# work for a person, and a setup moves none: both sides agree on the money.
MONEY_KINDS = frozenset(DiscrepancyKind) - {
    DiscrepancyKind.WEBHOOK_GAP,
    DiscrepancyKind.EXPIRING_AUTHORIZATION,
    DiscrepancyKind.SETUP_DRIFT,
}

OPERATION_OPEN = frozenset({OperationState.IN_PROGRESS, OperationState.UNRESOLVED, OperationState.NEEDS_REVIEW})
PAYMENT_FINAL = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED})
PAYMENT_OPEN = frozenset(PaymentStatus) - PAYMENT_FINAL
REFUND_RESERVES = frozenset(
    {
        RefundStatus.INITIATED,
        RefundStatus.AWAITING_APPROVAL,
        RefundStatus.PENDING,
        RefundStatus.REQUIRES_ACTION,
        RefundStatus.UNKNOWN,
    }
)
REFUND_RELEASED = frozenset({RefundStatus.FAILED, RefundStatus.CANCELED})

# An open payment may go round: another method, another attempt, another 3DS. Only final states are final.
_P, _R, _S = PaymentStatus, RefundStatus, SetupIntentStatus
_LETTER = {"f": Transition.FORWARD, "r": Transition.REPEAT, "l": Transition.LATE, "c": Transition.CONFLICT}
State = TypeVar("State", bound=StrEnum)


def _table(states: type[State], rows: Mapping[State, str]) -> Mapping[State, Mapping[State, Transition]]:
    """Build a table from rows of letters, one column per state of the enum; incomplete rows fail the import."""
    columns = list(states)
    assert set(rows) == set(columns), "a state has no row"
    assert all(len(row) == len(columns) for row in rows.values()), "a row has not one letter for each state"
    return {old: {new: _LETTER[letter] for new, letter in zip(columns, row, strict=True)} for old, row in rows.items()}


PAYMENT_TRANSITIONS = _table(
    PaymentStatus,
    {
        # to:   init method confirm action processing capture succeeded canceled unknown
        _P.INITIATED: "rffffffff",
        _P.REQUIRES_PAYMENT_METHOD: "lrfffffff",
        _P.REQUIRES_CONFIRMATION: "lfrffffff",
        _P.REQUIRES_ACTION: "lffrfffff",
        _P.PROCESSING: "lfffrffff",
        _P.REQUIRES_CAPTURE: "lffffrfff",
        _P.SUCCEEDED: "llllllrcl",
        _P.CANCELED: "llllllcrl",
        _P.UNKNOWN: "lfffffffr",
    },
)
REFUND_TRANSITIONS = _table(
    RefundStatus,
    {
        # to:   init approval pending action succeeded failed canceled unknown
        _R.INITIATED: "rfffffff",
        _R.AWAITING_APPROVAL: "frffffff",
        _R.PENDING: "llrfffff",
        _R.REQUIRES_ACTION: "llfrffff",
        _R.SUCCEEDED: "lllfrfll",
        _R.FAILED: "llllcrcl",
        _R.CANCELED: "llllccrl",
        _R.UNKNOWN: "llfffffr",
    },
)


def payment_transition(old: PaymentStatus, new: PaymentStatus) -> Transition:
    """Return the meaning of Stripe's status `new` for a payment in `old`."""
    return PAYMENT_TRANSITIONS[old][new]


def refund_transition(old: RefundStatus, new: RefundStatus) -> Transition:
    """Return the meaning of Stripe's status `new` for a refund in `old`. One that succeeded may fail days later."""
    return REFUND_TRANSITIONS[old][new]


CONFIRMABLE = frozenset({_P.REQUIRES_PAYMENT_METHOD, _P.REQUIRES_CONFIRMATION, _P.REQUIRES_ACTION})
SETUP_CONFIRMABLE = frozenset({_S.REQUIRES_PAYMENT_METHOD, _S.REQUIRES_CONFIRMATION, _S.REQUIRES_ACTION})
SETUP_FINAL = frozenset({_S.SUCCEEDED, _S.CANCELED})
# INITIATED: as long as the creation was never sent to Stripe, which the cancel finds out.
CANCELABLE = CONFIRMABLE | {_P.REQUIRES_CAPTURE, _P.INITIATED}


def allowed_actions(status: PaymentStatus, *, refundable_minor: int, disputed: bool) -> tuple[PaymentAction, ...]:
    """Return the actions that are possible on a payment now, in a fixed order."""
    actions: list[PaymentAction] = []
    if status in CONFIRMABLE:
        actions.append(PaymentAction.CONFIRM)
    if status is _P.REQUIRES_CAPTURE:
        actions.append(PaymentAction.CAPTURE)
    if status in CANCELABLE:
        actions.append(PaymentAction.CANCEL)
    if status is _P.SUCCEEDED and refundable_minor > 0 and not disputed:
        actions.append(PaymentAction.REFUND)
    actions.append(PaymentAction.SYNC)
    return tuple(actions)


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """One payment's part in its order's status. Minor units of `currency`, which is Stripe's for the payment."""

    currency: str
    status: PaymentStatus
    amount_minor: int
    capturable_minor: int
    captured_minor: int
    refunded_minor: int
    disputed_minor: int


def order_payment_status(total: Money, payments: Iterable[PaymentFacts]) -> OrderPaymentStatus:
    """Derive an order's payment status from all its payments: the gravest fact first.

    Money in another currency than the order's pays nothing of it. An order is AUTHORIZED when all that it owes is held.
    """
    every = list(payments)
    if any(payment.disputed_minor > 0 for payment in every):
        return OrderPaymentStatus.DISPUTED
    known = [payment for payment in every if payment.currency == total.currency]
    paid, refunded = order_sums(total.currency, known)
    if refunded > 0:
        return OrderPaymentStatus.REFUNDED if refunded >= paid else OrderPaymentStatus.PARTIALLY_REFUNDED
    if paid > 0:
        if paid == total.amount_minor:
            return OrderPaymentStatus.PAID
        return OrderPaymentStatus.OVERPAID if paid > total.amount_minor else OrderPaymentStatus.PARTIALLY_PAID
    held = sum(payment.capturable_minor for payment in known if payment.status is _P.REQUIRES_CAPTURE)
    statuses = {payment.status for payment in every}
    if held > 0 and held >= total.amount_minor:
        return OrderPaymentStatus.AUTHORIZED
    if _P.REQUIRES_ACTION in statuses:
        return OrderPaymentStatus.ACTION_REQUIRED
    if statuses & {_P.PROCESSING, _P.REQUIRES_CAPTURE, _P.UNKNOWN}:
        return OrderPaymentStatus.PENDING
    return OrderPaymentStatus.UNPAID


def order_sums(currency: str, payments: Iterable[PaymentFacts]) -> tuple[int, int]:
    """Sum up the captured and the refunded amounts in the order's currency, in minor units."""
    known = [payment for payment in payments if payment.currency == currency]
    return sum(payment.captured_minor for payment in known), sum(payment.refunded_minor for payment in known)
