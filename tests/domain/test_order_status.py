"""The allowed actions of a payment, and the progress of an order's payment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.states import (
    OrderPaymentStatus,
    PaymentAction,
    PaymentFacts,
    PaymentStatus,
    allowed_actions,
    order_payment_status,
)

CONFIRM, CAPTURE, CANCEL = PaymentAction.CONFIRM, PaymentAction.CAPTURE, PaymentAction.CANCEL
REFUND, SYNC = PaymentAction.REFUND, PaymentAction.SYNC
ACTIONS = {
    PaymentStatus.INITIATED: (CANCEL, SYNC),
    PaymentStatus.REQUIRES_PAYMENT_METHOD: (CONFIRM, CANCEL, SYNC),
    PaymentStatus.REQUIRES_CONFIRMATION: (CONFIRM, CANCEL, SYNC),
    PaymentStatus.REQUIRES_ACTION: (CONFIRM, CANCEL, SYNC),
    PaymentStatus.PROCESSING: (SYNC,),
    PaymentStatus.REQUIRES_CAPTURE: (CAPTURE, CANCEL, SYNC),
    PaymentStatus.SUCCEEDED: (REFUND, SYNC),
    PaymentStatus.CANCELED: (SYNC,),
    PaymentStatus.UNKNOWN: (SYNC,),
}


@pytest.mark.parametrize("status", list(PaymentStatus))
def test_what_may_be_asked_in_each_state(status: PaymentStatus) -> None:
    assert allowed_actions(status, refundable_minor=1_000, disputed=False) == ACTIONS[status]


@pytest.mark.parametrize(("left", "disputed"), [(0, False), (1_000, True), (0, True)])
@pytest.mark.parametrize("status", list(PaymentStatus))
def test_what_is_disputed_or_given_back_already_cannot_be_refunded(
    status: PaymentStatus, left: int, disputed: bool
) -> None:
    actions = allowed_actions(status, refundable_minor=left, disputed=disputed)

    assert actions == tuple(action for action in ACTIONS[status] if action is not REFUND)


def paid(captured: int, *, refunded: int = 0, disputed: int = 0) -> PaymentFacts:
    return PaymentFacts("USD", PaymentStatus.SUCCEEDED, captured, 0, captured, refunded, disputed)


def unpaid(status: PaymentStatus) -> PaymentFacts:
    return PaymentFacts("USD", status, 1_000, 1_000 if status is PaymentStatus.REQUIRES_CAPTURE else 0, 0, 0, 0)


def held(capturable: int, *, currency: str = "USD") -> PaymentFacts:
    return PaymentFacts(currency, PaymentStatus.REQUIRES_CAPTURE, 1_000, capturable, 0, 0, 0)


def in_yen(captured: int, *, refunded: int = 0, disputed: int = 0) -> PaymentFacts:
    return PaymentFacts("JPY", PaymentStatus.SUCCEEDED, 1_000, 0, captured, refunded, disputed)


P, S = PaymentStatus, OrderPaymentStatus
ORDERS = [
    ([], S.UNPAID),
    ([paid(1_000)], S.PAID),
    ([paid(400), paid(600)], S.PAID),
    ([paid(400)], S.PARTIALLY_PAID),
    ([paid(1_000), paid(1_000)], S.OVERPAID),
    ([paid(1_000, refunded=1)], S.PARTIALLY_REFUNDED),
    ([paid(1_000, refunded=1_000)], S.REFUNDED),
    ([paid(400, refunded=400), paid(600)], S.PARTIALLY_REFUNDED),
    ([paid(400, refunded=400), paid(600, refunded=600)], S.REFUNDED),
    ([paid(1_000, disputed=1)], S.DISPUTED),
    ([paid(1_000, refunded=1_000, disputed=1_000)], S.DISPUTED),
    ([paid(1_000), paid(1_000, disputed=2_000)], S.DISPUTED),
    ([paid(400), unpaid(P.REQUIRES_CAPTURE)], S.PARTIALLY_PAID),
    ([unpaid(P.REQUIRES_CAPTURE), unpaid(P.REQUIRES_ACTION)], S.AUTHORIZED),
    ([held(1_001)], S.AUTHORIZED),
    ([held(1)], S.PENDING),
    ([held(999)], S.PENDING),
    ([held(1_000, currency="JPY")], S.PENDING),
    ([in_yen(1_000)], S.UNPAID),
    ([in_yen(1_000), paid(1_000)], S.PAID),
    ([in_yen(1_000, refunded=1_000), paid(1_000)], S.PAID),
    ([in_yen(1_000, disputed=1_000), paid(1_000)], S.DISPUTED),
    ([unpaid(P.REQUIRES_ACTION), unpaid(P.PROCESSING)], S.ACTION_REQUIRED),
    ([unpaid(P.PROCESSING)], S.PENDING),
    ([unpaid(P.UNKNOWN)], S.PENDING),
    ([unpaid(P.INITIATED)], S.UNPAID),
    ([unpaid(P.REQUIRES_PAYMENT_METHOD)], S.UNPAID),
    ([unpaid(P.REQUIRES_CONFIRMATION)], S.UNPAID),
    ([unpaid(P.CANCELED)], S.UNPAID),
]


@pytest.mark.parametrize(("payments", "status"), ORDERS)
def test_how_far_an_order_of_ten_is_paid(payments: list[PaymentFacts], status: OrderPaymentStatus) -> None:
    assert order_payment_status(Money(1_000, "USD"), payments) is status
    assert order_payment_status(Money(1_000, "USD"), reversed(payments)) is status


amounts = st.integers(0, 2**53 - 1)
currencies = st.sampled_from(["USD", "JPY"])
facts = st.builds(PaymentFacts, currencies, st.sampled_from(PaymentStatus), *[amounts] * 5)


@given(total=amounts, payments=st.lists(facts, max_size=6))
def test_every_set_of_facts_has_a_status(total: int, payments: list[PaymentFacts]) -> None:
    status = order_payment_status(Money(total, "USD"), iter(payments))

    assert status in OrderPaymentStatus
    assert (status is OrderPaymentStatus.DISPUTED) == any(payment.disputed_minor for payment in payments)
    if status is OrderPaymentStatus.PAID:
        assert sum(payment.captured_minor for payment in payments if payment.currency == "USD") == total
