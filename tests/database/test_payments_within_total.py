"""The database counts an order's payments: together they never ask for more than its total."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest

from database.connection import parse_url
from tests.database.ledger import NOW, Ledger

WAITING: Final = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
PART: Final = {"share": "PART", "status": "INITIATED", "stripe_payment_intent_id": None}


@pytest.fixture
def ledger(admin: asyncpg.Connection) -> Ledger:
    return Ledger(admin)


async def shared_order(ledger: Ledger, **changes: Any) -> UUID:
    """Write an order of 1,000 that allows several payments."""
    return await ledger.write("orders", allow_partial_payments=True, **changes)


@pytest.mark.parametrize("share", ["PART", "REST"])
@pytest.mark.parametrize(
    ("earlier", "amount"),
    [
        ({}, 401),
        ({"status": "UNKNOWN"}, 401),
        ({"status": "REQUIRES_CAPTURE", "capturable_minor": 600}, 401),
        ({"status": "REQUIRES_CAPTURE", "capturable_minor": 100, "captured_minor": 500}, 401),
        ({"status": "SUCCEEDED", "captured_minor": 600}, 401),
        ({"status": "SUCCEEDED", "captured_minor": 600, "refunded_minor": 600}, 401),
        ({"status": "SUCCEEDED", "captured_minor": 100}, 901),
        ({"status": "SUCCEEDED", "captured_minor": 600, "provider_currency": "JPY"}, 1001),
        ({"status": "REQUIRES_ACTION", "provider_amount_minor": 700}, 301),
        ({"status": "REQUIRES_CAPTURE", "reopened_at": NOW}, 401),
        ({"status": "CANCELED"}, 1001),
    ],
    ids=str,
)
async def test_payments_of_ours_that_ask_for_more_than_is_due_are_refused(
    ledger: Ledger, earlier: Mapping[str, Any], amount: int, share: str
) -> None:
    order = await shared_order(ledger)
    other = {**PART, **earlier, "amount_minor": 600}
    other |= {"stripe_payment_intent_id": "pi_0"} if other["status"] != "INITIATED" else {}
    await ledger.write("payment", order_id=order, **other)
    given = {**PART, "share": share}

    await ledger.refuses("payments_within_total", "payment", order_id=order, **given, amount_minor=amount)
    await ledger.write("payment", order_id=order, **given, amount_minor=amount - 1)


async def test_a_payment_that_stripe_has_is_written_whatever_is_due(ledger: Ledger) -> None:
    order = await shared_order(ledger)
    await ledger.write("payment", order_id=order, **PART, amount_minor=600)

    adopted = {**PART, "stripe_payment_intent_id": "pi_1", "status": "REQUIRES_ACTION"}
    payment = await ledger.write("payment", order_id=order, **adopted, amount_minor=600)
    taken = "UPDATE payment SET status = 'SUCCEEDED', captured_minor = 1200 WHERE id = $1"
    await ledger.connection.execute(taken, payment)

    assert await ledger.count("payment") == 2


async def test_a_part_of_an_order_that_allows_none_is_refused(ledger: Ledger) -> None:
    order = await ledger.parent("orders")

    await ledger.refuses("partial_payments_allowed", "payment", order_id=order, **PART, amount_minor=600)


async def test_two_payments_that_ask_for_all_the_rest_are_refused(ledger: Ledger) -> None:
    order = await shared_order(ledger)
    rest = {**PART, "share": "REST"}
    await ledger.write("payment", order_id=order, **PART, amount_minor=600)
    await ledger.write("payment", order_id=order, **rest, amount_minor=200)

    await ledger.refuses("payment_one_live_for_order", "payment", order_id=order, **rest, amount_minor=200)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ("total_minor = 999", None),
        ("total_minor = 600", None),
        ("total_minor = 599", "payments_within_total"),
        ("total_minor = 599, paid_minor = 0", "payments_within_total"),
        ("allow_partial_payments = FALSE", "partial_payments_allowed"),
        ("allow_partial_payments = FALSE, total_minor = 2000", "partial_payments_allowed"),
    ],
)
async def test_an_order_keeps_room_for_its_open_payments(ledger: Ledger, changes: str, constraint: str | None) -> None:
    order = await shared_order(ledger)
    await ledger.write("payment", order_id=order, **PART, amount_minor=600)
    statement = f"UPDATE orders SET {changes} WHERE id = $1"

    if constraint is None:
        await ledger.connection.execute(statement, order)
        return
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await ledger.connection.execute(statement, order)

    assert caught.value.constraint_name == constraint


async def test_two_writers_that_lock_nothing_cannot_both_ask_for_it(ledger: Ledger, database_url: str) -> None:
    """The second one waits at the order for the first one's commit, and counts again."""
    order, other = await shared_order(ledger), await asyncpg.connect(**parse_url(database_url))
    given = {**PART, "order_id": order, "amount_minor": 600}
    try:
        async with ledger.connection.transaction():
            await ledger.write("payment", **given)
            second = asyncio.create_task(Ledger(other, ledger.parents).write("payment", **given))
            async with asyncio.timeout(10):
                while not await ledger.connection.fetchval(WAITING):
                    await asyncio.sleep(0.01)
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await second
    finally:
        await other.close()

    assert caught.value.constraint_name == "payments_within_total"
    assert await ledger.count("payment") == 1
