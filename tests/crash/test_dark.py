"""Silent failures below the application: a network that swallows bytes, a database that only reads."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from database.connection import parse_url
from tests.crash.processes.cluster import Cluster
from tests.crash.processes.visitors import Visitors, all_say_come_again, is_good, is_ready, many, some_order, until
from tests.crash.test_kill import PAY
from tests.support.shop import key

SERVED_AGAIN_SECONDS: Final = 15.0  # after the open connections began to lose bytes
GOES_ON_SECONDS: Final = 5.0  # after the database has recovered
ANSWER_SECONDS: Final = 20.0  # within which a request is answered, whatever the database does
ONLY_READS_SECONDS: Final = 8.0
DARK_SECONDS: Final = 14.0  # longer than any request may wait


@asynccontextmanager
async def _admin(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**parse_url(url))
    try:
        yield connection
    finally:
        await connection.close()


async def _open_operations(admin: asyncpg.Connection) -> int:
    count: int = await admin.fetchval("SELECT count(*) FROM operation WHERE due IS NOT NULL")
    return count


async def test_a_network_that_swallows_what_is_said_is_left_for_another_connection(
    cluster: Cluster, database_url: str
) -> None:
    """The open connections stay dead for as long as they are kept; new ones work."""
    async with (
        cluster.application(
            worker=True, live_notifications=True, lease_seconds=6, stripe_timeout_seconds=5
        ) as application,
        _admin(database_url) as admin,
    ):
        visitors = Visitors(application)
        await visitors.ask("write")
        async with visitors.coming(each=6):
            await until(many(visitors, 40), 20)
            began = time.monotonic()
            cluster.proxy.swallow(new_ones=False)

            async def all_served() -> bool:
                since = [answer for asked, _, _, answer in visitors.answers if asked > began + 2]
                return len(since) > 40 and all(is_good(answer) for answer in since[-20:])

            took = await until(all_served, 60)

        paid = await application.buyer.do(
            "createPayment", input={"orderId": await some_order(application), **PAY}, key=key()
        )
        await until(lambda: _none_open(admin), 10)
        ready = (await application.http.get("/readyz")).json()["checks"]["database"]["ok"]

    assert took < SERVED_AGAIN_SECONDS
    assert max(ended - asked for asked, ended, *_ in visitors.answers) < SERVED_AGAIN_SECONDS
    all_say_come_again(visitors.refused())
    assert paid["payment"]["status"] == "SUCCEEDED"
    assert ready is True


async def test_a_database_in_the_dark_is_told_in_time_and_served_again_when_it_is_back(cluster: Cluster) -> None:
    """The database cannot be reached for a while, by new connections either."""
    async with cluster.application(worker=True, live_notifications=True) as application:
        visitors = Visitors(application)
        await visitors.ask("write")
        async with visitors.coming(each=3):
            await until(many(visitors, 20), 20)
            cluster.proxy.swallow(new_ones=True)
            await asyncio.sleep(DARK_SECONDS)
            told = visitors.refused()
            back = time.monotonic()
            cluster.proxy.pass_on()
            took = await until(visitors.all_served_since(back), 60)

    assert told  # while it was dark, not after
    assert took < SERVED_AGAIN_SECONDS
    assert max(ended - asked for asked, ended, *_ in visitors.answers) < ANSWER_SECONDS
    all_say_come_again(visitors.refused())


async def test_a_database_that_only_reads_for_a_while_costs_no_connection_and_no_trace(
    cluster: Cluster, database_url: str
) -> None:
    """As in a switchover: sessions end, the next ones lead to a server that only reads, and then to one that writes."""
    name = database_url.split("@/")[1].split("?")[0]
    async with cluster.application(worker=True, lease_seconds=6) as application, _admin(database_url) as admin:
        visitors = Visitors(application)
        await visitors.ask("write")
        async with visitors.coming(each=4):
            await until(many(visitors, 20), 20)
            await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            await _end_sessions(admin)
            before = len(visitors.answers)
            await asyncio.sleep(ONLY_READS_SECONDS)
            meanwhile = visitors.answers[before:]
            readiness = await application.http.get("/readyz")
            await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            back = time.monotonic()
            took = await until(visitors.all_served_since(back), 60)
            ready = await until(lambda: is_ready(application), 20)
        paid = await application.buyer.do(
            "createPayment", input={"orderId": await some_order(application), **PAY}, key=key()
        )
        await until(lambda: _none_open(admin), 10)
        sessions = await admin.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_start < now() - $1 * interval '1 second'",
            time.monotonic() - back,
        )

    log = (cluster.folder / "application.log").read_text()
    assert [answer for *_, what, answer in meanwhile if what == "read" and is_good(answer)]
    assert [answer for *_, what, answer in meanwhile if what == "write" and not is_good(answer)]
    all_say_come_again(visitors.refused())
    assert readiness.status_code == 503
    assert readiness.json()["checks"]["database"]["ok"] is False
    assert took < GOES_ON_SECONDS
    assert ready < GOES_ON_SECONDS
    assert paid["payment"]["status"] == "SUCCEEDED"
    assert sessions == []
    assert "Traceback" not in log
    assert log.count("worker.waiting") <= 10  # a line for each layer, not for each poll of each slot


async def _none_open(admin: asyncpg.Connection) -> bool:
    return await _open_operations(admin) == 0


async def _end_sessions(admin: asyncpg.Connection) -> None:
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
