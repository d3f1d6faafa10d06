"""The database's address leads to a standby for a while, as in a switchover and a failover: it only reads.

The primary and its standby are PostgreSQL's own; only the address is ours.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg
import httpx
import pytest

from database.connection import migrate, parse_url
from tests.crash.processes.cluster import Application, Cluster, open_cluster
from tests.crash.processes.standby import Pair, Server, followed
from tests.crash.processes.visitors import Visitors, all_say_come_again, is_good, is_ready, many, some_order, until
from tests.crash.test_kill import PAY
from tests.support.line_process import LineProcess
from tests.support.shop import Json, key

ONLY_READS_SECONDS: Final = 8.0
GOES_ON_SECONDS: Final = 5.0  # after the address leads to a primary
BOOKS_ARE_THERE: Final = "SELECT count(*) = 1 FROM payment WHERE status = 'SUCCEEDED'"
OPEN_OPERATIONS: Final = "SELECT count(*) FROM operation WHERE due IS NOT NULL"
SESSIONS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@pytest.fixture
def servers() -> Iterator[Pair]:
    with followed() as pair:
        yield pair


@pytest.fixture
async def cluster(process_factory: LineProcess, servers: Pair) -> AsyncIterator[Cluster]:
    """Open a cluster on the pair's database."""
    await migrate(servers.primary.url)
    with TemporaryDirectory(prefix="pg-cluster-") as folder:
        async with open_cluster(process_factory, servers.primary.url, Path(folder)) as opened:
            yield opened


async def test_an_address_that_leads_to_a_standby_for_a_while_costs_no_connection_and_no_trace(
    cluster: Cluster, servers: Pair
) -> None:
    async with cluster.application(worker=True, live_notifications=True, lease_seconds=6) as application:
        visitors = Visitors(application)
        await visitors.ask("write")
        await until(lambda: _is_there(servers.standby, "SELECT count(*) = 1 FROM orders"), 20)
        async with visitors.coming(each=4):
            await until(many(visitors, 20), 20)
            await cluster.proxy.lead_to(servers.standby.socket)
            meanwhile, readiness = await _only_reads(application, visitors)
            cluster.proxy.lead_new_ones_to(servers.primary.socket)  # open connections still lead to the standby
            back = time.monotonic()
            took = await until(visitors.all_served_since(back), 60)
            ready = await until(lambda: is_ready(application), 20)
        await _pays(application, servers.primary)
        left = await _asked(servers.standby, SESSIONS)

    _only_read(cluster, visitors, meanwhile, readiness)
    assert took < GOES_ON_SECONDS
    assert ready < GOES_ON_SECONDS
    assert left == 0


async def test_after_a_failover_all_goes_on_when_the_standby_is_promoted(cluster: Cluster, servers: Pair) -> None:
    async with cluster.application(worker=True, live_notifications=True, lease_seconds=6) as application:
        visitors, one_key = Visitors(application), key()
        await visitors.ask("write")
        given: Json = {"orderId": await some_order(application), **PAY}
        before = await application.buyer.do("createPayment", input=given, key=one_key)
        await until(lambda: _is_there(servers.standby, BOOKS_ARE_THERE), 20)
        async with visitors.coming(each=4):
            await until(many(visitors, 20), 20)
            servers.kill_primary()
            await cluster.proxy.lead_to(servers.standby.socket)
            meanwhile, readiness = await _only_reads(application, visitors)
            await servers.promote()
            back = time.monotonic()
            took = await until(visitors.all_served_since(back), 60)
            ready = await until(lambda: is_ready(application), 20)
        again = await application.buyer.do("createPayment", input=given, key=one_key)
        charged = len(cluster.sandbox.snapshot().charges)
        await _pays(application, servers.standby, "another")

    _only_read(cluster, visitors, meanwhile, readiness)
    assert took < GOES_ON_SECONDS
    assert ready < GOES_ON_SECONDS
    assert (again["replayed"], again["payment"]["id"], charged) == (True, before["payment"]["id"], 1)


async def _only_reads(
    application: Application, visitors: Visitors
) -> tuple[list[tuple[str, httpx.Response]], httpx.Response]:
    """Let a standby answer for a while; returns the visitors' answers and the last one of `/readyz`."""
    before = len(visitors.answers)
    await asyncio.sleep(ONLY_READS_SECONDS)
    meanwhile = [(what, answer) for *_, what, answer in visitors.answers[before:]]
    return meanwhile, await application.http.get("/readyz")


def _only_read(
    cluster: Cluster, visitors: Visitors, meanwhile: list[tuple[str, httpx.Response]], readiness: httpx.Response
) -> None:
    """Check that reads were answered, nothing was written, refusals are retryable, and the log stays short."""
    assert [answer for what, answer in meanwhile if what == "read" and is_good(answer)]
    assert len([answer for what, answer in meanwhile if what == "write" and not is_good(answer)]) > 4
    all_say_come_again(visitors.refused())
    assert readiness.status_code == 503
    assert readiness.json()["checks"]["database"]["ok"] is False
    log = (cluster.folder / "application.log").read_text()
    assert "Traceback" not in log
    assert log.count("worker.waiting") <= 10  # a line for each layer, not for each poll of each slot


async def _pays(application: Application, server: Server, name: str = "last") -> None:
    """Check that a buyer can pay, and nothing is left undone."""
    paid = await application.buyer.do(
        "createPayment", input={"orderId": await some_order(application, name), **PAY}, key=key()
    )
    assert paid["errors"] == []
    assert paid["payment"]["status"] == "SUCCEEDED"
    await until(lambda: _is_there(server, f"SELECT ({OPEN_OPERATIONS}) = 0"), 10)


async def _is_there(server: Server, condition: str) -> bool:
    return bool(await _asked(server, condition))


async def _asked(server: Server, question: str) -> object:
    connection = await asyncpg.connect(**parse_url(server.url))
    try:
        found: object = await connection.fetchval(question)
        return found
    finally:
        await connection.close()
