"""Stripe is away for a while under load, and PostgreSQL restarts with fifty mutations in flight."""

import asyncio
import contextlib
import time

import httpx
import pytest

from tests.attack.invariants import violations
from tests.attack.world import Memory, look, paying, until_idle
from tests.crash.town import Application, Town
from tests.shop import Json, key

OUTAGE_SECONDS = 4.0  # ten minutes, with the waits between two tries shortened alike
BACK_WITHIN_SECONDS = 4.0  # two minutes, shortened alike
IN_FLIGHT = 50
PAST_THE_OUTAGE: Json = {"stripe_timeout_seconds": 1.0, "request_budget_seconds": 0.5, "unknown_grace_seconds": 0.5}


LONG = pytest.mark.attack
KINDS = (
    "error_500_after",
    "drop_before",
    pytest.param("rate_limit_429", marks=LONG),
    pytest.param("error_500_before", marks=LONG),
    pytest.param("drop_after", marks=LONG),
)


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_undecided_shortly_after_an_outage_of_stripe(town: Town, database_url: str, kind: str) -> None:
    memory = Memory()
    async with town.application(
        worker=True, worker_webhooks=True, variants=["hurried"], lease_seconds=2, **PAST_THE_OUTAGE
    ) as running:
        orders = [await memory.order(running) for _ in range(12)]
        town.sandbox.fault(kind=kind, path="/v1/.*", times=1_000_000)
        over = time.monotonic() + OUTAGE_SECONDS
        await asyncio.gather(*(_tries(running, memory, order_id, over) for order_id in orders))
        town.sandbox.clear_faults()

        idle = await until_idle(database_url, seconds=BACK_WITHIN_SECONDS)
        world = await look(town, running, memory, database_url)

    assert idle
    assert violations(world) == []
    assert [payment["status"] for payment in world.payments] == ["SUCCEEDED"] * len(orders)


async def test_mutations_in_flight_survive_a_restart_of_the_database(town: Town, database_url: str) -> None:
    memory = Memory()
    keys = [key() for _ in range(IN_FLIGHT)]
    async with town.application(worker=True, variants=["hurried"], lease_seconds=2) as running:
        given = [paying(await memory.order(running)) for _ in keys]
        calls = [
            asyncio.create_task(memory.do(running.buyer, "buyer", "createPayment", used, input=one))
            for used, one in zip(keys, given, strict=True)
        ]
        await asyncio.sleep(0.3)
        decided_before = sum(call.done() for call in calls)
        await town.proxy.down()
        await asyncio.sleep(0.5)
        await town.proxy.up()
        await asyncio.gather(*calls, return_exceptions=True)  # a payload, or an error that says: safe to send again

        ends = await asyncio.gather(
            *(
                memory.settled(lambda: running.buyer, "buyer", "createPayment", used, input=one)
                for used, one in zip(keys, given, strict=True)
            )
        )
        idle = await until_idle(database_url)
        world = await look(town, running, memory, database_url)

    assert decided_before < IN_FLIGHT, "all were done before the restart: it proves nothing"
    assert [end["payment"]["status"] for end in ends] == ["SUCCEEDED"] * IN_FLIGHT
    assert idle
    assert violations(world) == []


async def _tries(running: Application, memory: Memory, order_id: str, over: float) -> None:
    """A client that sends the same call with the same key until it is decided or the outage is over."""
    with_key = key()
    while time.monotonic() < over:
        with contextlib.suppress(httpx.TransportError):
            await memory.do(running.buyer, "buyer", "createPayment", with_key, input=paying(order_id))
            if memory.answers[-1].decided:
                return
        await asyncio.sleep(0.2)
