"""Processes with wrong clocks lose no work to each other and delay none: the database's clock decides."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from database.connection import parse_url
from sandbox.deliveries import sign
from tests.crash.processes.cluster import Application, Cluster
from tests.support.shop import WEBHOOK_SECRET, Json, key

CLOCKS = ["behind", "ahead"]  # by 90 seconds, by 300 seconds
CONFIRM = "/v1/payment_intents/[^/]+/confirm"
HURRIED = "hurried"
SOON_SECONDS = 8.0  # any wait caused by the skew would be far longer


async def paying(application: Application) -> Json:
    registered = await application.staff.do(
        "registerOrder",
        input={
            "externalId": f"order-{key()}",
            "total": {"amount": 10_000, "currency": "USD"},
            "customerExternalId": "buyer",
        },
        key=key(),
    )
    return {
        "orderId": registered["order"]["id"],
        "expectedAmount": {"amount": 10_000, "currency": "USD"},
        "paymentMethodId": "pm_card_visa",
        "confirm": True,
    }


async def until(holds: Callable[[], Awaitable[bool]]) -> float:
    """Wait until a condition holds; returns the seconds it took."""
    begun = time.monotonic()
    async with asyncio.timeout(SOON_SECONDS):
        while not await holds():
            await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def none_left(database_url: str, statement: str) -> bool:
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        return await connection.fetchval(statement) is None
    finally:
        await connection.close()


@pytest.mark.parametrize("clock", CLOCKS)
async def test_a_healthy_operation_is_its_drivers_whatever_its_clock_says(
    cluster: Cluster, database_url: str, clock: str
) -> None:
    """Stripe takes a second to answer, and another process with a right clock looks for work all the time."""
    lease: Json = {"lease_seconds": 6.0}
    async with (
        cluster.application(worker=False, variants=[clock], **lease) as wrong,
        cluster.application(worker=True, **lease),
    ):
        given = await paying(wrong)
        cluster.sandbox.fault(kind="slow", method="POST", path=CONFIRM, seconds=1.0)
        payload = await wrong.buyer.do("createPayment", input=given, key=key())

    confirmed = [entry for entry in cluster.sandbox.snapshot().requests if entry["path"].endswith("/confirm")]
    assert (payload["errors"], payload["payment"]["status"]) == ([], "SUCCEEDED")
    assert payload["operation"]["attempts"] == 1
    assert len(confirmed) == 1


@pytest.mark.parametrize("clock", CLOCKS)
async def test_what_a_wrong_clock_leaves_is_taken_up_at_once_by_a_right_one(
    cluster: Cluster, database_url: str, clock: str
) -> None:
    """Its request is not answered, and it is killed; another one continues after a wait without the skew."""
    async with cluster.application(worker=False, variants=[HURRIED, clock], request_budget_seconds=0) as wrong:
        cluster.sandbox.fault(kind="drop_after", method="POST", path=CONFIRM)
        unknown = await wrong.buyer.do("createPayment", input=await paying(wrong), key=key())
    async with cluster.application(worker=True, variants=[HURRIED]) as right:
        await until(lambda: none_left(database_url, "SELECT 1 FROM operation WHERE due IS NOT NULL"))
        found = await right.staff.ask("query P($id: ID!) { payment(id: $id) { status } }", id=unknown["payment"]["id"])

    assert [error["code"] for error in unknown["errors"]] == ["OUTCOME_UNKNOWN"]
    assert found["payment"]["status"] == "SUCCEEDED"
    assert len(cluster.sandbox.snapshot().charges) == 1


@pytest.mark.parametrize("clock", CLOCKS)
async def test_a_wrong_clock_goes_on_with_what_a_right_one_left(
    cluster: Cluster, database_url: str, clock: str
) -> None:
    async with cluster.application(worker=False, variants=[HURRIED], request_budget_seconds=0) as right:
        cluster.sandbox.fault(kind="drop_after", method="POST", path=CONFIRM)
        await right.buyer.do("createPayment", input=await paying(right), key=key())
    async with cluster.application(worker=True, variants=[HURRIED, clock]):
        await until(lambda: none_left(database_url, "SELECT 1 FROM operation WHERE due IS NOT NULL"))

    assert len(cluster.sandbox.snapshot().charges) == 1


@pytest.mark.parametrize("clock", CLOCKS)
async def test_an_event_that_a_wrong_clock_received_is_applied_at_once(
    cluster: Cluster, database_url: str, clock: str
) -> None:
    async with (
        cluster.application(worker=False, variants=[clock]) as wrong,
        cluster.application(worker=True, worker_webhooks=True),
    ):
        paid = await wrong.buyer.do("createPayment", input=await paying(wrong), key=key())
        refunded = cluster.sandbox.snapshot().payment_intents[-1]["id"]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as dashboard:
            await dashboard.post("/_sandbox/refunds", json={"payment_intent": refunded, "amount": 4_000})
        for event in cluster.sandbox.snapshot().events:
            raw = json.dumps(event).encode()
            headers = {"Content-Type": "application/json", "Stripe-Signature": sign(raw, WEBHOOK_SECRET)}
            assert (await wrong.http.post("/webhooks/stripe", content=raw, headers=headers)).status_code == 200
        await until(lambda: none_left(database_url, "SELECT 1 FROM webhook_event WHERE due IS NOT NULL"))
        query = "query P($id: ID!) { payment(id: $id) { amountRefunded { amount } } }"
        found = await wrong.staff.ask(query, id=paid["payment"]["id"])

    assert found["payment"]["amountRefunded"] == {"amount": 4_000}
