"""A payment is accepted by one statement on a snapshot read before; a change in between is never overlooked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tortoise import connections

from database.connection import parse_url
from database.pool import Pool, PooledConnection
from domain.states import OperationKind
from models import Operation, Order, Payment
from services.money.state.locking import read_snapshot
from tests.support.rows import row_id
from tests.support.shop import Shop, key, open_shop, settings_for, text_of

CHANGED = """
UPDATE orders SET total_minor = 20000, last_sequence = last_sequence + 1, last_hash = repeat('b', 64) WHERE id = $1
"""
CLAIMED = """
INSERT INTO operation (id, principal, kind, key, fingerprint, leaves, actor, request_id, state, effect, step,
  generation, params, attempt, created_at, updated_at, expires_at)
SELECT gen_random_uuid(), principal, kind, $2, fingerprint, leaves, actor, request_id, state, effect, step,
  generation, params, attempt, now(), now(), expires_at FROM operation WHERE id = $1
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@asynccontextmanager
async def somebody_at(database_url: str, order_id: UUID) -> AsyncIterator[asyncpg.Connection]:
    """Open another client's transaction that holds the order. It is committed at the end."""
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", order_id)
            yield connection
    finally:
        await connection.close()


async def waits(connection: asyncpg.Connection) -> None:
    """Return when a session waits for a lock."""
    async with asyncio.timeout(10):
        while not await connection.fetchval(WAITING):
            await asyncio.sleep(0.01)


async def test_an_order_that_changes_after_it_was_seen_is_looked_at_again(shop: Shop, database_url: str) -> None:
    order_id = await shop.order(10_000)

    async with somebody_at(database_url, row_id(order_id)) as somebody:
        paying = asyncio.create_task(shop.pay(order_id, amount=10_000))
        await waits(somebody)
        await somebody.execute(CHANGED, row_id(order_id))
    payload = await paying

    [error] = payload["errors"]
    assert error["__typename"] == "AmountMismatchError"
    assert (error["expected"]["amount"], error["actual"]["amount"]) == (10_000, 20_000)
    assert await Payment.all().count() == 0
    assert await Operation.filter(kind=OperationKind.CREATE_PAYMENT).count() == 0
    assert shop.sandbox.snapshot().payment_intents == []


async def test_an_order_that_was_only_held_is_paid_as_it_was_seen(shop: Shop, database_url: str) -> None:
    order_id = await shop.order()

    async with somebody_at(database_url, row_id(order_id)) as somebody:
        paying = asyncio.create_task(shop.pay(order_id))
        await waits(somebody)
    payload = await paying

    assert payload["errors"] == []
    assert payload["payment"]["status"] == "SUCCEEDED"
    assert len(shop.sandbox.snapshot().payment_intents) == 1


async def test_a_key_that_is_claimed_after_it_was_seen_runs_nothing(shop: Shop, database_url: str) -> None:
    await shop.paid()
    [done] = await Operation.filter(kind=OperationKind.CREATE_PAYMENT)
    order_id, one_key = await shop.order(), key()

    async with somebody_at(database_url, row_id(order_id)) as somebody:
        paying = asyncio.create_task(shop.pay(order_id, with_key=one_key))
        await waits(somebody)
        await somebody.execute(CLAIMED, done.id, one_key)
    payload = await paying

    [error] = payload["errors"]
    assert error["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await Payment.filter(order_id=row_id(order_id)).count() == 0
    assert len(shop.sandbox.snapshot().payment_intents) == 1


async def queued(pool: Pool, waiting: int) -> None:
    """Return when so many wait for a connection."""
    async with asyncio.timeout(10):
        while len(pool._free._waiters or ()) < waiting:
            await asyncio.sleep(0)


async def test_who_finds_no_connection_free_is_refused_and_does_not_queue_a_second_time(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small: Any = {"database_pool_size": 2, "database_acquire_timeout_seconds": 0.3, "live_notifications": False}
    asked: list[Pool] = []
    acquire = Pool.acquire

    async def noted(self: Pool, *, timeout: float | None = None) -> PooledConnection:
        asked.append(self)
        return await acquire(self, timeout=timeout)

    async with open_shop(settings_for(database_url, tmp_path / "state", **small)) as shop:
        await shop.paid()  # who the buyer is, is known from now on
        order_id, one_key = await shop.order(), key()
        given = {
            "orderId": order_id,
            "expectedAmount": {"amount": 10_000, "currency": "USD"},
            "paymentMethodId": "pm_card_visa",
            "confirm": True,
        }
        client: Any = connections.get("default")
        pool: Pool = client._pool
        first, second = await pool.acquire(), await pool.acquire()
        with monkeypatch.context() as watching:
            watching.setattr(Pool, "acquire", noted)
            paying = asyncio.create_task(
                shop.buyer.post(
                    text_of("createPayment"), {"input": {**given, "paymentMethodId": "pm_card_visa"}, "key": one_key}
                )
            )
            await queued(pool, 1)
            taken = asyncio.create_task(acquire(pool))  # as soon as the payment has read its order
            await queued(pool, 2)
            await pool.release(first)
            refused = await paying
        await pool.release(second)
        await pool.release(await taken)
        paid = await shop.pay(order_id, with_key=one_key)

    assert refused.status_code == 503
    assert len(asked) == 2  # to read the order, and to accept the payment
    assert (paid["replayed"], paid["payment"]["status"]) == (False, "SUCCEEDED")


async def test_what_is_seen_is_what_stands_there(shop: Shop) -> None:
    one_key = key()
    order_id = await shop.order()
    await shop.pay(order_id, method="pm_card_threeDSecure2Required", returnUrl="https://shop.example")
    await Payment.all().update(status="CANCELED")
    await shop.pay(order_id, with_key=one_key, metadata={"note": "kept", "ü": "a\u2028b"})
    [operation] = await Operation.filter(key=one_key)
    named = {"principal": operation.principal, "kind": OperationKind.CREATE_PAYMENT}

    seen = await read_snapshot(row_id(order_id), key=one_key, **named)  # type: ignore[arg-type]  # of two kinds

    assert seen.order is not None
    assert seen.operation is not None
    assert told(seen.operation) == told(operation)
    assert told(seen.order) == told(await Order.get(id=row_id(order_id)))
    theirs = await Payment.filter(order_id=row_id(order_id)).order_by("created_at", "id")
    assert [told(one) for one in seen.order.locked_payments] == [told(one) for one in theirs]
    assert [one.order for one in seen.order.locked_payments] == [seen.order] * 2
    nothing = await read_snapshot(UUID(int=0), key="another", **named)  # type: ignore[arg-type]  # of two kinds
    assert (nothing.order, nothing.operation) == (None, None)


def told(row: Any) -> dict[str, Any]:
    """Return every column of a row, and Tortoise's own attributes."""
    return {name: value for name, value in vars(row).items() if name not in ("locked_payments", "_order")}
