"""What we stand on goes dark without a word: a network that swallows bytes, a database that only reads."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import httpx

from models.database import parse_url
from tests.crash.test_kill import PAY
from tests.crash.town import Application, Town
from tests.shop import Json, key

SERVED_AGAIN_SECONDS: Final = 15.0  # after bytes began to be swallowed on the connections that there were
GOES_ON_SECONDS: Final = 5.0  # after the database is itself again
ANSWER_SECONDS: Final = 20.0  # within which a request is answered, whatever the database does
ONLY_READS_SECONDS: Final = 8.0
DARK_SECONDS: Final = 14.0  # longer than anybody is kept waiting
REGISTER: Final = """mutation R($input: RegisterOrderInput!, $key: IdempotencyKey!) {
  registerOrder(input: $input, idempotencyKey: $key) { order { id } errors { code } } }"""
READ: Final = '{ order(externalId: "order-0") { id } }'


def _order(number: int | str) -> Json:
    order = {"externalId": f"order-{number}", "total": {"amount": 10_000, "currency": "USD"}}
    return {"input": {**order, "customerExternalId": "buyer"}, "key": key()}


class Visitors:
    """Clients that read and write all the time; each answer with the moment at which it came."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._number = 0
        self.answers: list[tuple[float, float, str, httpx.Response]] = []

    async def ask(self, what: str) -> httpx.Response:
        """One request, a "read" or a "write"."""
        self._number += 1
        began = time.monotonic()
        staff = self._application.staff
        asked = staff.post(REGISTER, _order(self._number)) if what == "write" else staff.post(READ)
        answer = await asked
        self.answers.append((began, time.monotonic(), what, answer))
        return answer

    @asynccontextmanager
    async def coming(self, *, each: int) -> AsyncIterator[None]:
        """So many of each at once, each asking again as soon as it was answered."""
        tasks = [asyncio.create_task(self._again_and_again(what)) for what in ("read", "write") for _ in range(each)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _again_and_again(self, what: str) -> None:
        while True:
            await self.ask(what)
            await asyncio.sleep(0.05)

    def refused(self) -> list[httpx.Response]:
        """The answers that were none."""
        return [answer for *_, answer in self.answers if not _is_good(answer)]


def _is_good(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and "errors" not in answer.json()


def _all_say_come_again(answers: list[httpx.Response]) -> None:
    """503, SERVICE_UNAVAILABLE and retryable: nothing was decided, and nothing is wrong with what was asked."""
    for answer in answers:
        [error] = answer.json()["errors"]
        assert answer.status_code == 503, answer.json()
        assert error["extensions"]["reason"] == "SERVICE_UNAVAILABLE"
        assert error["extensions"]["retryable"] is True


async def _until(met: Callable[[], Awaitable[bool]], seconds: float) -> float:
    """Wait until something is so; how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await met():
            await asyncio.sleep(0.05)
    return time.monotonic() - began


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
    town: Town, database_url: str
) -> None:
    """The connections that there are stay dead for as long as they are kept; new ones work."""
    async with (
        town.application(worker=True, live_doorbell=True, lease_seconds=6, stripe_timeout_seconds=5) as application,
        _admin(database_url) as admin,
    ):
        visitors = Visitors(application)
        await visitors.ask("write")
        async with visitors.coming(each=6):
            await _until(_many(visitors, 40), 20)
            began = time.monotonic()
            town.proxy.swallow(new_ones=False)

            async def all_served() -> bool:
                since = [answer for asked, _, _, answer in visitors.answers if asked > began + 2]
                return len(since) > 40 and all(_is_good(answer) for answer in since[-20:])

            took = await _until(all_served, 60)

        paid = await application.buyer.do(
            "createPayment", input={"orderId": await _some_order(application), **PAY}, key=key()
        )
        await _until(lambda: _none_open(admin), 10)
        ready = (await application.http.get("/readyz")).json()["checks"]["database"]["ok"]

    assert took < SERVED_AGAIN_SECONDS
    assert max(ended - asked for asked, ended, *_ in visitors.answers) < SERVED_AGAIN_SECONDS
    _all_say_come_again(visitors.refused())
    assert paid["payment"]["status"] == "SUCCEEDED"
    assert ready is True


async def test_a_database_in_the_dark_is_told_in_time_and_served_again_when_it_is_back(town: Town) -> None:
    """Nobody is met there for a while, by new connections either."""
    async with town.application(worker=True, live_doorbell=True) as application:
        visitors = Visitors(application)
        await visitors.ask("write")
        async with visitors.coming(each=3):
            await _until(_many(visitors, 20), 20)
            town.proxy.swallow(new_ones=True)
            await asyncio.sleep(DARK_SECONDS)
            told = visitors.refused()
            back = time.monotonic()
            town.proxy.pass_on()

            async def all_served() -> bool:
                since = [answer for asked, _, _, answer in visitors.answers if asked > back]
                return len(since) > 20 and all(_is_good(answer) for answer in since[-20:])

            took = await _until(all_served, 60)

    assert told  # while it was dark, not after
    assert took < SERVED_AGAIN_SECONDS
    assert max(ended - asked for asked, ended, *_ in visitors.answers) < ANSWER_SECONDS
    _all_say_come_again(visitors.refused())


async def test_a_database_that_only_reads_for_a_while_costs_no_connection_and_no_trace(
    town: Town, database_url: str
) -> None:
    """As in a switchover: sessions end, the next ones lead to a server that only reads, and then to one that writes."""
    name = database_url.split("@/")[1].split("?")[0]
    async with town.application(worker=True, lease_seconds=6) as application, _admin(database_url) as admin:
        visitors = Visitors(application)
        await visitors.ask("write")
        async with visitors.coming(each=4):
            await _until(_many(visitors, 20), 20)
            await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            await _end_sessions(admin)
            before = len(visitors.answers)
            await asyncio.sleep(ONLY_READS_SECONDS)
            meanwhile = visitors.answers[before:]
            readiness = await application.http.get("/readyz")
            await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            back = time.monotonic()

            async def all_served() -> bool:
                since = [answer for asked, _, _, answer in visitors.answers if asked > back]
                return len(since) > 20 and all(_is_good(answer) for answer in since[-20:])

            took = await _until(all_served, 60)
            ready = await _until(lambda: _is_ready(application), 20)
        paid = await application.buyer.do(
            "createPayment", input={"orderId": await _some_order(application), **PAY}, key=key()
        )
        await _until(lambda: _none_open(admin), 10)
        sessions = await admin.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_start < now() - $1 * interval '1 second'",
            time.monotonic() - back,
        )

    log = (town.folder / "application.log").read_text()
    assert [answer for *_, what, answer in meanwhile if what == "read" and _is_good(answer)]
    assert [answer for *_, what, answer in meanwhile if what == "write" and not _is_good(answer)]
    _all_say_come_again(visitors.refused())
    assert readiness.status_code == 503
    assert readiness.json()["checks"]["database"]["ok"] is False
    assert took < GOES_ON_SECONDS
    assert ready < GOES_ON_SECONDS
    assert paid["payment"]["status"] == "SUCCEEDED"
    assert sessions == []
    assert "Traceback" not in log
    assert log.count("worker.waiting") <= 10  # a line for each layer, not for each look of each lane


def _many(visitors: Visitors, number: int) -> Callable[[], Awaitable[bool]]:
    async def met() -> bool:
        return len(visitors.answers) >= number

    return met


async def _none_open(admin: asyncpg.Connection) -> bool:
    return await _open_operations(admin) == 0


async def _is_ready(application: Application) -> bool:
    checks = (await application.http.get("/readyz")).json()["checks"]
    return bool(checks["database"]["ok"])


async def _end_sessions(admin: asyncpg.Connection) -> None:
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def _some_order(application: Application) -> str:
    payload = await application.staff.do("registerOrder", **{**_order("last"), "key": key()})
    return str(payload["order"]["id"])
