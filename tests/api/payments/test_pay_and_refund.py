"""The main job, end to end over HTTP: each outcome of a card payment, on our side and at Stripe."""

import pytest

from tests.support.shop import CONFIRMATION_OF, Client, Shop, key


def _intents(shop: Shop) -> list[dict[str, object]]:
    return list(shop.sandbox.snapshot().payment_intents)


async def test_a_card_pays_an_order(shop: Shop) -> None:
    order_id = await shop.order(2599)

    payload = await shop.pay(order_id, amount=2599)
    await shop.deliver()

    payment = await shop.payment(payload["payment"]["id"])
    assert payload["errors"] == []
    assert payload["operation"]["state"] == "SUCCEEDED"
    assert payload["operation"]["effect"] == "APPLIED"
    assert payment["status"] == "SUCCEEDED"
    assert payment["amountCaptured"] == {"amount": 2599}
    assert payment["order"]["paymentStatus"] == "PAID"
    assert payment["order"]["amountDue"] == {"amount": 0}
    assert payment["paymentMethod"] == {"type": "card", "brand": "visa", "last4": "4242"}
    assert payment["allowedActions"] == ["REFUND", "SYNC"]
    assert [intent["status"] for intent in _intents(shop)] == ["succeeded"]
    assert await shop.timeline(payment["id"]) == [
        "payment.initiated",
        "payment.requires_confirmation",
        "payment.succeeded",
    ]


async def test_a_payment_is_created_unconfirmed_before_it_is_confirmed(shop: Shop) -> None:
    await shop.pay(await shop.order())

    posts = [entry["path"] for entry in shop.sandbox.snapshot().requests if entry["method"] == "POST"]

    assert posts[0] == "/v1/payment_intents"
    assert posts[1].endswith("/confirm")


async def test_3ds_is_needed_then_the_payment_is_paid(shop: Shop) -> None:
    order_id = await shop.order()

    payload = await shop.pay(order_id, method="pm_card_threeDSecure2Required", returnUrl="https://shop.example/back")
    waiting = payload["payment"]
    page = "query R($id: ID!) { paymentConfirmation(paymentId: $id) { returnUrl } }"
    told = await shop.buyer.ask(page, id=waiting["id"])
    await shop.finish_3ds("complete")
    await shop.deliver()

    payment = await shop.payment(waiting["id"])
    assert payload["errors"] == []
    assert waiting["status"] == "REQUIRES_ACTION"
    assert payload["confirmation"]["nextAction"]["redirectUrl"]
    assert told["paymentConfirmation"] == {"returnUrl": "https://shop.example/back"}
    assert waiting["order"]["paymentStatus"] == "ACTION_REQUIRED"
    assert payment["status"] == "SUCCEEDED"
    assert await shop.confirmation(waiting["id"]) is None
    assert payment["order"]["paymentStatus"] == "PAID"
    assert [intent["status"] for intent in _intents(shop)] == ["succeeded"]


async def test_a_failed_3ds_leaves_the_payment_open_for_another_card(shop: Shop) -> None:
    payload = await shop.pay(
        await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example/back"
    )

    await shop.finish_3ds("fail")
    await shop.deliver()

    payment = await shop.payment(payload["payment"]["id"])
    assert payment["status"] == "REQUIRES_PAYMENT_METHOD"
    assert "CONFIRM" in payment["allowedActions"]
    assert payment["order"]["amountPaid"] == {"amount": 0}


async def test_scenario_38_a_decline_is_typed_replays_and_another_card_pays_the_same_intent(shop: Shop) -> None:
    order_id, first_key = await shop.order(), key()

    declined = await shop.pay(order_id, method="pm_card_visa_chargeDeclinedInsufficientFunds", with_key=first_key)
    calls = len(shop.sandbox.snapshot().requests)
    again = await shop.pay(order_id, method="pm_card_visa_chargeDeclinedInsufficientFunds", with_key=first_key)
    calls_after_replay = len(shop.sandbox.snapshot().requests)
    retried = await shop.buyer.do(
        "confirmPayment",
        paymentId=declined["payment"]["id"],
        paymentMethodId="pm_card_mastercard",
        returnUrl=None,
        key=key(),
    )
    await shop.deliver()

    [error] = declined["errors"]
    assert error["__typename"] == "CardDeclinedError"
    assert error["code"] == "CARD_DECLINED"
    assert error["declineCode"] == "insufficient_funds"
    assert error["retry"] == "RETRY_SAME_METHOD_LATER"
    assert error["retryable"] is False
    assert declined["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert declined["operation"]["state"] == "FAILED"
    assert again["replayed"] is True
    assert [{**e, "requestId": None} for e in again["errors"]] == [{**error, "requestId": None}]
    assert calls_after_replay == calls
    assert retried["errors"] == []
    assert retried["payment"]["status"] == "SUCCEEDED"
    assert len(_intents(shop)) == 1
    assert await shop.timeline(declined["payment"]["id"]) == [
        "payment.initiated",
        "payment.requires_confirmation",
        "payment.declined",
        "payment.succeeded",
    ]


async def test_money_is_held_and_taken_in_part(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]

    payload = await shop.staff.do(
        "capturePayment",
        input={"paymentId": held["id"], "amount": {"amount": 6_000, "currency": "USD"}},
        key=key(),
    )
    await shop.deliver()

    payment = await shop.payment(held["id"])
    [intent] = _intents(shop)
    assert held["status"] == "REQUIRES_CAPTURE"
    assert held["amountCapturable"] == {"amount": 10_000}
    assert held["order"]["paymentStatus"] == "AUTHORIZED"
    assert payload["errors"] == []
    assert payment["status"] == "SUCCEEDED"
    assert payment["amountCaptured"] == {"amount": 6_000}
    assert payment["amountCapturable"] == {"amount": 0}
    assert payment["order"]["paymentStatus"] == "PARTIALLY_PAID"
    assert payment["order"]["amountDue"] == {"amount": 4_000}
    assert intent["amount_received"] == 6_000


async def test_capture_without_an_amount_takes_everything(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]

    payload = await shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=key())

    assert payload["payment"]["amountCaptured"] == {"amount": 10_000}
    assert payload["payment"]["order"]["paymentStatus"] == "PAID"


async def test_capture_is_never_above_what_is_held(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    calls = len(shop.sandbox.snapshot().requests)

    payload = await shop.staff.do(
        "capturePayment",
        input={"paymentId": held["id"], "amount": {"amount": 10_001, "currency": "USD"}},
        key=key(),
    )

    [error] = payload["errors"]
    assert error["code"] == "AMOUNT_EXCEEDS_CAPTURABLE"
    assert error["available"] == {"amount": 10_000}
    assert len(shop.sandbox.snapshot().requests) == calls


async def test_a_held_payment_is_canceled_and_the_order_can_be_paid_anew(shop: Shop) -> None:
    order_id = await shop.order()
    held = (await shop.pay(order_id, captureMethod="MANUAL"))["payment"]

    payload = await shop.staff.do(
        "cancelPayment", input={"paymentId": held["id"], "reason": "REQUESTED_BY_CUSTOMER"}, key=key()
    )
    paid = await shop.pay(order_id, captureMethod="AUTOMATIC")
    await shop.deliver()

    assert payload["errors"] == []
    assert payload["payment"]["status"] == "CANCELED"
    assert payload["payment"]["order"]["paymentStatus"] == "UNPAID"
    assert paid["payment"]["status"] == "SUCCEEDED"
    assert sorted(str(intent["status"]) for intent in _intents(shop)) == ["canceled", "succeeded"]


async def test_a_payment_made_for_the_browser_gives_its_secret_to_the_payer_only(shop: Shop) -> None:
    order_id = await shop.order()
    payload = await shop.buyer.ask(
        """mutation C($input: CreatePaymentInput!, $key: IdempotencyKey!) {
             createPayment(input: $input, idempotencyKey: $key) {
               viewToken payment { id status } confirmation { clientSecret publishableKey } errors { code } } }""",
        input={"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}},
        key=key(),
    )
    payment = payload["createPayment"]["payment"]
    confirmation = payload["createPayment"]["confirmation"]
    onlooker = Client(shop.http, payload["createPayment"]["viewToken"])
    own = await shop.confirmation(payment["id"])
    foreign = await shop.confirmation(payment["id"], by=shop.stranger)
    looked_at = await onlooker.post(CONFIRMATION_OF, {"id": payment["id"]})

    assert payment["status"] == "REQUIRES_PAYMENT_METHOD"
    assert payload["createPayment"]["viewToken"]
    assert confirmation["clientSecret"].startswith("pi_")
    assert confirmation["publishableKey"] is None  # the offline Stripe needs none
    assert own == {"clientSecret": confirmation["clientSecret"], "nextAction": None}
    assert foreign is None
    assert looked_at.json()["data"] == {"paymentConfirmation": None}
    assert looked_at.json()["errors"][0]["extensions"]["reason"] == "FORBIDDEN"


async def test_two_partial_refunds_and_then_the_rest(shop: Shop) -> None:
    payment = await shop.paid()

    first = await shop.refund(payment["id"], 2_500)
    second = await shop.refund(payment["id"], 2_500)
    between = await shop.payment(payment["id"])
    rest = await shop.refund(payment["id"])
    await shop.deliver()

    after = await shop.payment(payment["id"])
    refunds = shop.sandbox.snapshot().refunds
    assert [p["errors"] for p in (first, second, rest)] == [[], [], []]
    assert between["amountRefunded"] == {"amount": 5_000}
    assert between["order"]["paymentStatus"] == "PARTIALLY_REFUNDED"
    assert rest["refund"]["amount"] == {"amount": 5_000, "currency": "USD"}
    assert after["amountRefunded"] == {"amount": 10_000}
    assert after["amountRefundable"] == {"amount": 0}
    assert after["order"]["paymentStatus"] == "REFUNDED"
    assert "REFUND" not in after["allowedActions"]
    assert sorted(int(str(refund["amount"])) for refund in refunds) == [2_500, 2_500, 5_000]


async def test_a_full_refund(shop: Shop) -> None:
    payment = await shop.paid()

    payload = await shop.refund(payment["id"])
    await shop.deliver()

    assert payload["refund"]["status"] == "SUCCEEDED"
    assert payload["payment"]["order"]["paymentStatus"] == "REFUNDED"
    assert await shop.timeline(payment["id"]) == [
        "payment.initiated",
        "payment.requires_confirmation",
        "payment.succeeded",
        "refund.initiated",
        "refund.succeeded",
    ]


async def test_scenario_34_a_refund_that_fails_later_gives_its_room_back(shop: Shop) -> None:
    payment = await shop.paid(method="pm_card_refundFail")
    payload = await shop.refund(payment["id"], 4_000)
    await shop.deliver()

    shop.sandbox.advance(10 * 24 * 3600)
    await shop.deliver()

    after = await shop.payment(payment["id"])
    assert payload["refund"]["status"] in ("PENDING", "SUCCEEDED")
    assert after["refunds"] == [{"id": payload["refund"]["id"], "status": "FAILED", "amount": {"amount": 4_000}}]
    assert after["amountRefundable"] == {"amount": 10_000}
    assert after["order"]["paymentStatus"] == "PAID"


@pytest.mark.parametrize(("capture", "hint"), [("MANUAL", "Cancel the payment"), ("AUTOMATIC", "nothing to give back")])
async def test_scenario_36_only_taken_money_is_refunded(shop: Shop, capture: str, hint: str) -> None:
    method = "pm_card_visa" if capture == "MANUAL" else "pm_card_visa_chargeDeclined"
    payment = (await shop.pay(await shop.order(), captureMethod=capture, method=method))["payment"]
    calls = len(shop.sandbox.snapshot().requests)

    payload = await shop.refund(payment["id"])

    [error] = payload["errors"]
    assert error["__typename"] == "InvalidStateError"
    assert error["status"] == payment["status"]
    assert hint in error["message"]
    assert len(shop.sandbox.snapshot().requests) == calls


async def test_scenario_36_a_disputed_charge_is_not_refunded(shop: Shop) -> None:
    payment = await shop.paid(method="pm_card_createDispute")
    await shop.deliver()

    payload = await shop.refund(payment["id"])

    disputed = await shop.payment(payment["id"])
    assert [error["code"] for error in payload["errors"]] == ["CHARGE_DISPUTED"]
    assert disputed["amountDisputed"] == {"amount": 10_000}
    assert disputed["order"]["paymentStatus"] == "DISPUTED"
    asked = [(request["method"], request["path"]) for request in shop.sandbox.snapshot().requests]
    assert ("POST", "/v1/refunds") not in asked


async def test_sync_reads_what_a_lost_webhook_would_have_said(shop: Shop) -> None:
    waiting = (
        await shop.pay(await shop.order(), method="pm_card_threeDSecure2Required", returnUrl="https://shop.example/")
    )["payment"]
    await shop.finish_3ds("complete")

    payload = await shop.buyer.do("syncPayment", paymentId=waiting["id"])

    assert payload["errors"] == []
    assert payload["payment"]["status"] == "SUCCEEDED"
