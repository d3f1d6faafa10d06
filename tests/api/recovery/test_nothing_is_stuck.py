"""Every operation ends or waits for a person, whatever fails; and an answer never says two things."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from models import Operation, PaymentEvent
from services.money.state import payment_state, refund_state
from tests.support.as_stripe_says import reached, reconciled
from tests.support.shop import Json, Shop, key

OPEN = "{ openOperations { edges { node { id state effect } } } integrity { healthy operationsNeedingReview } }"


async def _open(shop: Shop) -> tuple[list[Json], Json]:
    data = await shop.staff.ask(OPEN)
    return [edge["node"] for edge in data["openOperations"]["edges"]], data["integrity"]


async def _due_now(shop: Shop) -> None:
    """Retry everything that waits."""
    await Operation.filter(due__isnull=False).update(due=datetime(2020, 1, 1, tzinfo=UTC))
    await shop.runtime.worker.drain()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Break the code that records a payment's status."""

    def fails(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(payment_state, "_differences", fails)
    return monkeypatch


async def test_an_operation_that_crashes_asks_for_a_person_and_is_settled(
    shop: Shop, broken: pytest.MonkeyPatch
) -> None:
    order_id, with_key = await shop.order(), key()
    first = await shop.pay(order_id, with_key=with_key)
    seen_first = await _open(shop)
    await _due_now(shop)
    seen_second = await _open(shop)

    assert [error["code"] for error in first["errors"]] == ["OUTCOME_UNKNOWN"]
    assert [(node["state"], node["effect"]) for node in seen_first[0]] == [("UNRESOLVED", "UNKNOWN")]
    assert [(node["state"], node["effect"]) for node in seen_second[0]] == [("NEEDS_REVIEW", "UNKNOWN")]
    assert seen_second[1] == {"healthy": False, "operationsNeedingReview": 1}

    broken.undo()
    resolve = """mutation R($id: ID!, $pi: ID!) {
      resolveOperation(id: $id, outcome: HAPPENED, evidence: "seen at Stripe", stripeId: $pi) {
        errors { code message } operation { state } } }"""
    intent = shop.sandbox.snapshot().payment_intents[-1]["id"]
    settled = await shop.staff.ask(resolve, id=seen_second[0][0]["id"], pi=intent)
    again = await shop.pay(order_id, with_key=with_key)

    assert settled["resolveOperation"] == {"errors": [], "operation": {"state": "SUCCEEDED"}}
    assert (again["replayed"], again["payment"]["status"]) == (True, "SUCCEEDED")
    assert len(shop.sandbox.snapshot().charges) == 1
    assert (await _open(shop))[0] == []


async def test_an_operation_that_crashed_once_goes_on_by_itself(shop: Shop, broken: pytest.MonkeyPatch) -> None:
    order_id, with_key = await shop.order(), key()
    await shop.pay(order_id, with_key=with_key)
    broken.undo()

    await _due_now(shop)
    again = await shop.pay(order_id, with_key=with_key)

    assert (again["operation"]["state"], again["payment"]["status"]) == ("SUCCEEDED", "SUCCEEDED")
    assert len(shop.sandbox.snapshot().charges) == 1


async def test_one_payment_that_cannot_be_written_stops_no_repair(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    payments = [await shop.paid() for _ in range(3)]
    await shop.deliver()
    intents = [intent["id"] for intent in shop.sandbox.snapshot().payment_intents]
    for payment in payments:
        await shop.stripe("refunds", {"payment_intent": intents[payments.index(payment)], "amount": 1_000})
    writes = refund_state.apply_provider_refund

    async def fails_for_one(work: Any, order: Any, payment: Any, seen: Any, **more: Any) -> Any:
        if seen.payment_intent_id == intents[0]:
            raise ZeroDivisionError("a bug")
        return await writes(work, order, payment, seen, **more)

    monkeypatch.setattr("services.money.sync.apply_provider_refund", fails_for_one)

    left = await reconciled(shop, repair=True)

    repaired = [(await shop.payment(payment["id"]))["amountRefunded"]["amount"] for payment in payments]
    assert repaired == [0, 1_000, 1_000]
    assert {finding.kind.value for finding in left} == {"REFUND_DRIFT"}
    assert len({finding.payment_id for finding in left}) == 1


# -- an answer says one thing ----------------------------------------------------------------------------------------


async def test_a_payment_that_a_webhook_settles_is_no_unknown_outcome(shop: Shop) -> None:
    """The confirmation is executed and never answered; its webhook comes while it is still being retried."""
    confirm = "/v1/payment_intents/[^/]+/confirm"
    number = shop.sandbox.fault(kind="error_500_after", method="POST", path=confirm, times=100)
    order_id, with_key = await shop.order(), key()
    paying = asyncio.create_task(shop.pay(order_id, with_key=with_key))
    await reached(shop, number)
    await shop.sandbox.deliver_due()
    await shop.runtime.worker.apply_next()

    data = await shop.buyer.ask(
        """query O($key: IdempotencyKey!, $order: ID!) {
          operation(key: $key, kind: CREATE_PAYMENT) { state effect error { code } }
          order(id: $order) { paymentStatus } }""",
        key=with_key,
        order=order_id,
    )
    first = await paying
    again = await shop.pay(order_id, with_key=with_key)

    assert data["order"] == {"paymentStatus": "PAID"}
    assert data["operation"]["state"] in ("IN_PROGRESS", "SUCCEEDED")
    for told in (first, again):
        assert (told["errors"], told["payment"]["status"]) == ([], "SUCCEEDED")
        assert (told["operation"]["state"], told["operation"]["effect"]) == ("SUCCEEDED", "APPLIED")
    assert len(shop.sandbox.snapshot().charges) == 1


async def test_a_refund_that_a_webhook_settles_is_no_unknown_outcome(shop: Shop) -> None:
    payment = await shop.paid()
    shop.sandbox.fault(kind="error_500_after", method="POST", path="/v1/refunds", times=100)
    with_key = key()
    await shop.refund(payment["id"], 3_000, with_key=with_key)
    await shop.sandbox.deliver_due()
    while await shop.runtime.worker.apply_next():
        pass

    again = await shop.refund(payment["id"], 3_000, with_key=with_key)

    assert (again["errors"], again["operation"]["state"], again["refund"]["status"]) == ([], "SUCCEEDED", "SUCCEEDED")
    assert len(shop.sandbox.snapshot().refunds) == 1


# -- a short shipment ------------------------------------------------------------------------------------------------


async def _held(shop: Shop) -> tuple[str, str]:
    order_id = await shop.order()
    given = {
        "orderId": order_id,
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_visa",
        "confirm": True,
        "captureMethod": "MANUAL",
    }
    payload = await shop.staff.do("createPayment", input=given, key=key())
    return order_id, payload["payment"]["id"]


async def _order(shop: Shop, order_id: str) -> Json:
    query = "query O($id: ID!) { order(id: $id) { paymentStatus total { amount } amountDue { amount } } }"
    order: Json = (await shop.staff.ask(query, id=order_id))["order"]
    return order


PAID = {"paymentStatus": "PAID", "total": {"amount": 6_000}, "amountDue": {"amount": 0}}


async def test_a_capture_may_be_all_that_the_order_owes(shop: Shop) -> None:
    order_id, payment_id = await _held(shop)
    given = {"paymentId": payment_id, "amount": {"amount": 6_000, "currency": "USD"}, "settlesOrder": True}
    with_key = key()

    payload = await shop.staff.do("capturePayment", input=given, key=with_key)
    again = await shop.staff.do("capturePayment", input=given, key=with_key)
    other = await shop.staff.do("capturePayment", input={**given, "settlesOrder": False}, key=with_key)

    assert (payload["errors"], again["replayed"]) == ([], True)
    assert [error["code"] for error in other["errors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    assert other["errors"][0]["mismatchedPaths"] == ["settlesOrder"]
    assert await _order(shop, order_id) == PAID
    event = await PaymentEvent.get(type="order.settled")
    assert (event.before["total_minor"], event.after["total_minor"]) == (10_000, 6_000)


async def test_a_capture_whose_answer_is_lost_settles_its_order_once_it_is_known(shop: Shop) -> None:
    order_id, payment_id = await _held(shop)
    shop.sandbox.fault(kind="error_500_after", method="POST", path="/v1/payment_intents/[^/]+/capture", times=100)
    given = {"paymentId": payment_id, "amount": {"amount": 6_000, "currency": "USD"}, "settlesOrder": True}
    await shop.staff.do("capturePayment", input=given, key=key())

    await shop.deliver()

    assert await _order(shop, order_id) == PAID


async def test_a_capture_that_fails_settles_nothing(shop: Shop) -> None:
    order_id, payment_id = await _held(shop)
    intent = shop.sandbox.snapshot().payment_intents[-1]["id"]
    await shop.stripe(f"payment_intents/{intent}/cancel", {})
    given = {"paymentId": payment_id, "amount": {"amount": 6_000, "currency": "USD"}, "settlesOrder": True}

    payload = await shop.staff.do("capturePayment", input=given, key=key())

    assert payload["errors"] != []
    assert (await _order(shop, order_id))["total"] == {"amount": 10_000}


@pytest.mark.parametrize(
    ("total", "codes"), [(6_000, []), (8_000, []), (5_999, ["INVALID_STATE"]), (10_001, ["INVALID_STATE"])]
)
async def test_a_service_lowers_an_order_down_to_what_was_taken(shop: Shop, total: int, codes: list[str]) -> None:
    external_id = f"order-{key()}"
    given: Json = {
        "externalId": external_id,
        "total": {"amount": 10_000, "currency": "USD"},
        "customerExternalId": "buyer",
    }
    order_id = (await shop.staff.do("registerOrder", input=given, key=key()))["order"]["id"]
    payment = await shop.staff.do(
        "createPayment",
        input={
            "orderId": order_id,
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
            "captureMethod": "MANUAL",
        },
        key=key(),
    )
    early = await shop.staff.do(
        "registerOrder", input={**given, "total": {"amount": 9_000, "currency": "USD"}}, key=key()
    )
    capture = {"paymentId": payment["payment"]["id"], "amount": {"amount": 6_000, "currency": "USD"}}
    await shop.staff.do("capturePayment", input=capture, key=key())

    lowered = await shop.staff.do(
        "registerOrder", input={**given, "total": {"amount": total, "currency": "USD"}}, key=key()
    )

    assert [error["code"] for error in early["errors"]] == ["INVALID_STATE"]
    assert [error["code"] for error in lowered["errors"]] == codes
    order = await _order(shop, order_id)
    assert order["total"] == {"amount": 10_000 if codes else total}
    assert order["paymentStatus"] == ("PAID" if total == 6_000 else "PARTIALLY_PAID")
