"""A killed reconciliation is finished by the next process from its last page; two at once are one."""

import asyncio
from collections import Counter
from datetime import datetime

import asyncpg
import pytest

from database.connection import parse_url
from tests.crash.processes.cluster import POLL_SECONDS, Cluster
from tests.reconcile.commands import Command, Ended, today
from tests.reconcile.population import populate
from tests.reconcile.seeded_faults import FAULTS, seed_faults

POPULATION = 300
LISTS = ("payment_intents", "refunds", "disputes", "balance_transactions", "events")
MENDED = {"STATUS_DRIFT", "REFUND_DRIFT", "DISPUTE_DRIFT", "WEBHOOK_GAP"}
LEASE_SECONDS = 1.0
# The reads of an undisturbed run: Stripe's lists, a setup and an event of a customer among them, unlisted payments,
# authorizations, the stale operation, the orders.
WHOLE = (302 + 31 + 1 + 333 + 300 + 1 + 1) + 1 + 1 + 1 + 301

FINDINGS = "SELECT kind, subject FROM discrepancy WHERE state = 'OPEN' ORDER BY kind, subject"
RUNS = "SELECT attempt, checked, repaired, stage, due FROM reconciliation_run ORDER BY started_at"
LEFT = "SELECT 1 FROM reconciliation_run WHERE due > now()"


async def planted(cluster: Cluster, database_url: str) -> list[tuple[str, str]]:
    store = cluster.sandbox._store
    population = await populate(POPULATION, database_url, store)
    return await seed_faults(population, database_url, store, *FAULTS)


@pytest.mark.parametrize(
    ("path", "nth"),
    [
        ("/v1/payment_intents", 3),
        ("/v1/balance_transactions", 2),
        ("/v1/events", 3),
        ("/v1/payment_intents/pi_of_nobody", 1),  # our payments that Stripe did not list
    ],
)
async def test_what_was_killed_is_finished_with_nothing_missed_and_nothing_twice(
    cluster: Cluster, database_url: str, path: str, nth: int
) -> None:
    faults = await planted(cluster, database_url)
    day = today()
    await killed_at(cluster, database_url, day, path, nth)

    ended = await again(cluster, database_url, day)

    [run] = await look(database_url, RUNS)
    assert ended.code == 1
    assert [tuple(row) for row in await look(database_url, FINDINGS)] == faults
    assert (run["attempt"], run["due"]) == (2, None)
    asked = Counter(call["path"] for call in cluster.sandbox.snapshot().requests)
    lists = {name: asked[f"/v1/{name}"] for name in LISTS}
    assert lists == {
        "payment_intents": 4,
        "refunds": 1,
        "disputes": 1 + 2,
        "balance_transactions": 4,
        "events": 3 + 1,
    }  # payments' and customers'
    assert run["checked"] == WHOLE


async def test_what_was_killed_in_the_middle_of_its_repairs_is_finished(cluster: Cluster, database_url: str) -> None:
    faults = await planted(cluster, database_url)
    day = today()
    await killed_at(cluster, database_url, day, "/v1/refunds", 2, "--repair")  # the first is the list of all of them

    await again(cluster, database_url, day, "--repair")

    [run] = await look(database_url, RUNS)
    left = [fault for fault in faults if fault[0] not in MENDED]
    assert [tuple(row) for row in await look(database_url, FINDINGS)] == left
    assert (run["attempt"], run["repaired"]) == (2, len(MENDED))


async def test_two_processes_at_once_are_one_run(cluster: Cluster, database_url: str) -> None:
    faults = await planted(cluster, database_url)
    rule = cluster.sandbox.fault(kind="hold_before", method="GET", path="/v1/payment_intents", nth=2)
    day = today()
    first = Command.start(database_url, cluster.stripe_port, since=day)
    await held(cluster, rule)

    second = await Command.start(database_url, cluster.stripe_port, since=day).ended()
    meanwhile = await look(database_url, RUNS)
    cluster.sandbox.clear_faults()
    ended = await first.ended()

    assert (second.code, second.out) == (2, "")
    assert len(meanwhile) == 1
    [run] = await look(database_url, RUNS)
    assert (ended.code, run["attempt"], run["due"], run["checked"]) == (1, 1, None, WHOLE)
    assert [tuple(row) for row in await look(database_url, FINDINGS)] == faults


async def test_without_a_database_the_command_says_so(cluster: Cluster) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"

    ended = await Command.start(nowhere, cluster.stripe_port, since=today()).ended()

    assert (ended.code, ended.out) == (2, "")
    assert "The database that DATABASE_URL names cannot be used: nothing listens at its address.\n" in ended.err
    assert "Traceback" not in ended.err


async def killed_at(cluster: Cluster, database_url: str, day: datetime, path: str, nth: int, *arguments: str) -> None:
    """Begin a run, kill its process while it waits for an answer of Stripe's, and let its lease end."""
    rule = cluster.sandbox.fault(kind="hold_before", method="GET", path=path, nth=nth)
    command = Command.start(database_url, cluster.stripe_port, *arguments, since=day, lease_seconds=LEASE_SECONDS)
    await held(cluster, rule)
    await command.kill()  # the held request was never executed: Stripe notices the closed connection
    async with asyncio.timeout(10):
        while await look(database_url, LEFT):
            await asyncio.sleep(POLL_SECONDS)


async def held(cluster: Cluster, rule: int) -> None:
    async with asyncio.timeout(30):
        while not any(fault["fired"] for fault in cluster.sandbox.faults() if fault["id"] == rule):
            await asyncio.sleep(POLL_SECONDS)


async def again(cluster: Cluster, database_url: str, day: datetime, *arguments: str) -> Ended:
    return await Command.start(
        database_url, cluster.stripe_port, *arguments, since=day, lease_seconds=LEASE_SECONDS
    ).ended()


async def look(database_url: str, statement: str) -> "list[asyncpg.Record]":
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()
