"""One answer for all subscribers of an event with equal answers, and never one that depends on the caller."""

from typing import Any

import pytest

from execution.plan_run import PlanRun
from tests.live.following import EVENT, ORDER, PAYMENT, follow_many, following, following_in, note
from tests.support.shop import Shop, key

FOLLOWERS = 20
WHO = """
subscription W($id: ID!, $after: Int) {
  on: orderPaymentUpdated(orderId: $id, afterSequence: $after) { sequence type actor { kind subject } }
}
"""
FAILED = """
subscription E($id: ID!, $after: Int) {
  on: orderPaymentUpdated(orderId: $id, afterSequence: $after) { sequence payment { lastError { requestId } } }
}
"""
WHY = """
subscription W($id: ID!, $after: Int) {
  on: orderPaymentUpdated(orderId: $id, afterSequence: $after) {
    sequence payment { lastError { ... on CardDeclinedError { customerMessage } } }
  }
}
"""
WRITTEN = """
subscription L($id: ID!, $after: Int, $locale: String!) {
  on: orderPaymentUpdated(orderId: $id, afterSequence: $after) {
    sequence payment { amount { formatted(locale: $locale) } }
  }
}
"""
NAMED = PAYMENT.replace(EVENT, f"id {EVENT}")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Collect the events for which an answer was made."""
    found: list[object] = []
    answer = PlanRun.answer

    def watched(self: PlanRun, plan: Any, arguments: Any, event: Any) -> Any:
        found.append(event)
        return answer(self, plan, arguments, event)

    monkeypatch.setattr(PlanRun, "answer", watched)
    return found


async def test_an_answer_is_made_once_for_all_who_are_told_it(shop: Shop, address: str, made: list[object]) -> None:
    payment = await shop.paid()
    async with follow_many(FOLLOWERS, address, ORDER, id=payment["order"]["id"]) as subscribers:
        for subscriber in subscribers:
            await subscriber.next()
        made.clear()
        await note(payment)
        told = [await subscriber.next() for subscriber in subscribers]

    assert len(made) == 1
    assert all(event == told[0] for event in told)
    assert told[0]["type"] == "payment.noted"


async def test_those_who_ask_in_other_words_are_told_in_their_own(shop: Shop, address: str) -> None:
    payment = await shop.paid()
    async with (
        following(address, shop.staff.token, ORDER, id=payment["order"]["id"]) as one,
        following(address, shop.staff.token, NAMED, id=payment["id"]) as other,
    ):
        await one.next()
        await other.next()
        await note(payment, times=2)
        told = [[await subscriber.next(), await subscriber.next()] for subscriber in (one, other)]

    assert [[event.keys() for event in events] for events in told] == [
        [told[0][0].keys()] * 2,
        [{*told[0][0].keys(), "id"}] * 2,
    ]
    assert one.sequences == other.sequences


async def test_an_argument_by_variable_is_each_ones_own(shop: Shop, address: str) -> None:
    payment = await shop.paid()
    order_id = payment["order"]["id"]
    async with (
        following(address, shop.staff.token, WRITTEN, id=order_id, locale="en-US") as one,
        following(address, shop.staff.token, WRITTEN, id=order_id, locale="de-DE") as other,
    ):
        await one.next()
        await other.next()
        await note(payment)
        told = [await one.next(), await other.next()]

    assert [event["payment"]["amount"]["formatted"] for event in told] == ["$100.00", "100,00\u00a0$"]
    assert told[0]["sequence"] == told[1]["sequence"]


async def test_who_did_it_is_told_to_each_as_they_may_know_it(shop: Shop, address: str) -> None:
    order_id = await _registered(shop, 1_000)
    async with (
        following(address, shop.staff.token, WHO, id=order_id) as staff,
        following(address, shop.buyer.token, WHO, id=order_id) as buyer,
    ):
        begun = [await staff.next(), await buyer.next()]
        await _registered(shop, 2_000)
        told = [await staff.next(), await buyer.next()]

    assert [event["actor"]["subject"] is None for event in begun + told] == [False, True] * 2
    assert told[0]["sequence"] == told[1]["sequence"]


async def _registered(shop: Shop, amount: int) -> str:
    given = {"externalId": "order-1", "total": {"amount": amount, "currency": "USD"}, "customerExternalId": "buyer"}
    registered = await shop.staff.do("registerOrder", input=given, key=key())
    return str(registered["order"]["id"])


async def test_a_failure_names_the_request_that_failed_to_whoever_is_told(shop: Shop, address: str) -> None:
    payload = await shop.pay(await shop.order(), method="pm_card_chargeDeclined")
    payment, failed = payload["payment"], payload["errors"][0]["requestId"]
    async with follow_many(3, address, FAILED, id=payment["order"]["id"]) as subscribers:
        for subscriber in subscribers:
            await subscriber.next()
        await note(payment)
        told = [await subscriber.next() for subscriber in subscribers]

    assert [event["payment"]["lastError"]["requestId"] for event in told] == [failed] * 3


async def test_a_decline_is_told_to_each_in_the_language_of_their_socket(shop: Shop, address: str) -> None:
    payload = await shop.pay(await shop.order(), method="pm_card_chargeDeclinedExpiredCard")
    payment = payload["payment"]
    order_id = payment["order"]["id"]
    async with (
        following_in("it-CH, de;q=0.5", address, shop.buyer.token, WHY, {"id": order_id}) as one,
        following_in("nl", address, shop.buyer.token, WHY, {"id": order_id}) as other,
        following_in("sv", address, shop.buyer.token, WHY, {"id": order_id}) as third,
    ):
        subscribers = (one, other, third)
        begun = [await subscriber.next() for subscriber in subscribers]
        await note(payment)
        told = [await subscriber.next() for subscriber in subscribers]

    for events in (begun, told):
        assert [event["payment"]["lastError"]["customerMessage"] for event in events] == [
            "La carta è scaduta. Utilizza un altro metodo di pagamento.",
            "De kaart is verlopen. Gebruik een andere betaalmethode.",
            "The card has expired. Please use another payment method.",
        ]
    assert len({event["sequence"] for event in told}) == 1
