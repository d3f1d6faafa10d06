"""A new total of an order whose payment is open: the process dies anywhere, the payer confirms, replicas race.

Webhooks and poller are off: only the lease, the same key and the janitor recover here.
"""

import asyncio
from typing import Final

import asyncpg
import httpx
import pytest

from database.connection import parse_url
from database.embedded import EmbeddedPostgres
from domain.ids import Kind, encode
from tests.crash.processes.cluster import Application, Cluster, settled, until_idle
from tests.crash.processes.kills import fresh, kill_at, kill_in_call
from tests.support.shop import Json, key

UPDATE: Final = "/v1/payment_intents/[^/]+"
LEASE: Final = 3.0  # seconds


def order_of(total: int, number: str = "order-1") -> Json:
    usd = {"amount": total, "currency": "USD"}
    return {"input": {"externalId": number, "total": usd, "customerExternalId": "buyer"}}


async def open_payment(application: Application, number: str = "order-1") -> str:
    """Register an order of 100 USD with a payment that waits for its payer; returns the payment's id."""
    order = (await application.staff.do("registerOrder", **order_of(10_000, number), key=key()))["order"]
    asked = {"orderId": order["id"], "expectedAmount": {"amount": 10_000, "currency": "USD"}}
    payload = await application.buyer.do("createPayment", input=asked, key=key())
    return str(payload["payment"]["id"])


async def browser_confirms(cluster: Cluster, place: int = -1) -> int:
    """Confirm a payment at Stripe, as its payer's browser does; returns the answer's status."""
    intent = cluster.sandbox.snapshot().payment_intents[place]
    given = {"payment_method": "pm_card_visa", "client_secret": intent["client_secret"]}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as browser:
        headers = {"Authorization": "Bearer pk_test_browser", "Idempotency-Key": key()}
        data = {**given, "return_url": "https://shop.example/"}
        answer = await browser.post(f"/v1/payment_intents/{intent['id']}/confirm", data=data, headers=headers)
    return answer.status_code


async def amounts(url: str) -> list[tuple[int, int, int | None]]:
    """List each order's total, its payment's amount, and the amount of an update that is under way."""
    joined = "FROM orders o JOIN payment p ON p.order_id = o.id ORDER BY p.created_at"
    connection = await asyncpg.connect(**parse_url(url))
    try:
        rows = await connection.fetch(f"SELECT o.total_minor, p.amount_minor, p.next_amount_minor {joined}")
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


def updates(cluster: Cluster) -> list[str]:
    """List the keys of the requests that set an amount, each once."""
    sent = [one for one in cluster.sandbox.snapshot().requests if one["method"] == "POST"]
    return sorted({one["idempotency_key"] for one in sent if one["path"].count("/") == 3})


@pytest.mark.parametrize("chunk", range(2))
async def test_killed_before_any_statement_of_a_new_total(
    cluster: Cluster, postgres: EmbeddedPostgres, chunk: int
) -> None:
    step, tried = chunk + 1, 0
    while True:
        async with fresh(cluster, postgres) as url:
            async with cluster.application(worker=False) as first:
                await open_payment(first)
                one_key, given = key(), order_of(12_000)
                call = first.staff.do("registerOrder", **given, key=one_key)
                killed = await kill_at(cluster, first, step, call)
            if not killed:
                break
            tried += 1
            async with cluster.application(worker=True, lease_seconds=LEASE) as second:
                payload = await settled(second.staff, "registerOrder", one_key, **given)
                await until_idle(url)
            assert (payload["errors"], payload["order"]["total"]["amount"]) == ([], 12_000)
            assert await amounts(url) == [(12_000, 12_000, None)]
            assert cluster.sandbox.snapshot().payment_intents[0]["amount"] == 12_000
            assert len(updates(cluster)) == 1
        step += 2
    assert tried >= 5


@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
@pytest.mark.parametrize("confirms", [True, False], ids=["payer confirms", "payer waits"])
@pytest.mark.parametrize("returns", [True, False], ids=["client returns", "client is gone"])
async def test_killed_around_the_update_at_stripe(
    cluster: Cluster, database_url: str, moment: str, confirms: bool, returns: bool
) -> None:
    """The payer pays what Stripe has while nobody of ours is there: the order costs that afterwards."""
    one_key, given = key(), order_of(12_000)
    async with cluster.application(worker=False) as first:
        await open_payment(first)
        await kill_in_call(cluster, first, moment, UPDATE, first.staff.do("registerOrder", **given, key=one_key))
    if confirms:
        assert await browser_confirms(cluster) == 200
    [intent] = cluster.sandbox.snapshot().payment_intents

    async with cluster.application(worker=True, lease_seconds=LEASE) as second:
        if returns:
            payload = await settled(second.staff, "registerOrder", one_key, **given)
            is_late = confirms and intent["amount"] == 10_000
            assert [error["code"] for error in payload["errors"]] == (["INVALID_STATE"] if is_late else [])
        await until_idle(database_url)

    [intent] = cluster.sandbox.snapshot().payment_intents
    assert await amounts(database_url) == [(intent["amount"], intent["amount"], None)]
    assert intent["amount"] == (intent["amount_received"] if confirms else 12_000)
    assert len(updates(cluster)) == 1


async def test_new_totals_and_confirmations_at_two_replicas_end_in_one_amount(
    cluster: Cluster, database_url: str
) -> None:
    """Each process believes what it has read until the database says otherwise."""
    async with cluster.application(worker=False) as one, cluster.application(worker=False) as two:
        for number in range(6):
            payment_id = await open_payment(one, f"order-{number}")
            shown: Json = {
                "paymentId": payment_id,
                "paymentMethodId": "pm_card_visa",
                "returnUrl": "https://shop.example/",
            }
            shown["expectedAmount"] = {"amount": 10_000, "currency": "USD"}

            payloads = await asyncio.gather(
                one.staff.do("registerOrder", **order_of(12_000, f"order-{number}"), key=key()),
                two.staff.do("registerOrder", **order_of(9_000, f"order-{number}"), key=key()),
                two.buyer.do("confirmPayment", input=shown, key=key()),
            )
            await browser_confirms(cluster)

            refusals = {error["code"] for payload in payloads for error in payload["errors"]}
            assert refusals <= {"OPERATION_IN_PROGRESS", "INVALID_STATE", "AMOUNT_MISMATCH"}
        async with cluster.application(worker=True, worker_webhooks=True) as healing:
            await settled_at_stripe(cluster, healing, database_url)

    intents = cluster.sandbox.snapshot().payment_intents
    charged = [intent["amount_received"] for intent in intents]
    assert charged == [intent["amount"] for intent in intents]
    assert set(charged) <= {9_000, 10_000, 12_000}
    assert await amounts(database_url) == [(amount, amount, None) for amount in charged]


async def settled_at_stripe(cluster: Cluster, application: Application, url: str) -> None:
    """Ask for every payment, as a client does that follows it: its webhooks never came."""
    connection = await asyncpg.connect(**parse_url(url))
    try:
        ids = [row["id"] for row in await connection.fetch("SELECT id FROM payment ORDER BY created_at")]
    finally:
        await connection.close()
    query = "mutation S($id: ID!) { syncPayment(paymentId: $id) { errors { code } } }"
    for payment_id in ids:
        answer = await application.staff.ask(query, id=encode(Kind.PAYMENT, payment_id))
        assert answer["syncPayment"]["errors"] == []
    await until_idle(url)
