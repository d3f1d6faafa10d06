"""The transitions of a payment and of a refund, against the facts written out here once more, by name."""

from collections.abc import Iterator
from itertools import product

import pytest

from domain.states import (
    PAYMENT_FINAL,
    PAYMENT_TRANSITIONS,
    REFUND_RELEASED,
    REFUND_RESERVES,
    REFUND_TRANSITIONS,
    PaymentStatus,
    RefundStatus,
    Transition,
    payment_transition,
    refund_transition,
)

# From each state, Stripe's possible next state and the state written for it. All else is late, or contradicts an end.
PAYMENT_FORWARD = {
    "INITIATED": "REQUIRES_PAYMENT_METHOD REQUIRES_CONFIRMATION REQUIRES_ACTION PROCESSING REQUIRES_CAPTURE SUCCEEDED"
    " CANCELED UNKNOWN",
    "REQUIRES_PAYMENT_METHOD": "REQUIRES_CONFIRMATION REQUIRES_ACTION PROCESSING REQUIRES_CAPTURE SUCCEEDED CANCELED"
    " UNKNOWN",
    "REQUIRES_CONFIRMATION": "REQUIRES_PAYMENT_METHOD REQUIRES_ACTION PROCESSING REQUIRES_CAPTURE SUCCEEDED CANCELED"
    " UNKNOWN",
    "REQUIRES_ACTION": "REQUIRES_PAYMENT_METHOD REQUIRES_CONFIRMATION PROCESSING REQUIRES_CAPTURE SUCCEEDED CANCELED"
    " UNKNOWN",
    "PROCESSING": "REQUIRES_PAYMENT_METHOD REQUIRES_CONFIRMATION REQUIRES_ACTION REQUIRES_CAPTURE SUCCEEDED CANCELED"
    " UNKNOWN",
    "REQUIRES_CAPTURE": "REQUIRES_PAYMENT_METHOD REQUIRES_CONFIRMATION REQUIRES_ACTION PROCESSING SUCCEEDED CANCELED"
    " UNKNOWN",
    "SUCCEEDED": "",
    "CANCELED": "",
    "UNKNOWN": "REQUIRES_PAYMENT_METHOD REQUIRES_CONFIRMATION REQUIRES_ACTION PROCESSING REQUIRES_CAPTURE SUCCEEDED"
    " CANCELED",
}
PAYMENT_CONFLICTS = {("SUCCEEDED", "CANCELED"), ("CANCELED", "SUCCEEDED")}
REFUND_FORWARD = {
    "INITIATED": "AWAITING_APPROVAL PENDING REQUIRES_ACTION SUCCEEDED FAILED CANCELED UNKNOWN",
    "AWAITING_APPROVAL": "INITIATED PENDING REQUIRES_ACTION SUCCEEDED FAILED CANCELED UNKNOWN",
    "PENDING": "REQUIRES_ACTION SUCCEEDED FAILED CANCELED UNKNOWN",
    "REQUIRES_ACTION": "PENDING SUCCEEDED FAILED CANCELED UNKNOWN",
    "SUCCEEDED": "FAILED REQUIRES_ACTION",  # a bank may send it back days later, or ask the payer where to
    "FAILED": "",
    "CANCELED": "",
    "UNKNOWN": "PENDING REQUIRES_ACTION SUCCEEDED FAILED CANCELED",
}
REFUND_CONFLICTS = {
    ("FAILED", "SUCCEEDED"),
    ("FAILED", "CANCELED"),
    ("CANCELED", "SUCCEEDED"),
    ("CANCELED", "FAILED"),
}


def _expected(old: str, new: str, forward: dict[str, str], conflicts: set[tuple[str, str]]) -> Transition:
    if old == new:
        return Transition.REPEAT
    if new in forward[old].split():
        return Transition.FORWARD
    return Transition.CONFLICT if (old, new) in conflicts else Transition.LATE


@pytest.mark.parametrize(("old", "new"), list(product(PaymentStatus, PaymentStatus)))
def test_every_move_of_a_payment(old: PaymentStatus, new: PaymentStatus) -> None:
    assert payment_transition(old, new) is _expected(old, new, PAYMENT_FORWARD, PAYMENT_CONFLICTS)


@pytest.mark.parametrize(("old", "new"), list(product(RefundStatus, RefundStatus)))
def test_every_move_of_a_refund(old: RefundStatus, new: RefundStatus) -> None:
    assert refund_transition(old, new) is _expected(old, new, REFUND_FORWARD, REFUND_CONFLICTS)


def test_the_tables_have_every_pair() -> None:
    assert {(old, new) for old, row in PAYMENT_TRANSITIONS.items() for new in row} == set(
        product(PaymentStatus, PaymentStatus)
    )
    assert {(old, new) for old, row in REFUND_TRANSITIONS.items() for new in row} == set(
        product(RefundStatus, RefundStatus)
    )


def test_the_final_states_of_a_payment_absorb() -> None:
    assert {PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED} == PAYMENT_FINAL
    for final, new in product(PAYMENT_FINAL, PaymentStatus):
        assert payment_transition(final, new) is not Transition.FORWARD


def test_a_refund_that_is_released_never_reserves_again() -> None:
    assert {RefundStatus.FAILED, RefundStatus.CANCELED} == REFUND_RELEASED
    assert set(RefundStatus) == REFUND_RESERVES | REFUND_RELEASED | {RefundStatus.SUCCEEDED}
    for released, new in product(REFUND_RELEASED, RefundStatus):
        assert refund_transition(released, new) is not Transition.FORWARD


def test_nothing_ever_becomes_merely_initiated_by_what_stripe_says() -> None:
    for old in set(PaymentStatus) - {PaymentStatus.INITIATED}:
        assert payment_transition(old, PaymentStatus.INITIATED) is Transition.LATE
    for refund in set(RefundStatus) - {RefundStatus.INITIATED, RefundStatus.AWAITING_APPROVAL}:
        assert refund_transition(refund, RefundStatus.INITIATED) is Transition.LATE


def _stripes_own_moves() -> Iterator[tuple[PaymentStatus, PaymentStatus]]:
    """List docs.stripe.com/payments/paymentintents/lifecycle as transitions."""
    arrows = """
        requires_payment_method > requires_confirmation, requires_payment_method > canceled
        requires_confirmation > requires_action, requires_confirmation > processing
        requires_confirmation > requires_payment_method, requires_confirmation > canceled
        requires_action > processing, requires_action > requires_payment_method, requires_action > requires_capture
        requires_action > canceled, processing > succeeded, processing > requires_payment_method
        processing > requires_capture, requires_capture > succeeded, requires_capture > canceled
    """
    for arrow in arrows.replace("\n", ",").split(","):
        if arrow.strip():
            old, new = arrow.split(">")
            yield PaymentStatus(old.strip().upper()), PaymentStatus(new.strip().upper())


@pytest.mark.parametrize(("old", "new"), list(_stripes_own_moves()))
def test_every_arrow_of_stripes_lifecycle_is_followed(old: PaymentStatus, new: PaymentStatus) -> None:
    assert payment_transition(old, new) is Transition.FORWARD
