"""Scenario 57: two replicas with a worker each, on one database, race as if there were one."""

import asyncio
import json

import asyncpg
import httpx

from database.connection import parse_url
from sandbox.deliveries import sign
from tests.crash.processes.cluster import Cluster
from tests.support.shop import WEBHOOK_SECRET, key

PAY = {"expectedAmount": {"amount": 10_000, "currency": "USD"}, "paymentMethodId": "pm_card_visa", "confirm": True}


async def test_scenario_57_two_replicas_and_two_workers_are_as_one(cluster: Cluster, database_url: str) -> None:
    async with (
        cluster.application(worker=True, worker_webhooks=True) as one,
        cluster.application(worker=True, worker_webhooks=True) as two,
    ):
        replicas = [one, two]
        for round_number in range(1, 4):
            registered = await one.staff.do(
                "registerOrder",
                input={
                    "externalId": f"order-{round_number}",
                    "total": {"amount": 10_000, "currency": "USD"},
                    "customerExternalId": "buyer",
                },
                key=key(),
            )
            one_key, given = key(), {"orderId": registered["order"]["id"], **PAY}

            paid = await asyncio.gather(
                *(replicas[n % 2].buyer.do("createPayment", input=given, key=one_key) for n in range(10))
            )
            payment_id = next(p["payment"]["id"] for p in paid if not p["errors"])
            refunds = await asyncio.gather(
                *(
                    replicas[n % 2].staff.do(
                        "refundPayment",
                        input={
                            "paymentId": payment_id,
                            "amount": {"amount": 6_000, "currency": "USD"},
                            "reason": "OTHER",
                        },
                        key=key(),
                    )
                    for n in range(4)
                )
            )
            await _send_every_event_to_both(cluster, one.http, two.http)
            await _until_applied(database_url)

            books = cluster.sandbox.snapshot()
            assert {p["payment"]["id"] for p in paid if not p["errors"]} == {payment_id}
            assert all(e["code"] == "OPERATION_IN_PROGRESS" for p in paid for e in p["errors"])
            assert sum(not p["errors"] for p in refunds) == 1
            assert len(books.payment_intents) == round_number
            assert [r["amount"] for r in books.refunds] == [6_000] * round_number
            assert await _facts(database_url) == [("SUCCEEDED", 10_000, 6_000, 0)] * round_number
            assert await _broken_chains(database_url) == 0


async def test_two_cards_at_two_replicas_never_ask_for_more_than_is_due(cluster: Cluster, database_url: str) -> None:
    """Each process believes what it has read until the database says otherwise."""
    usd = {"currency": "USD"}
    async with cluster.application(worker=False) as one, cluster.application(worker=False) as two:
        for number in range(1, 6):
            given = {"externalId": f"order-{number}", "total": {"amount": 10_000, **usd}, "customerExternalId": "buyer"}
            registered = await one.staff.do("registerOrder", input={**given, "allowPartialPayments": True}, key=key())
            part = {"orderId": registered["order"]["id"], **PAY, "partialAmount": {"amount": 6_000, **usd}}

            payloads = await asyncio.gather(
                *(replica.buyer.do("createPayment", input=part, key=key()) for replica in (one, two) * 3)
            )

            refusals = [error["code"] for payload in payloads for error in payload["errors"]]
            assert refusals == ["AMOUNT_MISMATCH"] * 5
    taken = [intent["amount_received"] for intent in cluster.sandbox.snapshot().payment_intents]
    assert taken == [6_000] * 5
    assert await _broken_chains(database_url) == 0


async def _send_every_event_to_both(cluster: Cluster, *clients: httpx.AsyncClient) -> None:
    events = cluster.sandbox.snapshot().events
    for event in events:
        raw = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
        answers = await asyncio.gather(
            *(client.post("/webhooks/stripe", content=raw, headers=headers) for client in clients)
        )
        assert [answer.status_code for answer in answers] == [200, 200]


async def _until_applied(url: str) -> None:
    connection = await asyncpg.connect(**parse_url(url))
    try:
        async with asyncio.timeout(20):
            while await connection.fetchval("SELECT count(*) FROM webhook_event WHERE due IS NOT NULL"):
                await asyncio.sleep(0.02)
        doubled = await connection.fetchval("SELECT count(*) - count(DISTINCT stripe_event_id) FROM webhook_event")
        assert doubled == 0
        assert await connection.fetchval("SELECT count(*) FROM webhook_event WHERE state IN ('FAILED', 'DEAD')") == 0
    finally:
        await connection.close()


async def _facts(url: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(**parse_url(url))
    try:
        rows = await connection.fetch(
            "SELECT status, captured_minor, refunded_minor, refund_pending_minor FROM payment ORDER BY id"
        )
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


async def _broken_chains(url: str) -> int:
    """List the orders whose chain does not end where the row says, or has a gap."""
    connection = await asyncpg.connect(**parse_url(url))
    try:
        broken: int = await connection.fetchval(
            "SELECT count(*) FROM orders o WHERE o.last_sequence <> (SELECT count(*) FROM payment_event e WHERE"
            " e.order_id = o.id) OR o.last_hash <> (SELECT e.hash FROM payment_event e WHERE e.order_id = o.id ORDER BY"
            " e.sequence DESC LIMIT 1) OR EXISTS (SELECT 1 FROM payment_event e JOIN payment_event f ON f.order_id ="
            " e.order_id AND f.sequence = e.sequence - 1 WHERE e.order_id = o.id AND e.previous_hash <> f.hash)"
        )
    finally:
        await connection.close()
    return broken
