"""Many subscribers at several processes, a worker beside them, and every event seen by all."""

import asyncio
import json
import time
from pathlib import Path
from typing import Final

import httpx
import pytest

from sandbox.deliveries import sign
from tests.crash.processes.cluster import Application, Cluster
from tests.live.following import ORDER, Subscriber, chain, fetch, follow_many, following
from tests.support.shop import WEBHOOK_SECRET, Json, key

ONLY_NOTIFICATIONS: Final[Json] = {"live_notifications": True, "live_poll_seconds": 300, "lease_seconds": 30.0}
REFUNDS: Final = 10
MOST_MEMORY_EACH: Final = 300 * 1024  # bytes for one subscriber, its socket included
MOST_MEMORY_OF_CHANGES: Final = 32 * 1024 * 1024


async def test_a_change_in_one_process_is_seen_by_subscribers_of_another(cluster: Cluster, database_url: str) -> None:
    async with (
        cluster.application(worker=False, **ONLY_NOTIFICATIONS) as one,
        cluster.application(worker=False, **ONLY_NOTIFICATIONS) as other,
    ):
        order_id = await _order(one)
        async with following(_address(other), other.buyer.token, ORDER, id=order_id) as subscriber:
            await subscriber.next()
            payment_id = await _pay(one, order_id, confirm=True, paymentMethodId="pm_card_visa")
            await _refund(one, payment_id, 100)
            trail = await chain(database_url, order_id)
            await subscriber.until(trail[-1][0])

    assert _told(subscriber) == trail


async def test_a_database_that_was_away_is_heard_again(cluster: Cluster, database_url: str) -> None:
    async with cluster.application(worker=False, **ONLY_NOTIFICATIONS) as one:
        order_id = await _order(one)
        async with following(_address(one), one.buyer.token, ORDER, id=order_id) as subscriber:
            await subscriber.next()
            payment_id = await _pay(one, order_id, confirm=True, paymentMethodId="pm_card_visa")
            for amount in (100, 200):
                await cluster.proxy.down()
                await cluster.proxy.up()
                await _refund(one, payment_id, amount)
                trail = await chain(database_url, order_id)
                await subscriber.until(trail[-1][0])

    assert _told(subscriber) == trail


@pytest.mark.parametrize("count", [25, pytest.param(500, marks=pytest.mark.attack)])
async def test_all_subscribers_of_two_replicas_see_each_change_once_while_a_worker_applies_webhooks(
    cluster: Cluster, database_url: str, count: int
) -> None:
    async with (
        cluster.application(worker=False, **ONLY_NOTIFICATIONS) as one,
        cluster.application(worker=False, **ONLY_NOTIFICATIONS) as other,
        cluster.application(worker=True, worker_webhooks=True, **ONLY_NOTIFICATIONS) as worker,
    ):
        order_id = await _order(one)
        empty = [_memory(one), _memory(other)]
        async with (
            follow_many(count, _address(one), ORDER, id=order_id) as here,
            follow_many(count, _address(other), ORDER, id=order_id) as there,
        ):
            everybody = [*here, *there]
            await asyncio.gather(*(subscriber.next() for subscriber in everybody))
            reading = [asyncio.create_task(_until_refunded(subscriber)) for subscriber in everybody]
            full = [_memory(one), _memory(other)]
            payment_id = await _pay(one, order_id)
            await _browser_confirms(cluster)
            await _deliver(cluster, worker, database_url)
            began = time.perf_counter()
            for _ in range(REFUNDS):
                await _refund(other, payment_id, 10_000 // REFUNDS)
                await _deliver(cluster, worker, database_url)
            trail = await chain(database_url, order_id)
            await asyncio.gather(*reading)
            seconds = time.perf_counter() - began
            await asyncio.gather(*(subscriber.until(trail[-1][0]) for subscriber in everybody))
            after = [_memory(one), _memory(other)]

    each = max(f - e for f, e in zip(full, empty, strict=True)) // count
    of_changes = max(a - f for a, f in zip(after, full, strict=True))
    print(
        f"{count} at each replica: {each // 1024} KiB each, {of_changes // 1024} KiB more after {len(trail)} changes,"
    )
    print(f"{seconds:.1f} s for {REFUNDS} refunds and their webhooks")
    assert len(trail) >= REFUNDS + 4
    assert [_told(subscriber) for subscriber in everybody] == [trail] * (2 * count)
    assert of_changes < MOST_MEMORY_OF_CHANGES
    if count >= 100:  # a few subscribers do not outweigh the modules that the first of them loads
        assert each < MOST_MEMORY_EACH


async def _until_refunded(subscriber: Subscriber) -> None:
    while (await subscriber.next())["order"]["paymentStatus"] != "REFUNDED":
        pass


def _told(subscriber: Subscriber) -> list[tuple[int, str]]:
    return [(event["sequence"], event["type"]) for event in subscriber.seen]


def _address(application: Application) -> str:
    return str(application.http.base_url).replace("http", "ws", 1).rstrip("/")


def _memory(application: Application) -> int:
    """Return the memory of the process, in bytes."""
    [line] = [line for line in Path(f"/proc/{application.pid}/status").read_text().splitlines() if "VmRSS" in line]
    return int(line.split()[1]) * 1024


async def _order(application: Application) -> str:
    given = {"externalId": "order-1", "total": {"amount": 10_000, "currency": "USD"}, "customerExternalId": "buyer"}
    payload = await application.staff.do("registerOrder", input=given, key=key())
    order_id: str = payload["order"]["id"]
    return order_id


async def _pay(application: Application, order_id: str, **more: object) -> str:
    given: Json = {"orderId": order_id, "expectedAmount": {"amount": 10_000, "currency": "USD"}, **more}
    payload = await application.buyer.do("createPayment", input=given, key=key())
    assert payload["errors"] == []
    payment_id: str = payload["payment"]["id"]
    return payment_id


async def _refund(application: Application, payment_id: str, amount: int) -> None:
    given = {"paymentId": payment_id, "amount": {"amount": amount, "currency": "USD"}, "reason": "OTHER"}
    payload = await application.staff.do("refundPayment", input=given, key=key())
    assert payload["errors"] == []


async def _browser_confirms(cluster: Cluster) -> None:
    [intent] = cluster.sandbox.snapshot().payment_intents
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as browser:
        answer = await browser.post(
            f"/v1/payment_intents/{intent['id']}/confirm",
            data={
                "payment_method": "pm_card_visa",
                "client_secret": intent["client_secret"],
                "return_url": "https://shop.example/",
            },
            headers={"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()},
        )
    assert answer.status_code == 200, answer.text


async def _deliver(cluster: Cluster, worker: Application, database_url: str) -> None:
    """Send the worker every event that Stripe has, and wait until it has applied them all."""
    for event in cluster.sandbox.snapshot().events:
        raw = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
        assert (await worker.http.post("/webhooks/stripe", content=raw, headers=headers)).status_code == 200
    async with asyncio.timeout(20):
        while await fetch(database_url, "SELECT 1 FROM webhook_event WHERE due IS NOT NULL"):
            await asyncio.sleep(0.01)
