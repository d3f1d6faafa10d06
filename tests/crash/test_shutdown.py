"""Scenario 49: SIGTERM in the middle of a mutation loses nothing, and the process is gone within ten seconds."""

import asyncio
import os
import signal
import time

import httpx
import pytest

from tests.crash.processes.cluster import Application, Cluster, settled, until_idle
from tests.crash.test_kill import PAY, _books_agree, _order
from tests.support.shop import key

LEASE_SECONDS = 8.0  # longer than a slow machine needs to come to the middle, shorter than a client waits afterwards
CONFIRM = "/v1/payment_intents/[^/]+/confirm"


async def _in_the_middle(cluster: Cluster, application: Application, one_key: str) -> "asyncio.Task[dict[str, object]]":
    """Start a createPayment whose answer Stripe holds back."""
    number = cluster.sandbox.fault(kind="hold_after", method="POST", path=CONFIRM)
    variables = {"input": {"orderId": await _order(application), **PAY}}
    calling = asyncio.create_task(application.buyer.do("createPayment", **variables, key=one_key))
    async with asyncio.timeout(10):
        while not any(rule["fired"] for rule in cluster.sandbox.faults() if rule["id"] == number):
            await asyncio.sleep(0.005)
    return calling


async def test_scenario_49_a_mutation_in_flight_is_finished_and_answered(cluster: Cluster, database_url: str) -> None:
    async with cluster.application(worker=True, lease_seconds=30) as application:
        calling = await _in_the_middle(cluster, application, key())

        os.kill(application.pid, signal.SIGTERM)
        cluster.sandbox.clear_faults()
        payload = await calling
        async with asyncio.timeout(10):
            await application.gone()

    assert payload["errors"] == []
    await _books_agree(database_url, cluster)


async def test_scenario_49_what_cannot_be_finished_in_time_is_taken_up_by_the_next_process(
    cluster: Cluster, database_url: str
) -> None:
    one_key = key()
    async with cluster.application(worker=True, stripe_timeout_seconds=60, lease_seconds=LEASE_SECONDS) as application:
        calling = await _in_the_middle(cluster, application, one_key)

        began = time.monotonic()
        os.kill(application.pid, signal.SIGTERM)
        await application.gone()
        took = time.monotonic() - began
        with pytest.raises((httpx.TransportError, ValueError)):  # cut off, or a bare 500
            await calling
    cluster.sandbox.clear_faults()

    async with cluster.application(worker=True, lease_seconds=3) as successor:
        order = await successor.staff.ask('{ order(externalId: "order-1") { id } }')
        payload = await settled(
            successor.buyer, "createPayment", one_key, input={"orderId": order["order"]["id"], **PAY}
        )
        await until_idle(database_url)
    assert took < 10
    assert payload["replayed"] is True
    assert payload["payment"]["status"] == "SUCCEEDED"
    await _books_agree(database_url, cluster)
