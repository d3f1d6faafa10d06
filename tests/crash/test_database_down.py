"""The database goes away (scenarios 13, 14 and 15): no charge without a record, no event lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from models import WebhookEvent
from sandbox.deliveries import sign
from tests.crash.processes.proxy import DatabaseProxy
from tests.support.shop import WEBHOOK_SECRET, Shop, key, open_shop, settings_for

PAY = """mutation P($input: CreatePaymentInput!, $key: IdempotencyKey!) {
  createPayment(input: $input, idempotencyKey: $key) { payment { status } errors { code } } }"""


@dataclass
class Fragile:
    """A shop whose database can be taken away."""

    shop: Shop
    proxy: DatabaseProxy


@pytest.fixture
async def fragile(database_url: str, tmp_path: Path) -> AsyncIterator[Fragile]:
    async with _behind_proxy(database_url, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def _behind_proxy(database_url: str, tmp_path: Path) -> AsyncIterator[Fragile]:
    parts = urlsplit(database_url)
    target = Path(parse_qs(parts.query)["host"][0]) / ".s.PGSQL.5432"
    with TemporaryDirectory(prefix="pg-down-") as folder:
        async with DatabaseProxy(Path(folder), target) as proxy:
            url = f"postgresql://postgres@{parts.path}?host={folder}"
            settings = settings_for(url, tmp_path / "state", lease_seconds=1.0, request_budget_seconds=0)
            async with open_shop(settings) as shop:
                yield Fragile(shop, proxy)
                await proxy.down()


async def test_scenario_13_without_a_database_stripe_is_not_called(fragile: Fragile) -> None:
    shop, one_key = fragile.shop, key()
    order_id = await shop.order()
    await fragile.proxy.down()

    refused = await shop.buyer.post(
        """mutation P($input: CreatePaymentInput!, $key: IdempotencyKey!) {
          createPayment(input: $input, idempotencyKey: $key) { payment { id } } }""",
        _payment(order_id, one_key),
    )
    calls = list(shop.sandbox.snapshot().requests)
    ready = await shop.http.get("/readyz")
    alive = await shop.http.get("/healthz")
    await fragile.proxy.up()
    paid = await shop.pay(order_id, with_key=one_key)

    [error] = refused.json()["errors"]
    assert refused.status_code == 503
    assert error["extensions"]["retryable"] is True
    assert calls == []
    assert (ready.status_code, alive.status_code) == (503, 200)
    assert paid["errors"] == []
    assert paid["payment"]["status"] == "SUCCEEDED"


async def test_scenario_14_the_database_dies_between_stripes_answer_and_the_commit(fragile: Fragile) -> None:
    shop, one_key = fragile.shop, key()
    order_id = await shop.order()
    held = shop.sandbox.fault(kind="hold_after", method="POST", path="/v1/payment_intents/[^/]+/confirm")
    calling = asyncio.create_task(
        shop.buyer.post(
            """mutation P($input: CreatePaymentInput!, $key: IdempotencyKey!) {
              createPayment(input: $input, idempotencyKey: $key) { payment { id } } }""",
            _payment(order_id, one_key),
        )
    )
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in shop.sandbox.faults() if rule["id"] == held):
            await asyncio.sleep(0.005)
    await fragile.proxy.down()
    shop.sandbox.clear_faults()

    lost = await calling
    await fragile.proxy.up()
    async with asyncio.timeout(10):
        while (paid := await shop.pay(order_id, with_key=one_key))["errors"]:
            assert paid["errors"][0]["retryable"] is True
            await asyncio.sleep(0.05)

    assert lost.json()["errors"][0]["extensions"]["retryable"] is True
    assert paid["replayed"] is True
    assert paid["payment"]["status"] == "SUCCEEDED"
    assert [i["amount_received"] for i in shop.sandbox.snapshot().payment_intents] == [10_000]


async def test_scenario_15_an_event_that_cannot_be_stored_is_refused_so_that_stripe_sends_it_again(
    fragile: Fragile,
) -> None:
    shop = fragile.shop
    await shop.paid()
    event = next(e for e in shop.sandbox.snapshot().events if e["type"] == "payment_intent.succeeded")
    raw = json.dumps(event).encode()
    await fragile.proxy.down()

    refused = await shop.webhook(raw, sign(raw, WEBHOOK_SECRET))
    await fragile.proxy.up()
    stored = await shop.webhook(raw, sign(raw, WEBHOOK_SECRET))

    assert refused.status_code == 503
    assert stored.status_code == 200
    assert await WebhookEvent.filter(stripe_event_id=event["id"]).count() == 1


def _payment(order_id: str, one_key: str) -> dict[str, Any]:
    given = {
        "orderId": order_id,
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_visa",
        "confirm": True,
    }
    return {"input": given, "key": one_key}


async def test_whatever_answer_of_the_database_is_lost_a_payment_is_made_once_and_told_truly(fragile: Fragile) -> None:
    """PostgreSQL executes a statement or a COMMIT, and the connection breaks before its answer: at every one."""
    shop, proxy = fragile.shop, fragile.proxy
    await shop.paid()
    proxy.stops_after, proxy.armed = True, True
    orders = 0
    while not orders or proxy.steps >= orders:  # until a payment needed fewer steps than this one
        orders += 1
        order_id, one_key = await _order_unharmed(shop, proxy), key()
        proxy.steps, proxy.stop_at = 0, orders

        async with asyncio.timeout(20):
            while (answer := await shop.buyer.post(PAY, _payment(order_id, one_key))).json().get("errors"):
                assert answer.json()["errors"][0]["extensions"]["retryable"] is True, (orders, answer.json())
                proxy.stop_at = None
            while (told := answer.json()["data"]["createPayment"])["errors"]:
                assert told["errors"][0]["code"] == "OPERATION_IN_PROGRESS", (orders, told)
                await asyncio.sleep(0.05)  # as long as a client would wait, at most
                answer = await shop.buyer.post(PAY, _payment(order_id, one_key))

        assert told["payment"]["status"] == "SUCCEEDED", (orders, told)

    assert orders > 4  # a payment is four statements, and each of them was lost
    assert [i["amount_received"] for i in shop.sandbox.snapshot().payment_intents] == [10_000] * (orders + 1)


async def _order_unharmed(shop: Shop, proxy: DatabaseProxy) -> str:
    proxy.armed = False
    try:
        return await shop.order()
    finally:
        proxy.armed = True
