"""Stripe's lists for reconciliation: an unreadable object keeps its place, and bookings are reported by source."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from provider import BalanceTransactionKind, Provider, ProviderFailure, ProviderPayment, Unreadable
from provider.failures import UNREADABLE_ANSWER
from provider.mapping import balance_transaction_from, dispute_from, payment_from
from tests.provider.stripe_says import intent, provider_hearing, refund, saying

SINCE, BEFORE = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
HELD_UNTIL = 1_700_500_000


def held(**changes: Any) -> dict[str, Any]:
    """Build an authorized intent, with its charge."""
    card = {"brand": "visa", "capture_before": HELD_UNTIL}
    charge = {"id": "ch_1", "payment_method_details": {"type": "card", "card": card}}
    return intent(**{"status": "requires_capture", "latest_charge": charge, **changes})


def booking(**changes: Any) -> dict[str, Any]:
    """Build a balance transaction as Stripe returns it, its source expanded."""
    source = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}
    told = {"id": "txn_1", "type": "charge", "currency": "usd", "amount": 1_099, "exchange_rate": None}
    return {**told, "source": source, **changes}


def listing(*items: dict[str, Any]) -> tuple[Provider, list[httpx.Request]]:
    """Make a provider whose Stripe has one page."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return saying(200, {"object": "list", "data": list(items), "has_more": False})(request)

    return provider_hearing(answer), asked


def test_held_money_says_until_when_and_taken_money_does_not() -> None:
    assert payment_from(held()).capture_before == datetime.fromtimestamp(HELD_UNTIL, UTC)
    assert payment_from(held(status="succeeded")).capture_before is None
    assert payment_from(held(latest_charge="ch_1")).capture_before is None
    assert payment_from(held(latest_charge={"id": "ch_1", "payment_method_details": None})).capture_before is None


@pytest.mark.parametrize(
    ("word", "booked"),
    [
        ("charge", BalanceTransactionKind.CHARGE),
        ("payment", BalanceTransactionKind.CHARGE),
        ("refund", BalanceTransactionKind.REFUND),
        ("payment_refund", BalanceTransactionKind.REFUND),
        ("refund_failure", BalanceTransactionKind.OTHER),
        ("adjustment", BalanceTransactionKind.OTHER),
        ("stripe_fee", BalanceTransactionKind.OTHER),
        ("payout", BalanceTransactionKind.OTHER),
        ("teleported", BalanceTransactionKind.OTHER),
    ],
)
def test_what_was_booked_is_told_by_its_type(word: str, booked: BalanceTransactionKind) -> None:
    assert balance_transaction_from(booking(type=word)).kind is booked


def test_whose_money_was_booked_is_told_by_an_expanded_source() -> None:
    whole, bare, none = (
        balance_transaction_from(booking()),
        balance_transaction_from(booking(source="ch_1")),
        balance_transaction_from(booking(source=None)),
    )
    converted = balance_transaction_from(booking(currency="eur", exchange_rate=0.92))

    assert (whole.source_id, whole.payment_intent_id, whole.amount_minor) == ("ch_1", "pi_1", 1_099)
    assert (bare.source_id, bare.payment_intent_id) == ("ch_1", None)
    assert (none.source_id, none.payment_intent_id) == (None, None)
    assert (whole.is_converted, converted.is_converted, converted.currency) == (False, True, "EUR")


async def test_sources_are_asked_for_with_the_list_and_with_one() -> None:
    provider, asked = listing(booking())
    listed = [
        one async for one in provider.balance_transactions(created_from=SINCE, created_before=BEFORE, after="txn_0")
    ]
    await provider.close()
    alone = provider_hearing(saying(200, {"object": "balance_transaction", **booking()}))
    found = await alone.retrieve_balance_transaction("txn_1")
    await alone.close()

    assert listed == [found]
    given = asked[0].url.params
    assert (given["expand[0]"], given["starting_after"], given["limit"]) == ("data.source", "txn_0", "100")
    assert (given["created[gte]"], given["created[lt]"]) == (str(int(SINCE.timestamp())), str(int(BEFORE.timestamp())))


async def test_one_that_cannot_be_read_stands_in_its_place() -> None:
    provider, _ = listing(intent(id="pi_3"), intent(id="pi_2", currency=None), intent(id="pi_1"))

    seen = [one async for one in provider.payments(created_from=SINCE, created_before=BEFORE)]
    await provider.close()

    assert [type(one) for one in seen] == [ProviderPayment, Unreadable, ProviderPayment]
    assert [one.id for one in seen] == ["pi_3", "pi_2", "pi_1"]


async def test_an_amount_beyond_all_numbers_cannot_be_read() -> None:
    provider, _ = listing(refund(amount=float("inf")))

    [seen] = [one async for one in provider.refunds(created_from=SINCE, created_before=BEFORE)]
    await provider.close()

    assert seen == Unreadable("re_1", "pi_1")


async def test_a_dispute_that_cannot_be_read_says_whose_it_may_be() -> None:
    broken = {"id": "du_1", "object": "dispute", "payment_intent": {"id": "pi_1"}, "amount": None}
    whole = {**broken, "amount": 500, "currency": "usd", "status": "lost", "charge": "ch_1"}
    provider, _ = listing(broken)

    [seen] = [one async for one in provider.disputes(created_from=SINCE, created_before=BEFORE)]
    with pytest.raises(ProviderFailure) as raised:
        await provider.retrieve_dispute("du_1")
    await provider.close()

    assert seen == Unreadable("du_1", "pi_1")
    assert raised.value.code == UNREADABLE_ANSWER
    assert (dispute_from(whole).charge_id, dispute_from(whole).is_open_or_lost) == ("ch_1", True)
