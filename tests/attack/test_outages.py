"""Outages under load: Stripe cannot be reached, and PostgreSQL restarts with fifty mutations in flight."""

import asyncio
import contextlib
import time

import httpx
import pytest

from tests.attack.invariants import violations
from tests.attack.world import Memory, look, paying, until_idle
from tests.crash.processes.cluster import Application, Cluster
from tests.support.shop import Json, key

FASTER = 30  # the application's waits are a thirtieth, and so are these
OUTAGE_SECONDS = 600 / FASTER
BACK_WITHIN_SECONDS = 120 / FASTER
# Stripe replays a 500 under its key for ever: a new key is made only after a quarter of an hour without a trace.
STICKY_SECONDS = 900 / FASTER
IN_FLIGHT = 50
ACCEPTED = 1_000
PAST_THE_OUTAGE: Json = {
    "stripe_timeout_seconds": 1.0,
    "request_budget_seconds": 0.5,
    "unknown_grace_seconds": 60 / FASTER,
}
KINDS = {
    "drop_before": BACK_WITHIN_SECONDS,
    "drop_after": BACK_WITHIN_SECONDS,
    "rate_limit_429": BACK_WITHIN_SECONDS,
    "error_500_after": BACK_WITHIN_SECONDS,
    "error_500_before": BACK_WITHIN_SECONDS + STICKY_SECONDS,
}


@pytest.mark.parametrize(("kind", "within"), KINDS.items())
async def test_scenario_60_ten_minutes_without_stripe_leave_nothing_undecided_two_minutes_later(
    cluster: Cluster, database_url: str, kind: str, within: float
) -> None:
    memory = Memory()
    async with cluster.application(
        worker=True, worker_webhooks=True, variants=["thirtyfold"], lease_seconds=2, **PAST_THE_OUTAGE
    ) as running:
        orders = [await memory.order(running) for _ in range(24)]
        cluster.sandbox.fault(kind=kind, path="/v1/.*", times=1_000_000)
        begun = time.monotonic()
        over = begun + OUTAGE_SECONDS
        tries = [
            asyncio.create_task(_tries(running, memory, order_id, begun + OUTAGE_SECONDS * number / len(orders), over))
            for number, order_id in enumerate(orders)
        ]
        await asyncio.gather(*tries)
        cluster.sandbox.clear_faults()

        idle = await until_idle(database_url, seconds=within)
        world = await look(cluster, running, memory, database_url)

    assert idle
    assert violations(world) == []
    assert [payment["status"] for payment in world.payments] == ["SUCCEEDED"] * len(orders)


async def test_a_thousand_payments_accepted_in_an_outage_are_decided_two_minutes_after_its_end(
    cluster: Cluster, database_url: str
) -> None:
    """On an account on which others make payments too, at the rate that Stripe allows, with unshortened waits."""
    policy: Json = {
        "stripe_requests_per_second": 100.0,
        "stripe_requests_per_endpoint": 25.0,
        "request_budget_seconds": 0,
        "worker_reconciler": False,  # it reads every list of the account, whatever has happened
    }
    memory, gate = Memory(), asyncio.Semaphore(20)
    async with cluster.application(worker=True, worker_webhooks=True, lease_seconds=60, **policy) as running:

        async def accept(order_id: str) -> None:
            async with gate:
                await memory.do(running.buyer, "buyer", "createPayment", key(), input=paying(order_id))

        orders = [await memory.order(running) for _ in range(ACCEPTED)]
        cluster.sandbox.fault(kind="drop_before", path="/v1/.*", times=1_000_000)
        await asyncio.gather(*(accept(order_id) for order_id in orders))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{cluster.stripe_port}") as others:
            cluster.sandbox.clear_faults()
            for _ in range(2 * ACCEPTED):
                headers = {"Authorization": "Bearer sk_test_other", "Idempotency-Key": key()}
                await others.post("/v1/payment_intents", data={"amount": "500", "currency": "usd"}, headers=headers)
        idle = await until_idle(database_url, seconds=120)
        world = await look(cluster, running, memory, database_url)

    sent = [r for r in cluster.sandbox.snapshot().requests if r["status"] == 200]
    calls = [r for r in sent if r["path"].startswith("/v1/")][2 * ACCEPTED :]
    lists = [r for r in calls if r["method"] == "GET" and r["path"] == "/v1/payment_intents"]
    assert idle
    assert violations(world) == []
    assert [payment["status"] for payment in world.payments] == ["SUCCEEDED"] * ACCEPTED
    assert lists == []
    assert len(calls) <= 1.2 * 2 * ACCEPTED  # a create and a confirmation for each


async def test_mutations_in_flight_survive_a_restart_of_the_database(cluster: Cluster, database_url: str) -> None:
    memory = Memory()
    keys = [key() for _ in range(IN_FLIGHT)]
    async with cluster.application(worker=True, variants=["hurried"], lease_seconds=2) as running:
        given = [paying(await memory.order(running)) for _ in keys]
        calls = [
            asyncio.create_task(memory.do(running.buyer, "buyer", "createPayment", used, input=one))
            for used, one in zip(keys, given, strict=True)
        ]
        await asyncio.sleep(0.3)
        decided_before = sum(call.done() for call in calls)
        await cluster.proxy.down()
        await asyncio.sleep(0.5)
        await cluster.proxy.up()
        await asyncio.gather(*calls, return_exceptions=True)  # a payload, or an error that says: safe to send again

        ends = await asyncio.gather(
            *(
                memory.settled(lambda: running.buyer, "buyer", "createPayment", used, input=one)
                for used, one in zip(keys, given, strict=True)
            )
        )
        idle = await until_idle(database_url)
        world = await look(cluster, running, memory, database_url)

    assert decided_before < IN_FLIGHT, "all were done before the restart: it proves nothing"
    assert [end["payment"]["status"] for end in ends] == ["SUCCEEDED"] * IN_FLIGHT
    assert idle
    assert violations(world) == []


async def _tries(running: Application, memory: Memory, order_id: str, start: float, over: float) -> None:
    """Repeat one call with one key, from the middle of the outage until it is over."""
    with_key = key()
    await asyncio.sleep(start - time.monotonic())
    while time.monotonic() < over:
        with contextlib.suppress(httpx.TransportError):
            await memory.do(running.buyer, "buyer", "createPayment", with_key, input=paying(order_id))
            if memory.answers[-1].decided:
                return
        await asyncio.sleep(0.5)
