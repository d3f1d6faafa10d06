"""Webhooks doubled, reordered, late, contradictory and foreign (scenarios 16 to 24, 29, 32 and 51)."""

import asyncio
import json

from domain.ids import decode
from models import PaymentEvent, WebhookEvent
from tests.support.shop import Json, Shop, key
from tests.support.webhooks import apply_events, newest_event, paid_event, signature


async def test_scenario_17_the_same_event_five_times_in_parallel_is_applied_once(shop: Shop) -> None:
    raw = await paid_event(shop)
    header = signature(raw)
    events_before = await PaymentEvent.all().count()

    answers = await asyncio.gather(*(shop.webhook(raw, header) for _ in range(5)))
    while await shop.runtime.worker.drain():
        pass

    assert [answer.status_code for answer in answers] == [200] * 5
    assert await WebhookEvent.all().count() == 1
    assert await PaymentEvent.all().count() == events_before


async def test_scenario_18_two_events_for_one_change_write_one_entry(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.deliver()
    before = await shop.timeline(payment["id"])
    event = await newest_event(shop, "payment_intent.succeeded")

    looked_at = {"id": "evt_that_is_looked_at", "type": "payment_intent.processing"}
    for other in ({"id": "evt_another_id_same_fact"}, looked_at):
        raw = json.dumps({**event, **other}).encode()
        assert (await shop.webhook(raw, signature(raw))).status_code == 200
        await shop.deliver()

        assert await shop.timeline(payment["id"]) == before
        assert (await WebhookEvent.get(stripe_event_id=other["id"])).state == "PROCESSED"


async def test_scenario_16_an_event_overtakes_the_api_answer(shop: Shop) -> None:
    """The answer to `create` is lost, its webhook arrives first, and the later answer does not undo it."""
    order_id, one_key = await shop.order(), key()
    shop.sandbox.fault(method="POST", path="/v1/payment_intents", kind="drop_after", times=20)

    payload = await shop.pay(order_id, with_key=one_key)
    await shop.sandbox.deliver_due()
    while await shop.runtime.worker.apply_next():
        pass
    told = await shop.payment(payload["payment"]["id"])
    shop.sandbox.clear_faults()
    again = await shop.pay(order_id, with_key=one_key)

    assert payload["payment"]["status"] == "UNKNOWN"
    assert told["status"] == "REQUIRES_CONFIRMATION"  # by our id in its metadata: the row had none of Stripe's
    assert (again["errors"], again["payment"]["status"]) == ([], "SUCCEEDED")
    assert len(shop.sandbox.snapshot().payment_intents) == 1


async def test_scenario_19_a_late_failure_leaves_success_and_is_remembered(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.browser_confirms("pm_card_visa_chargeDeclined")
    await shop.browser_confirms("pm_card_visa")
    await shop.buyer.do("syncPayment", paymentId=payment["id"])
    failed = await newest_event(shop, "payment_intent.payment_failed")

    for event_id in (failed["id"], "evt_the_same_attempt_again"):
        await apply_events(shop, {**failed, "id": event_id})

    timeline = await shop.timeline(payment["id"])
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"
    assert timeline[-1] == "payment.attempt_failed"
    assert timeline.count("payment.attempt_failed") == 1
    kept = await WebhookEvent.filter(type="payment_intent.payment_failed")
    assert [event.state for event in kept] == ["PROCESSED", "PROCESSED"]


async def test_scenario_22_a_failure_of_the_first_attempt_while_the_second_runs(shop: Shop) -> None:
    payment = await shop.prepared()
    await shop.browser_confirms("pm_card_visa_chargeDeclined")
    await shop.browser_confirms("pm_usBankAccount_success")
    await shop.buyer.do("syncPayment", paymentId=payment["id"])
    failed = await newest_event(shop, "payment_intent.payment_failed")
    looks = _looks(shop, failed)

    await apply_events(shop, failed)

    assert _looks(shop, failed) == looks + 1
    assert (await shop.payment(payment["id"]))["status"] == "PROCESSING"


async def test_scenario_51_a_bank_debit_is_processing_for_days_and_then_paid_or_failed(shop: Shop) -> None:
    ends = {}
    for method in ("pm_usBankAccount_success", "pm_usBankAccount_insufficientFunds"):
        payment = await shop.prepared()
        await shop.browser_confirms(method)
        await shop.deliver()
        between = (await shop.payment(payment["id"]))["status"]
        shop.sandbox.advance(5 * 24 * 3600)
        await shop.deliver()
        ends[method] = (between, (await shop.payment(payment["id"]))["status"])

    assert ends == {
        "pm_usBankAccount_success": ("PROCESSING", "SUCCEEDED"),
        "pm_usBankAccount_insufficientFunds": ("PROCESSING", "REQUIRES_PAYMENT_METHOD"),
    }


async def test_scenario_20_events_backwards_end_in_the_same_state(shop: Shop) -> None:
    payment = await shop.paid()
    before = await shop.payment(payment["id"])
    events = list(shop.sandbox.snapshot().events)

    for event in reversed(events):
        await apply_events(shop, event)

    assert await shop.payment(payment["id"]) == before


async def test_scenario_21_a_contradiction_of_a_final_state_is_asked_of_stripe(shop: Shop) -> None:
    payment = await shop.paid()
    event = await newest_event(shop, "payment_intent.succeeded")
    event["id"], event["type"] = "evt_lies", "payment_intent.canceled"
    event["data"]["object"]["status"] = "canceled"
    looks = _looks(shop, event)

    await apply_events(shop, event)

    assert _looks(shop, event) == looks + 1
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"


async def test_scenario_23_an_event_for_something_unknown_is_kept(shop: Shop) -> None:
    event = json.loads(await paid_event(shop))
    event["id"] = "evt_foreign"
    event["data"]["object"] |= {"id": "pi_foreign", "metadata": {}}
    parked = {**event, "id": "evt_parked", "data": {"object": {**event["data"]["object"], "id": "pi_parked"}}}
    parked["data"]["object"]["metadata"] = {"payment_id": "0192f0c1-0000-7000-8000-000000000000"}

    await apply_events(shop, event, parked)

    assert (await WebhookEvent.get(stripe_event_id="evt_foreign")).state == "IGNORED"
    waiting = await WebhookEvent.get(stripe_event_id="evt_parked")
    assert waiting.state == "FAILED"
    assert waiting.due is not None


async def test_scenario_24_unknown_types_and_values_are_kept_and_harmless(shop: Shop) -> None:
    payment = await shop.paid()
    event = await newest_event(shop, "payment_intent.succeeded")
    new_type = {**event, "id": "evt_new_type", "type": "payment_intent.teleported"}
    new_status = json.loads(json.dumps({**event, "id": "evt_new_status"}))
    new_status["data"]["object"]["status"] = "levitating"

    await apply_events(shop, new_type, new_status)

    assert (await WebhookEvent.get(stripe_event_id="evt_new_type")).state == "IGNORED"
    assert (await WebhookEvent.get(stripe_event_id="evt_new_status")).state == "PROCESSED"
    assert (await shop.payment(payment["id"]))["status"] == "SUCCEEDED"


async def test_scenario_29_other_mode_other_account_other_version(shop: Shop) -> None:
    event = json.loads(await paid_event(shop))
    others = [
        {**event, "id": "evt_live", "livemode": True},
        {**event, "id": "evt_account", "account": "acct_somebody"},
        {**event, "id": "evt_version", "api_version": "2019-01-01"},
        {**event, "id": "evt_long_version", "api_version": "2" * 300},
    ]

    await apply_events(shop, *others)

    states = {
        e.stripe_event_id: e.state for e in await WebhookEvent.filter(stripe_event_id__in=[o["id"] for o in others])
    }
    assert {name for name, state in states.items() if state == "IGNORED"} == {"evt_live", "evt_account"}
    assert {name for name, state in states.items() if state == "PROCESSED"} == {"evt_version", "evt_long_version"}


async def test_a_dashboard_refund_is_adopted(shop: Shop) -> None:
    payment = await shop.paid()
    decoded = decode(payment["id"])
    assert decoded is not None
    await shop.dashboard_refund(4_000)

    await shop.deliver()

    after = await shop.payment(payment["id"])
    assert after["amountRefunded"] == {"amount": 4_000}
    assert [r["status"] for r in after["refunds"]] == ["SUCCEEDED"]


async def test_scenario_32_a_dashboard_refund_and_ours_at_once(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.dashboard_refund(6_000)

    ours = await shop.refund(payment["id"], 6_000)
    await shop.deliver()

    after = await shop.payment(payment["id"])
    assert [e["code"] for e in ours["errors"]] == ["AMOUNT_EXCEEDS_REFUNDABLE"]
    assert ours["refund"]["status"] == "FAILED"
    assert after["amountRefunded"] == {"amount": 6_000}
    assert after["amountRefundable"] == {"amount": 4_000}
    assert len(shop.sandbox.snapshot().refunds) == 1


def _looks(shop: Shop, event: Json) -> int:
    """Count Stripe's reads of the intent that an event is about."""
    path = f"/v1/payment_intents/{event['data']['object']['id']}"
    return sum((asked["method"], asked["path"]) == ("GET", path) for asked in shop.sandbox.snapshot().requests)
