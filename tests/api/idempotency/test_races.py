"""Real concurrency on one payment (scenarios 31, 33, 37, 48, 50, 57)."""

import asyncio

import httpx

from domain.ids import Kind, encode
from models import Order, Payment, PaymentEvent
from services.audit.trail import find_broken_chains
from tests.support.as_stripe_says import another_process_looks, reached
from tests.support.rows import row_id
from tests.support.shop import Shop, key

WHILE_IT_IS_DONE_SECONDS = 0.3  # long enough to receive a retry, shorter than a call waits for work under way


async def test_scenario_31_two_refunds_never_exceed_the_charge(shop: Shop) -> None:
    for _ in range(5):
        payment = await shop.paid()

        payloads = await asyncio.gather(shop.refund(payment["id"], 6_000), shop.refund(payment["id"], 6_000))

        errors = [e for p in payloads for e in p["errors"]]
        refunds = [r for r in shop.sandbox.snapshot().refunds if _belongs(shop, r, payment["id"])]
        assert [e["code"] for e in errors] == ["AMOUNT_EXCEEDS_REFUNDABLE"]
        assert errors[0]["requested"] == {"amount": 6_000}
        assert errors[0]["available"] == {"amount": 4_000}
        assert [r["amount"] for r in refunds] == [6_000]
        assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 6_000}


async def test_one_refund_key_twenty_times_is_one_refund(shop: Shop) -> None:
    payment, one_key = await shop.paid(), key()

    payloads = await asyncio.gather(*(shop.refund(payment["id"], 2_000, with_key=one_key) for _ in range(20)))

    done = [p for p in payloads if not p["errors"]]
    assert {p["refund"]["id"] for p in done} == {done[0]["refund"]["id"]}
    assert all(e["code"] == "OPERATION_IN_PROGRESS" for p in payloads for e in p["errors"])
    assert len(shop.sandbox.snapshot().refunds) == 1


async def test_scenario_37_capture_and_cancel_at_once_one_wins_and_the_other_sees_it(shop: Shop) -> None:
    for _ in range(5):
        held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]

        captured, canceled = await asyncio.gather(
            shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=key()),
            shop.staff.do("cancelPayment", input={"paymentId": held["id"]}, key=key()),
        )

        [loser] = [p for p in (captured, canceled) if p["errors"]]
        [error] = loser["errors"]
        payment = await shop.payment(held["id"])
        assert error["__typename"] == "InvalidStateError"
        assert error["status"] == payment["status"]
        assert payment["status"] == ("CANCELED" if loser is captured else "SUCCEEDED")


async def test_scenario_37_capture_twice_takes_the_money_once(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]

    payloads = await asyncio.gather(
        *(shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=key()) for _ in range(4))
    )

    assert sum(not p["errors"] for p in payloads) == 1
    [intent] = shop.sandbox.snapshot().payment_intents
    assert intent["amount_received"] == 10_000


async def test_scenario_37_capture_after_the_authorisation_expired(shop: Shop) -> None:
    held = (await shop.pay(await shop.order(), captureMethod="MANUAL"))["payment"]
    shop.sandbox.advance(8 * 24 * 3600)

    payload = await shop.staff.do("capturePayment", input={"paymentId": held["id"]}, key=key())

    [error] = payload["errors"]
    assert error["__typename"] == "InvalidStateError"
    assert error["status"] == "CANCELED"
    assert payload["payment"]["status"] == "CANCELED"
    assert payload["payment"]["order"]["paymentStatus"] == "UNPAID"


async def test_scenario_50_webhook_worker_mutation_and_sync_touch_one_payment_without_a_deadlock(shop: Shop) -> None:
    payment = await shop.paid()
    versions: list[int] = []

    async def watch() -> None:
        for _ in range(10):
            versions.append((await shop.payment(payment["id"]))["version"])

    results = await asyncio.gather(
        shop.deliver(),
        *(shop.refund(payment["id"], 1_000) for _ in range(5)),
        *(shop.staff.do("syncPayment", paymentId=payment["id"]) for _ in range(5)),
        watch(),
    )
    await shop.deliver()

    after = await shop.payment(payment["id"])
    payloads = [r for r in results if isinstance(r, dict)]
    assert [p["errors"] for p in payloads] == [[]] * 10
    assert after["amountRefunded"] == {"amount": 5_000}
    assert versions == sorted(versions)


async def test_a_slow_answer_of_stripe_does_not_undo_what_was_learnt_meanwhile(shop: Shop) -> None:
    """Webhook against API answer: the answer to `confirm` comes after the webhook, and is outdated."""
    order_id = await shop.order()
    held = shop.sandbox.fault(kind="hold_after", method="POST", path="/v1/payment_intents/[^/]+/confirm")
    paying = asyncio.create_task(
        shop.pay(order_id, method="pm_card_threeDSecure2Required", returnUrl="https://shop.example/")
    )
    await _reached(shop, held)
    await shop.finish_3ds("fail")
    await shop.sandbox.deliver_due()
    while await shop.runtime.worker.apply_next():
        pass
    [learnt] = await Payment.all()

    shop.sandbox.clear_faults()
    payload = await paying

    assert learnt.status == "REQUIRES_PAYMENT_METHOD"
    assert payload["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert (await Payment.get(id=learnt.id)).status == "REQUIRES_PAYMENT_METHOD"


async def test_an_answer_that_contradicts_an_end_is_asked_of_stripe(shop: Shop) -> None:
    """A read did not find the payment, so it was canceled here, and then Stripe answers that it is paid."""
    await shop.paid()  # another one, which Stripe knows: the key is not to blame
    order_id = await shop.order()
    held = shop.sandbox.fault(kind="hold_after", method="POST", path="/v1/payment_intents/[^/]+/confirm")
    paying = asyncio.create_task(shop.pay(order_id))
    await _reached(shop, held)
    intent = shop.sandbox.snapshot().payment_intents[-1]["id"]
    missing = {"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "intent"}}
    shop.between.instead = lambda sent: httpx.Response(404, json=missing) if sent.url.path.endswith(intent) else None
    payment = await Payment.get(stripe_payment_intent_id=intent)
    given_up = await shop.staff.do("syncPayment", paymentId=encode(Kind.PAYMENT, payment.id))

    shop.between.instead = None
    shop.sandbox.clear_faults()
    payload = await paying

    assert given_up["payment"]["status"] == "CANCELED"
    assert payload["errors"] == []
    assert (payload["payment"]["status"], payload["payment"]["amountCaptured"]["amount"]) == ("SUCCEEDED", 10_000)
    assert "payment.corrected" in await shop.timeline(payload["payment"]["id"])


async def test_what_happens_to_the_order_while_stripe_answers_is_neither_lost_nor_written_over(shop: Shop) -> None:
    """The rows in memory then differ from the database's: they are read again, with locks."""
    order_id = await shop.order()
    order = await Order.get(id=row_id(order_id))
    held = [
        shop.sandbox.fault(kind="hold_after", method="POST", path="/v1/payment_intents"),
        shop.sandbox.fault(kind="hold_after", method="POST", path="/v1/payment_intents/[^/]+/confirm"),
    ]
    paying = asyncio.create_task(shop.pay(order_id))
    for number in held:
        await _reached(shop, number)
        described = await shop.staff.do(
            "registerOrder",
            input={
                "externalId": order.external_id,
                "total": {"amount": 10_000, "currency": "USD"},
                "customerExternalId": "buyer",
                "description": f"changed at {number}",
            },
            key=key(),
        )
        assert described["errors"] == []
        shop.sandbox.clear_faults(number)

    payload = await paying

    order = await Order.get(id=order.id)
    trail = await PaymentEvent.filter(order_id=order.id).order_by("sequence")
    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")
    assert (order.description, order.paid_minor, order.last_sequence) == (f"changed at {held[-1]}", 10_000, len(trail))
    assert [event.type for event in trail] == [
        "order.registered",
        "payment.initiated",
        "order.updated",
        "payment.requires_confirmation",
        "order.updated",
        "payment.succeeded",
    ]
    assert await find_broken_chains([order.id]) == {}


async def test_a_slow_look_does_not_undo_what_was_learnt_meanwhile(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.browser_confirms("pm_card_threeDSecure2Required")
    held = shop.sandbox.fault(kind="hold_after", method="GET", path="/v1/payment_intents/[^/]+")
    slow = asyncio.create_task(shop.buyer.do("syncPayment", paymentId=payment["id"]))
    await _reached(shop, held)
    await shop.finish_3ds("fail")
    await shop.browser_confirms("pm_usBankAccount_success")
    await another_process_looks(shop, payment["id"])
    learnt = await Payment.get(id=row_id(payment["id"]))

    shop.sandbox.clear_faults()
    told = await slow

    assert learnt.status == "PROCESSING"
    assert told["payment"]["status"] == "PROCESSING"
    assert (await shop.payment(payment["id"]))["status"] == "PROCESSING"


async def _reached(shop: Shop, number: int) -> None:
    """Wait until a held request has come to Stripe."""
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in shop.sandbox.faults() if rule["id"] == number):
            await asyncio.sleep(0.005)


async def test_scenario_48_a_client_that_hangs_up_leaves_the_work_finished(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()
    number = shop.sandbox.fault(kind="hold_after", method="POST", path=".*/confirm")
    calling = asyncio.create_task(shop.pay(order_id, with_key=one_key))
    await reached(shop, number)

    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    again = asyncio.create_task(shop.pay(order_id, with_key=one_key))
    await asyncio.wait({again}, timeout=WHILE_IT_IS_DONE_SECONDS)  # it waits for the work that goes on without a client
    shop.sandbox.clear_faults(number)
    answer = await again

    assert answer["errors"] == []
    assert answer["replayed"] is True
    assert answer["payment"]["status"] == "SUCCEEDED"
    assert len(shop.sandbox.snapshot().payment_intents) == 1


def _belongs(shop: Shop, refund: dict[str, object], payment_id: str) -> bool:
    from domain.ids import decode

    decoded = decode(payment_id)
    metadata = refund["metadata"]
    return decoded is not None and isinstance(metadata, dict) and metadata.get("payment_id") == str(decoded[1])
