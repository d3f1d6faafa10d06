"""A query that finds unfinished work starts it: no worker runs in these tests."""

from pathlib import Path

import pytest

from database.statements import query_rows
from database.transactions import drain
from tests.support.shop import Json, Shop, key, open_shop, settings_for

pytestmark = pytest.mark.shop_settings(request_budget_seconds=0)  # requests answer what is known, without waiting

CONFIRM = "/v1/payment_intents/[^/]+/confirm"
ORDER = "query O($id: ID!) { order(id: $id) { paymentStatus } }"
OPERATION = "query K($key: IdempotencyKey!, $kind: OperationKind!) { operation(key: $key, kind: $kind) { state } }"


async def _left_lying(shop: Shop) -> tuple[Json, str]:
    """Create a payment whose answer was lost and which is due; returns the payload and its key."""
    one_key = key()
    shop.sandbox.fault(kind="drop_after", method="POST", path=CONFIRM)
    payload = await shop.pay(await shop.order(), with_key=one_key)
    await _overdue()
    return payload, one_key


async def _overdue() -> None:
    await query_rows(
        "UPDATE operation SET due = now(), first_sent_at = first_sent_at - interval '61 seconds',"
        " updated_at = now() - interval '1 hour' WHERE due IS NOT NULL",
        [],
    )


async def test_reading_the_payment_finds_out(shop: Shop) -> None:
    payload, _ = await _left_lying(shop)

    before = await shop.payment(payload["payment"]["id"])
    await drain(5)
    after = await shop.payment(payload["payment"]["id"])

    assert (before["status"], after["status"]) == ("UNKNOWN", "SUCCEEDED")


async def test_reading_the_order_finds_out(shop: Shop) -> None:
    payload, _ = await _left_lying(shop)
    order_id = payload["payment"]["order"]["id"]

    before = await shop.buyer.ask(ORDER, id=order_id)
    await drain(5)
    after = await shop.buyer.ask(ORDER, id=order_id)

    assert (before["order"]["paymentStatus"], after["order"]["paymentStatus"]) == ("PENDING", "PAID")


async def test_asking_what_became_of_the_key_finds_out(shop: Shop) -> None:
    _, one_key = await _left_lying(shop)

    before = await shop.buyer.ask(OPERATION, key=one_key, kind="CREATE_PAYMENT")
    await drain(5)
    after = await shop.buyer.ask(OPERATION, key=one_key, kind="CREATE_PAYMENT")

    assert (before["operation"]["state"], after["operation"]["state"]) == ("UNRESOLVED", "SUCCEEDED")


async def test_a_refund_left_lying_is_found_by_reading_its_payment(shop: Shop) -> None:
    payment = await shop.paid()
    shop.sandbox.fault(kind="drop_after", method="POST", path="/v1/refunds")
    await shop.refund(payment["id"], 3_000)
    await _overdue()

    await shop.payment(payment["id"])
    await drain(5)

    assert (await shop.payment(payment["id"]))["amountRefunded"] == {"amount": 3_000}
    assert [r["amount"] for r in shop.sandbox.snapshot().refunds] == [3_000]


async def test_strangers_set_nothing_going(shop: Shop) -> None:
    payload, one_key = await _left_lying(shop)
    sent = len(shop.sandbox.snapshot().requests)

    await shop.stranger.ask("query P($id: ID!) { payment(id: $id) { id } }", id=payload["payment"]["id"])
    await shop.stranger.ask(ORDER, id=payload["payment"]["order"]["id"])
    await shop.stranger.ask(OPERATION, key=one_key, kind="CREATE_PAYMENT")
    await drain(5)

    assert len(shop.sandbox.snapshot().requests) == sent


async def test_what_is_not_due_and_what_is_settled_is_only_read(shop: Shop) -> None:
    shop.sandbox.fault(kind="drop_after", method="POST", path=CONFIRM)
    waiting = await shop.pay(await shop.order())
    paid = await shop.paid()
    sent = len(shop.sandbox.snapshot().requests)

    await shop.payment(waiting["payment"]["id"])
    await shop.payment(paid["id"])
    await drain(5)

    assert len(shop.sandbox.snapshot().requests) == sent


async def test_it_can_be_switched_off(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path / "state", request_budget_seconds=0, repair_on_read=False)
    async with open_shop(settings) as shop:
        payload, _ = await _left_lying(shop)
        await shop.payment(payload["payment"]["id"])
        await drain(5)

        assert (await shop.payment(payload["payment"]["id"]))["status"] == "UNKNOWN"
