"""Every pair of states, against expectations written from Stripe's lifecycle and not from our tables."""

from collections.abc import Mapping
from itertools import product

import pytest

from domain.states import (
    PAYMENT_FINAL,
    PAYMENT_MOVES,
    REFUND_MOVES,
    REFUND_RELEASED,
    REFUND_RESERVES,
    Move,
    OrderPaymentStatus,
    PaymentAction,
    PaymentFacts,
    PaymentStatus,
    RefundStatus,
    allowed_actions,
    order_payment_status,
    payment_move,
    refund_move,
)

P, R, A, Paid = PaymentStatus, RefundStatus, PaymentAction, OrderPaymentStatus

# docs.stripe.com/payments/paymentintents/lifecycle: where a PaymentIntent may go next.
STRIPE_PAYMENT: Mapping[PaymentStatus, set[PaymentStatus]] = {
    P.REQUIRES_PAYMENT_METHOD: {
        P.REQUIRES_CONFIRMATION,
        P.REQUIRES_ACTION,
        P.PROCESSING,
        P.REQUIRES_CAPTURE,
        P.SUCCEEDED,
        P.CANCELED,
    },
    P.REQUIRES_CONFIRMATION: {
        P.REQUIRES_PAYMENT_METHOD,
        P.REQUIRES_ACTION,
        P.PROCESSING,
        P.REQUIRES_CAPTURE,
        P.SUCCEEDED,
        P.CANCELED,
    },
    P.REQUIRES_ACTION: {
        P.REQUIRES_PAYMENT_METHOD,
        P.REQUIRES_CONFIRMATION,
        P.PROCESSING,
        P.REQUIRES_CAPTURE,
        P.SUCCEEDED,
        P.CANCELED,
    },
    P.PROCESSING: {P.REQUIRES_PAYMENT_METHOD, P.REQUIRES_CAPTURE, P.SUCCEEDED, P.CANCELED},
    P.REQUIRES_CAPTURE: {P.PROCESSING, P.SUCCEEDED, P.CANCELED},
    P.SUCCEEDED: set(),
    P.CANCELED: set(),
}
# An attempt that failed and was tried again while the message of the failure was on its way.
PAYMENT_LEAPS = {(P.PROCESSING, P.REQUIRES_CONFIRMATION), (P.PROCESSING, P.REQUIRES_ACTION)}

# docs.stripe.com/refunds
STRIPE_REFUND: Mapping[RefundStatus, set[RefundStatus]] = {
    R.PENDING: {R.SUCCEEDED, R.FAILED, R.CANCELED, R.REQUIRES_ACTION},
    R.REQUIRES_ACTION: {R.PENDING, R.SUCCEEDED, R.FAILED, R.CANCELED},
    R.SUCCEEDED: {R.FAILED, R.REQUIRES_ACTION},
    R.FAILED: set(),
    R.CANCELED: set(),
}


def expected_payment_move(old: PaymentStatus, new: PaymentStatus) -> Move:
    if old is new:
        return Move.REPEAT
    if old in (P.SUCCEEDED, P.CANCELED):
        return Move.CONFLICT if new in (P.SUCCEEDED, P.CANCELED) else Move.LATE
    if new is P.INITIATED:
        return Move.LATE
    if new is P.UNKNOWN or old in (P.INITIATED, P.UNKNOWN):
        return Move.FORWARD
    return Move.FORWARD if new in STRIPE_PAYMENT[old] or (old, new) in PAYMENT_LEAPS else Move.LATE


def expected_refund_move(old: RefundStatus, new: RefundStatus) -> Move:
    if old is new:
        return Move.REPEAT
    if old in (R.INITIATED, R.AWAITING_APPROVAL):
        return Move.FORWARD
    if new in (R.INITIATED, R.AWAITING_APPROVAL):
        return Move.LATE
    if old in (R.FAILED, R.CANCELED):
        return Move.CONFLICT if new in (R.SUCCEEDED, R.FAILED, R.CANCELED) else Move.LATE
    if old is R.UNKNOWN or (new is R.UNKNOWN and old is not R.SUCCEEDED):
        return Move.FORWARD
    return Move.FORWARD if new in STRIPE_REFUND[old] else Move.LATE


@pytest.mark.parametrize(("old", "new"), list(product(P, P)))
def test_every_pair_of_payment_states_moves_as_stripe_says(old: PaymentStatus, new: PaymentStatus) -> None:
    assert payment_move(old, new) is expected_payment_move(old, new)


@pytest.mark.parametrize(("old", "new"), list(product(R, R)))
def test_every_pair_of_refund_states_moves_as_stripe_says(old: RefundStatus, new: RefundStatus) -> None:
    assert refund_move(old, new) is expected_refund_move(old, new)


def test_the_tables_are_complete() -> None:
    assert {(old, new) for old, row in PAYMENT_MOVES.items() for new in row} == set(product(P, P))
    assert {(old, new) for old, row in REFUND_MOVES.items() for new in row} == set(product(R, R))


def test_no_step_that_stripe_takes_is_ignored() -> None:
    for old, followers in STRIPE_PAYMENT.items():
        assert {new for new in followers if payment_move(old, new) is not Move.FORWARD} == set()
    for refund, later in STRIPE_REFUND.items():
        assert {new for new in later if refund_move(refund, new) is not Move.FORWARD} == set()


def test_a_failed_attempt_that_arrives_late_does_not_undo_a_success() -> None:
    """Scenarios 19 and 20."""
    assert payment_move(P.SUCCEEDED, P.REQUIRES_PAYMENT_METHOD) is Move.LATE
    assert payment_move(P.SUCCEEDED, P.PROCESSING) is Move.LATE
    assert payment_move(P.SUCCEEDED, P.UNKNOWN) is Move.LATE


def test_a_contradiction_of_a_final_state_is_asked_about() -> None:
    """Scenario 21."""
    assert payment_move(P.SUCCEEDED, P.CANCELED) is Move.CONFLICT
    assert payment_move(P.CANCELED, P.SUCCEEDED) is Move.CONFLICT


def test_a_refund_may_fail_after_it_succeeded() -> None:
    """Scenario 34."""
    assert refund_move(R.SUCCEEDED, R.FAILED) is Move.FORWARD


def test_every_refund_state_is_reserved_released_or_settled_and_only_one_of_them() -> None:
    settled = frozenset({R.SUCCEEDED})

    assert REFUND_RESERVES | REFUND_RELEASED | settled == set(R)
    assert not REFUND_RESERVES & REFUND_RELEASED
    assert not settled & (REFUND_RESERVES | REFUND_RELEASED)


def test_the_final_states_are_stripes() -> None:
    assert {status for status, followers in STRIPE_PAYMENT.items() if not followers} == PAYMENT_FINAL


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        (P.INITIATED, (A.SYNC,)),
        (P.REQUIRES_PAYMENT_METHOD, (A.CONFIRM, A.CANCEL, A.SYNC)),
        (P.REQUIRES_CONFIRMATION, (A.CONFIRM, A.CANCEL, A.SYNC)),
        (P.REQUIRES_ACTION, (A.CANCEL, A.SYNC)),
        (P.PROCESSING, (A.SYNC,)),
        (P.REQUIRES_CAPTURE, (A.CAPTURE, A.CANCEL, A.SYNC)),
        (P.SUCCEEDED, (A.REFUND, A.SYNC)),
        (P.CANCELED, (A.SYNC,)),
        (P.UNKNOWN, (A.SYNC,)),
    ],
)
def test_what_may_be_asked_of_a_payment(status: PaymentStatus, actions: tuple[PaymentAction, ...]) -> None:
    assert allowed_actions(status, refundable_minor=100, disputed=False) == actions


@pytest.mark.parametrize(("refundable", "disputed"), [(0, False), (100, True), (0, True)])
def test_nothing_left_or_a_dispute_forbids_a_refund(refundable: int, disputed: bool) -> None:
    """Scenario 36."""
    assert allowed_actions(P.SUCCEEDED, refundable_minor=refundable, disputed=disputed) == (A.SYNC,)


def facts(status: PaymentStatus, captured: int = 0, refunded: int = 0, disputed: int = 0) -> PaymentFacts:
    return PaymentFacts(status, 100, captured, refunded, disputed)


@pytest.mark.parametrize(
    ("payments", "status"),
    [
        ([], Paid.UNPAID),
        ([facts(P.INITIATED)], Paid.UNPAID),
        ([facts(P.REQUIRES_PAYMENT_METHOD)], Paid.UNPAID),
        ([facts(P.REQUIRES_CONFIRMATION)], Paid.UNPAID),
        ([facts(P.CANCELED)], Paid.UNPAID),
        ([facts(P.PROCESSING)], Paid.PENDING),
        ([facts(P.UNKNOWN)], Paid.PENDING),
        ([facts(P.REQUIRES_ACTION)], Paid.ACTION_REQUIRED),
        ([facts(P.REQUIRES_CAPTURE)], Paid.AUTHORIZED),
        ([facts(P.CANCELED), facts(P.REQUIRES_ACTION)], Paid.ACTION_REQUIRED),
        ([facts(P.SUCCEEDED, 99)], Paid.PARTIALLY_PAID),
        ([facts(P.SUCCEEDED, 100)], Paid.PAID),
        ([facts(P.SUCCEEDED, 60), facts(P.SUCCEEDED, 40)], Paid.PAID),
        ([facts(P.SUCCEEDED, 100), facts(P.REQUIRES_ACTION)], Paid.PAID),
        ([facts(P.SUCCEEDED, 101)], Paid.OVERPAID),
        ([facts(P.SUCCEEDED, 100, 1)], Paid.PARTIALLY_REFUNDED),
        ([facts(P.SUCCEEDED, 100, 100)], Paid.REFUNDED),
        ([facts(P.SUCCEEDED, 100, 100), facts(P.SUCCEEDED, 100)], Paid.PARTIALLY_REFUNDED),
        ([facts(P.SUCCEEDED, 100, 100, 1)], Paid.DISPUTED),
        ([facts(P.SUCCEEDED, 100), facts(P.SUCCEEDED, 100, 0, 200)], Paid.DISPUTED),
    ],
)
def test_an_order_is_as_paid_as_its_payments_say(payments: list[PaymentFacts], status: OrderPaymentStatus) -> None:
    assert order_payment_status(100, payments) is status
    assert order_payment_status(100, reversed(payments)) is status
