"""Unknown outcomes resolve themselves (scenarios 10 to 15 and 33), each time by one layer alone."""

import pytest

from database.statements import query_rows
from models import Operation
from tests.support.shop import Json, Shop, key

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

CONFIRM = "/v1/payment_intents/[^/]+/confirm"
MANY = 1_000


async def _age(seconds: float) -> None:
    """Let time pass for the open operations: all their timestamps move into the past."""
    await query_rows(
        "UPDATE operation SET first_sent_at = first_sent_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second', due = now(), updated_at = now() - interval '1 hour'"
        " WHERE due IS NOT NULL",
        [seconds],
    )


def _charges(shop: Shop) -> int:
    return len([i for i in shop.sandbox.snapshot().payment_intents if i["amount_received"]])


@pytest.mark.parametrize("kind", ["timeout_after", "drop_after", "broken_json", "error_500_after"])
@pytest.mark.parametrize("path", ["/v1/payment_intents", CONFIRM])
async def test_scenario_10_a_lost_answer_is_unknown_and_the_janitor_finds_out(shop: Shop, kind: str, path: str) -> None:
    order_id = await shop.order()
    shop.sandbox.fault(kind=kind, method="POST", path=path)

    payload = await shop.pay(order_id)
    shop.sandbox.clear_faults()
    await _age(61)
    await shop.runtime.worker.drain()

    [error] = payload["errors"]
    payment = await shop.payment(payload["payment"]["id"])
    assert error["code"] == "OUTCOME_UNKNOWN"
    assert error["effect"] == "UNKNOWN"
    assert error["retryable"] is True
    assert payload["payment"]["status"] == "UNKNOWN"
    assert payload["operation"]["state"] == "UNRESOLVED"
    assert payload["payment"]["order"]["paymentStatus"] == "PENDING"
    assert payment["status"] == "SUCCEEDED"
    assert _charges(shop) == 1


async def test_scenario_10_the_retry_of_the_client_finds_out(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()
    shop.sandbox.fault(kind="timeout_after", method="POST", path=CONFIRM)
    await shop.pay(order_id, with_key=one_key)
    await _age(2)

    again = await shop.pay(order_id, with_key=one_key)

    assert again["errors"] == []
    assert again["replayed"] is True
    assert again["payment"]["status"] == "SUCCEEDED"
    assert _charges(shop) == 1


async def test_scenario_10_a_webhook_alone_finds_out(shop: Shop) -> None:
    order_id = await shop.order()
    shop.sandbox.fault(kind="timeout_after", method="POST", path=CONFIRM)
    payload = await shop.pay(order_id)

    await shop.sandbox.deliver_due()
    while await shop.runtime.worker.apply_next():
        pass

    assert (await shop.payment(payload["payment"]["id"]))["status"] == "SUCCEEDED"


@pytest.mark.parametrize("method", ["pm_usBankAccount_success", "pm_card_threeDSecure2Required"])
async def test_a_replayed_answer_to_create_is_as_old_as_the_first_one(shop: Shop, method: str) -> None:
    """The payer continued while the payment was unknown, and its events reported that."""
    given: Json = {"orderId": await shop.order(), "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    one_key = key()
    shop.sandbox.fault(kind="timeout_after", method="POST", path="/v1/payment_intents")
    lost = await shop.buyer.do("createPayment", input=given, key=one_key)
    await shop.browser_confirms(method)
    await shop.deliver()
    known = await shop.payment(lost["payment"]["id"])
    await _age(2)

    again = await shop.buyer.do("createPayment", input=given, key=one_key)

    assert [e["code"] for e in lost["errors"]] == ["OUTCOME_UNKNOWN"]
    assert known["status"] in ("PROCESSING", "REQUIRES_ACTION")
    assert again["errors"] == []
    assert again["payment"]["status"] == known["status"]
    assert (await shop.timeline(known["id"])).count("payment.requires_payment_method") == 0


async def test_a_replayed_answer_to_confirm_is_as_old_as_the_first_one(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()
    given: Json = {"method": "pm_card_threeDSecure2Required", "returnUrl": "https://shop.example/back"}
    shop.sandbox.fault(kind="timeout_after", method="POST", path=CONFIRM)
    lost = await shop.pay(order_id, with_key=one_key, **given)
    await shop.finish_3ds("fail")
    await shop.deliver()
    known = await shop.payment(lost["payment"]["id"])
    await _age(2)

    again = await shop.pay(order_id, with_key=one_key, **given)

    assert [e["code"] for e in lost["errors"]] == ["OUTCOME_UNKNOWN"]
    assert known["status"] == "REQUIRES_PAYMENT_METHOD"
    assert [e["code"] for e in again["errors"]] == ["AUTHENTICATION_REQUIRED"]
    assert again["payment"]["status"] == "REQUIRES_PAYMENT_METHOD"
    assert "payment.requires_action" not in await shop.timeline(known["id"])


async def test_a_replayed_answer_to_a_refund_is_as_old_as_the_first_one(shop: Shop) -> None:
    """Stripe accepted the refund, and it failed before the retry; no event has come."""
    payment, one_key = await shop.paid(), key()
    shop.sandbox.fault(kind="timeout_after", method="POST", path="/v1/refunds")
    await shop.refund(payment["id"], 2_000, with_key=one_key)
    [refund] = shop.sandbox.snapshot().refunds
    await shop.stripe(f"refunds/{refund['id']}", {"status": "failed"})
    await _age(2)

    again = await shop.refund(payment["id"], 2_000, with_key=one_key)

    assert again["refund"]["status"] == "FAILED"
    assert [e["code"] for e in again["errors"]] == ["PROVIDER_REJECTED"]
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 0}
    assert len(shop.sandbox.snapshot().refunds) == 1


async def test_a_replay_after_which_stripe_cannot_be_asked_stays_unknown(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()
    shop.sandbox.fault(kind="timeout_after", method="POST", path=CONFIRM)
    await shop.pay(order_id, with_key=one_key)
    await _age(2)
    shop.sandbox.fault(kind="refuse_connection", method="GET")

    again = await shop.pay(order_id, with_key=one_key)
    await _age(61)
    await shop.runtime.worker.drain()

    assert [(e["code"], e["effect"]) for e in again["errors"]] == [("OUTCOME_UNKNOWN", "UNKNOWN")]
    assert (await shop.payment(again["payment"]["id"]))["status"] == "SUCCEEDED"
    assert _charges(shop) == 1


async def test_no_new_money_moves_on_a_payment_that_nobody_knows_of(shop: Shop) -> None:
    order_id = await shop.order()
    shop.sandbox.fault(kind="timeout_after", method="POST", path=CONFIRM, times=MANY)
    unknown = (await shop.pay(order_id))["payment"]

    second = await shop.pay(order_id)
    canceled = await shop.staff.do("cancelPayment", input={"paymentId": unknown["id"]}, key=key())
    refunded = await shop.refund(unknown["id"])

    assert [e["code"] for e in second["errors"]] == ["ACTIVE_PAYMENT_EXISTS"]
    assert [e["code"] for e in canceled["errors"]] == ["OPERATION_IN_PROGRESS"]
    assert [e["code"] for e in refunded["errors"]] == ["INVALID_STATE"]
    assert unknown["allowedActions"] == ["SYNC"]


async def test_scenario_11_a_500_that_sticks_to_its_key_gets_a_new_key_once_nothing_is_proven(shop: Shop) -> None:
    order_id = await shop.order()
    shop.sandbox.fault(kind="error_500_before", method="POST", path=CONFIRM, times=3)
    payload = await shop.pay(order_id)
    for _ in range(2):
        await _age(61)
        await shop.runtime.worker.drain()
    between = await Operation.get(id__isnull=False, kind="CREATE_PAYMENT")
    keys_between = _keys(shop, "confirm")

    await _age(15 * 60)
    await shop.runtime.worker.drain()

    assert between.state == "UNRESOLVED"
    assert between.generation == 1
    assert len(keys_between) == 1
    assert len(_keys(shop, "confirm")) == 2
    assert (await shop.payment(payload["payment"]["id"]))["status"] == "SUCCEEDED"
    assert _charges(shop) == 1


async def test_scenario_11_a_500_that_hides_a_success_is_found_by_looking(shop: Shop) -> None:
    order_id = await shop.order()
    shop.sandbox.fault(kind="error_500_after", method="POST", path=CONFIRM)
    payload = await shop.pay(order_id)
    calls = len(_keys(shop, "confirm"))

    await _age(16 * 60)
    await shop.runtime.worker.drain()

    assert (await shop.payment(payload["payment"]["id"]))["status"] == "SUCCEEDED"
    assert len(_keys(shop, "confirm")) == calls
    assert _charges(shop) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_scenario_12_after_thirty_hours_facts_only_and_never_the_old_key(shop: Shop, kind: str) -> None:
    order_id = await shop.order()
    shop.sandbox.fault(kind=kind, method="POST", path=CONFIRM)
    payload = await shop.pay(order_id)
    old_key = (await Operation.get(kind="CREATE_PAYMENT")).stripe_key("confirm")
    sent_before = len(_posts(shop, "confirm"))

    shop.sandbox.advance(30 * 3600)
    await _age(30 * 3600)
    await shop.runtime.worker.drain()

    later = [post["idempotency_key"] for post in _posts(shop, "confirm")[sent_before:]]
    assert old_key not in later
    assert len(later) == (1 if kind == "drop_before" else 0)
    assert (await shop.payment(payload["payment"]["id"]))["status"] == "SUCCEEDED"
    assert _charges(shop) == 1


async def test_a_driver_that_lost_its_lease_writes_nothing(shop: Shop) -> None:
    """It reports an unknown outcome after another runner has found it out."""
    runner = shop.runtime.runner
    shop.sandbox.fault(kind="drop_before", method="POST", path=CONFIRM)
    payload = await shop.pay(await shop.order(), method="pm_card_visa_chargeDeclined")
    await _age(2)
    operation = await Operation.get(kind="CREATE_PAYMENT")
    slow = await runner.take(operation.id)
    await _age(0)
    quick = await runner.take(operation.id)
    assert slow is not None
    assert quick is not None
    await runner.run(quick, in_request=False)
    trail = await shop.timeline(payload["payment"]["id"])

    shop.sandbox.fault(kind="drop_before", method="POST", times=MANY)
    shop.sandbox.fault(kind="drop_before", method="GET", times=MANY)
    told = await runner.run(slow, in_request=False)

    assert told.operation.state == "FAILED"
    assert (await Operation.get(id=operation.id)).state == "FAILED"
    assert (await shop.payment(payload["payment"]["id"]))["status"] == "REQUIRES_PAYMENT_METHOD"
    assert await shop.timeline(payload["payment"]["id"]) == trail


async def test_a_driver_that_lost_its_lease_to_one_who_is_still_at_it_writes_nothing(shop: Shop) -> None:
    """The operation is open under another number: only that number's holder may decide it."""
    runner = shop.runtime.runner
    shop.sandbox.fault(kind="drop_before", method="POST", path=CONFIRM)
    payload = await shop.pay(await shop.order())
    await _age(2)
    operation = await Operation.get(kind="CREATE_PAYMENT")
    slow = await runner.take(operation.id)
    await _age(0)
    quick = await runner.take(operation.id)
    assert slow is not None
    assert quick is not None
    trail = await shop.timeline(payload["payment"]["id"])

    told = await runner.run(slow, in_request=False)

    assert (told.operation.state, told.operation.attempt) == ("IN_PROGRESS", quick.attempt)
    assert await shop.timeline(payload["payment"]["id"]) == trail
    finished = await runner.run(quick, in_request=False)
    assert finished.operation.state == "SUCCEEDED"
    assert len(shop.sandbox.snapshot().charges) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_scenario_12_a_refund_after_thirty_hours_is_looked_for_first(shop: Shop, kind: str) -> None:
    payment = await shop.paid()
    shop.sandbox.fault(kind=kind, method="POST", path="/v1/refunds")
    unknown = await shop.refund(payment["id"], 3_000)

    shop.sandbox.advance(30 * 3600)
    await _age(30 * 3600)
    await shop.runtime.worker.drain()

    after = await shop.payment(payment["id"])
    assert [e["code"] for e in unknown["errors"]] == ["OUTCOME_UNKNOWN"]
    assert after["amountRefunded"] == {"amount": 3_000}
    assert [r["amount"] for r in shop.sandbox.snapshot().refunds] == [3_000]


@pytest.mark.parametrize("kind", ["timeout_after", "drop_after", "broken_json", "error_500_after", "drop_before"])
async def test_a_lost_answer_to_a_partial_refund_is_one_refund(shop: Shop, kind: str) -> None:
    """A second refund would fit, so only the key prevents it."""
    payment, one_key = await shop.paid(), key()
    shop.sandbox.fault(kind=kind, method="POST", path="/v1/refunds")
    await shop.refund(payment["id"], 2_000, with_key=one_key)
    await _age(2 if kind != "error_500_after" else 61)

    again = await shop.refund(payment["id"], 2_000, with_key=one_key)

    assert again["errors"] == []
    assert again["replayed"] is True
    assert [r["amount"] for r in shop.sandbox.snapshot().refunds] == [2_000]
    assert len(_keys(shop, "refunds")) == 1
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 2_000}


async def test_scenario_33_a_refund_that_nobody_knows_of_keeps_its_reservation(shop: Shop) -> None:
    payment = await shop.paid()
    shop.sandbox.fault(kind="timeout_after", method="POST", path="/v1/refunds")

    unknown = await shop.refund(payment["id"], 6_000)
    second = await shop.refund(payment["id"], 1_000)
    between = await shop.payment(payment["id"])
    await _age(61)
    await shop.runtime.worker.drain()
    third = await shop.refund(payment["id"], 4_000)

    assert unknown["refund"]["status"] == "UNKNOWN"
    assert between["amountRefundPending"] == {"amount": 6_000}
    assert between["amountRefundable"] == {"amount": 4_000}
    assert [e["code"] for e in second["errors"]] == ["INVALID_STATE"]
    assert third["errors"] == []
    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 10_000}
    assert sorted(r["amount"] for r in shop.sandbox.snapshot().refunds) == [4_000, 6_000]


async def test_stripe_out_of_reach_is_said_honestly_and_done_later(shop: Shop) -> None:
    order_id, one_key = await shop.order(), key()
    shop.sandbox.fault(kind="rate_limit_429", method="POST", times=MANY)

    payload = await shop.pay(order_id, with_key=one_key)
    shop.sandbox.clear_faults()
    await _age(2)
    again = await shop.pay(order_id, with_key=one_key)

    [error] = payload["errors"]
    assert error["code"] == "PROVIDER_UNAVAILABLE"
    assert error["effect"] == "NONE"
    assert error["retryable"] is True
    assert payload["payment"]["status"] == "INITIATED"
    assert again["errors"] == []
    assert again["payment"]["status"] == "SUCCEEDED"
    assert _charges(shop) == 1


async def test_scenario_41_a_bad_key_of_ours_is_our_problem_and_leaks_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    order_id = await shop.order()
    shop.sandbox.fault(kind="unauthorized_401", method="POST")

    payload = await shop.pay(order_id)

    assert [e["code"] for e in payload["errors"]] == ["PROVIDER_UNAVAILABLE"]
    assert "API Key" not in str(payload)
    assert "sk_test" not in str(payload)


async def test_an_unusable_payment_method_closes_the_payment_and_frees_the_order(shop: Shop) -> None:
    order_id = await shop.order()

    refused = await shop.pay(order_id, method="pm_doesNotExist")
    paid = await shop.pay(order_id)

    assert [e["code"] for e in refused["errors"]] == ["PAYMENT_METHOD_UNUSABLE"]
    assert refused["payment"]["status"] == "CANCELED"
    assert paid["payment"]["status"] == "SUCCEEDED"
    assert _charges(shop) == 1


def _posts(shop: Shop, part: str) -> list[dict[str, str]]:
    return [r for r in shop.sandbox.snapshot().requests if r["method"] == "POST" and part in r["path"]]


def _keys(shop: Shop, part: str) -> set[str]:
    return {post["idempotency_key"] for post in _posts(shop, part)}
