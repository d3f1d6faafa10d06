"""Failures are facts: each failed attempt is kept once, with its request, whatever comes afterwards."""

from typing import Final

from models import Operation, PaymentFailure
from services.audit.trail import find_broken_chains
from tests.support.rows import row_id
from tests.support.shop import Client, Shop, key, token

DECLINED: Final = "pm_card_visa_chargeDeclinedInsufficientFunds"
EXPIRED: Final = "pm_card_chargeDeclinedExpiredCard"
TIMELINE: Final = """
query T($id: ID!) { payment(id: $id) { status failedAt lastError { requestId } timeline(first: 100) { nodes {
  type occurredAt operationId operation { id kind key }
  error { code requestId ... on CardDeclinedError { declineCode } }
} } } }
"""
BY_CODE: Final = "query F($codes: [String!]) { payments(filter: {declineCode: $codes}) { totalCount nodes { id } } }"


async def test_a_decline_stays_known_after_the_next_attempt_has_succeeded(shop: Shop) -> None:
    declined = await shop.pay(await shop.order(), method=DECLINED)
    payment_id = declined["payment"]["id"]
    support = Client(shop.http, token("support", "payments:read"))
    paid = await shop.buyer.do(
        "confirmPayment",
        paymentId=payment_id,
        paymentMethodId="pm_card_visa",
        returnUrl="https://shop.example/",
        key=key(),
    )
    await shop.deliver()

    payment = (await support.ask(TIMELINE, id=payment_id))["payment"]
    found = (await support.ask(BY_CODE, codes=["insufficient_funds"]))["payments"]
    others = (await support.ask(BY_CODE, codes=["expired_card"]))["payments"]

    [event] = [event for event in payment["timeline"]["nodes"] if event["type"] == "payment.declined"]
    assert (paid["payment"]["status"], payment["status"], payment["lastError"]) == ("SUCCEEDED", "SUCCEEDED", None)
    assert event["error"]["code"] == "CARD_DECLINED"
    assert event["error"]["declineCode"] == "insufficient_funds"
    assert payment["failedAt"] == event["occurredAt"]
    assert event["operation"] == {"id": event["operationId"], "kind": "CREATE_PAYMENT", "key": None}
    assert found == {"totalCount": 1, "nodes": [{"id": payment_id}]}
    assert others == {"totalCount": 0, "nodes": []}


async def test_every_failed_attempt_is_kept_once_with_its_method(shop: Shop) -> None:
    payment_id = (await shop.pay(await shop.order(), method=DECLINED))["payment"]["id"]
    for method in (EXPIRED, DECLINED):
        await shop.buyer.do(
            "confirmPayment",
            paymentId=payment_id,
            paymentMethodId=method,
            returnUrl="https://shop.example/",
            key=key(),
        )
        await shop.deliver()
    await shop.deliver()

    failures = await PaymentFailure.all().order_by("failed_at")
    found = [(await shop.staff.ask(BY_CODE, codes=[code]))["payments"]["totalCount"] for code in
             ("insufficient_funds", "expired_card", "lost_card")]  # fmt: skip
    payment = (await shop.staff.ask(TIMELINE, id=payment_id))["payment"]

    assert [failure.decline_code for failure in failures] == [
        "insufficient_funds",
        "expired_card",
        "insufficient_funds",
    ]
    assert len({failure.stripe_charge_id for failure in failures}) == 3
    assert all(failure.method is not None and failure.operation_id is not None for failure in failures)
    assert found == [1, 1, 0]
    assert [event["type"] for event in payment["timeline"]["nodes"]].count("payment.declined") == 3


async def test_the_request_of_a_failure_is_the_one_that_failed_whoever_reads_it(shop: Shop) -> None:
    payload = await shop.pay(await shop.order(), method=DECLINED)
    [error] = payload["errors"]
    operation = await Operation.get(id=row_id(payload["operation"]["id"]))

    read = [(await shop.staff.ask(TIMELINE, id=payload["payment"]["id"]))["payment"] for _ in range(2)]

    assert error["requestId"] == operation.request_id
    assert {payment["lastError"]["requestId"] for payment in read} == {operation.request_id}
    assert {
        event["error"]["requestId"] for payment in read for event in payment["timeline"]["nodes"] if event["error"]
    } == {operation.request_id}


async def test_a_replay_names_the_request_that_failed(shop: Shop) -> None:
    order_id, with_key = await shop.order(), key()
    first = await shop.pay(order_id, method=DECLINED, with_key=with_key)
    again = await shop.pay(order_id, method=DECLINED, with_key=with_key)

    assert again["replayed"] is True
    assert again["errors"] == first["errors"]


async def test_what_the_payers_browser_failed_at_is_known_by_stripes_own_request(shop: Shop) -> None:
    prepared = await shop.prepared()
    await shop.browser_confirms(EXPIRED)
    await shop.browser_confirms(DECLINED)
    await shop.deliver()

    payment = (await shop.staff.ask(TIMELINE, id=prepared["id"]))["payment"]
    failures = await PaymentFailure.all()

    assert sorted(str(failure.decline_code) for failure in failures) == ["expired_card", "insufficient_funds"]
    assert all(failure.operation_id is None for failure in failures)
    errors = [event["error"]["declineCode"] for event in payment["timeline"]["nodes"] if event["error"]]
    assert sorted(errors) == ["expired_card", "insufficient_funds"]
    assert await find_broken_chains([row_id(prepared["order"]["id"])]) == {}


async def test_two_failed_3ds_of_one_card_are_two_failures_though_neither_has_a_charge(shop: Shop) -> None:
    payload = await shop.pay(
        await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example/"
    )
    payment_id = payload["payment"]["id"]
    for _ in range(2):
        await shop.finish_3ds("fail")
        await shop.browser_confirms("pm_card_threeDSecure2Required")
    await shop.deliver()
    await shop.deliver()

    failures = await PaymentFailure.filter(payment_id=row_id(payment_id))

    assert [failure.code for failure in failures] == ["AUTHENTICATION_REQUIRED"] * 2
    assert {failure.stripe_charge_id for failure in failures} == {None}
    assert len({failure.stripe_event_id for failure in failures}) == 2


async def test_what_stripe_refuses_is_a_failed_attempt_too(shop: Shop) -> None:
    payload = await shop.pay(await shop.order(), method="pm_nothing_of_this_name")
    payment = (await shop.staff.ask(TIMELINE, id=payload["payment"]["id"]))["payment"]

    [error] = payload["errors"]
    [event] = [event for event in payment["timeline"]["nodes"] if event["error"] is not None]
    assert event["type"] == "payment.refused"
    assert event["error"]["code"] == error["code"] == "PAYMENT_METHOD_UNUSABLE"
    assert payment["lastError"]["requestId"] == error["requestId"]


async def test_a_buyer_reads_the_operation_that_is_theirs_and_no_other_key(shop: Shop) -> None:
    declined = await shop.pay(await shop.order(), method=DECLINED, with_key="the-buyers-own-key-0001")
    payment_id = declined["payment"]["id"]
    await shop.staff.do("cancelPayment", input={"paymentId": payment_id}, key="the-clerks-key-0001")

    mine = (await shop.buyer.ask(TIMELINE, id=payment_id))["payment"]["timeline"]["nodes"]
    support = Client(shop.http, token("support", "payments:read"))
    seen = (await support.ask(TIMELINE, id=payment_id))["payment"]["timeline"]["nodes"]

    assert {event["operation"]["key"] for event in mine if event["operation"]} == {"the-buyers-own-key-0001"}
    assert [event["operation"] for event in mine if event["type"] == "payment.canceled"] == [None]
    assert {event["operation"]["key"] for event in seen} == {None}
