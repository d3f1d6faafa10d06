"""Ownership of an order is checked again under its lock: it may have changed between the read and the lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from database.connection import parse_url
from models import Customer, Operation, Payment
from tests.support.rows import row_id
from tests.support.shop import Json, Shop, key

CHANGES_HANDS = """
UPDATE orders SET customer_id = $2, last_sequence = last_sequence + 1, last_hash = repeat('b', 64) WHERE id = $1
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@asynccontextmanager
async def it_changes_hands(database_url: str, order_id: str) -> AsyncIterator[None]:
    """Transfer the order to the stranger after the block has read it, and before it gets the lock."""
    stranger, _ = await Customer.get_or_create(external_id="stranger")
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", row_id(order_id))
            yield
            async with asyncio.timeout(10):
                while not await connection.fetchval(WAITING):
                    await asyncio.sleep(0.01)
            await _give(connection, row_id(order_id), stranger.id)
    finally:
        await connection.close()


async def _give(connection: asyncpg.Connection, order_id: UUID, customer_id: UUID) -> None:
    await connection.execute(CHANGES_HANDS, order_id, customer_id)


@pytest.mark.parametrize(("payer", "code"), [("buyer", "NOT_FOUND"), ("staff", "INVALID_STATE")])
async def test_nobodys_card_pays_what_has_become_somebody_elses(
    shop: Shop, database_url: str, payer: str, code: str
) -> None:
    order_id = await shop.order()
    given: Json = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    given |= {"paymentMethodId": "pm_card_visa", "confirm": True}

    async with it_changes_hands(database_url, order_id):
        paying = asyncio.create_task(getattr(shop, payer).do("createPayment", input=given, key=key()))
    payload = await paying

    [error] = payload["errors"]
    assert (error["code"], error["path"], payload["payment"]) == (code, ["input", "orderId"], None)
    assert shop.sandbox.snapshot().payment_intents == []
    assert await Payment.all().count() == 0
    assert await Operation.filter(kind="CREATE_PAYMENT").count() == 0


async def test_a_payment_is_not_confirmed_for_an_order_that_has_become_somebody_elses(
    shop: Shop, database_url: str
) -> None:
    payment = await shop.prepared()
    calls = len(shop.sandbox.snapshot().requests)
    given: Json = {"paymentId": payment["id"], "paymentMethodId": "pm_card_visa", "returnUrl": "https://shop.example/"}

    async with it_changes_hands(database_url, payment["order"]["id"]):
        confirming = asyncio.create_task(shop.buyer.do("confirmPayment", **given, key=key()))
    payload = await confirming

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("NOT_FOUND", ["paymentId"])]
    assert len(shop.sandbox.snapshot().requests) == calls
