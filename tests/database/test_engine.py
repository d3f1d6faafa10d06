"""The engine never waits for ever and never loses a connection; Tortoise's own does both, as shown here."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from tortoise import Tortoise, connections
from tortoise.transactions import in_transaction

from database.connection import SESSION, close_database, open_database, tortoise_config
from database.statements import query_rows
from database.transactions import DatabaseUnavailable, drain, run_in_transaction
from models import Customer

POOL: Final = 5
CANCELLATIONS: Final = 300
LONG_ENOUGH: Final = 15  # seconds after which a test has hung
Transaction = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


async def _one_row() -> None:
    await query_rows("SELECT 1")


async def _bare_transaction(body: Callable[[], Awaitable[None]]) -> None:
    async with in_transaction():
        await body()


@asynccontextmanager
async def _database(url: str, engine: str) -> AsyncIterator[None]:
    """Open the tables at `url`, by our engine or by another one."""
    config = tortoise_config(url, pool_size=POOL)
    if engine != "database.engine":
        config["connections"]["default"]["engine"] = engine
        for ours in ("acquire_timeout", "longest_statement_seconds"):
            config["connections"]["default"]["credentials"].pop(ours)
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        yield
    finally:
        _pool().terminate()  # a pool that leaked never closes
        await close_database()


def _pool() -> Any:
    return connections.get("default")._pool


async def _usable() -> int:
    """Count the pool's connections that can still be acquired."""
    taken: list[Any] = []
    try:
        while len(taken) <= POOL:
            taken.append(await _pool().acquire(timeout=0.5))
    except TimeoutError:
        pass
    for connection in taken:
        await _pool().release(connection)
    return len(taken)


async def _cancel_again_and_again(transaction: Transaction) -> int:
    """Run transactions and cancel each at another moment of its life; returns the number that were cut off."""
    chance = random.Random(300)  # noqa: S311 - no secret
    life = max([await _turns(transaction) for _ in range(10)])
    cut_off = 0
    for _ in range(CANCELLATIONS):
        task = asyncio.ensure_future(transaction(_one_row))
        for _ in range(chance.randrange(life)):
            await asyncio.sleep(0)
        task.cancel()
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        cut_off += isinstance(outcome, asyncio.CancelledError)
        if await _is_empty():
            break
    await drain(LONG_ENOUGH)
    return cut_off


async def _turns(transaction: Transaction) -> int:
    """Count the turns of the loop while a transaction runs: the moments at which it can be cancelled."""
    task = asyncio.ensure_future(transaction(_one_row))
    turns = 1
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    return turns


async def _is_empty() -> bool:
    """Return True when another acquire would wait for ever."""
    return _pool() is not None and _pool().get_size() == POOL and _pool().get_idle_size() == 0 and await _usable() == 0


@pytest.mark.parametrize(
    ("engine", "transaction", "leaks"),
    [
        pytest.param("database.engine", run_in_transaction, False, id="ours, as it is used"),
        pytest.param("database.engine", _bare_transaction, False, id="ours, even when it is torn"),
        pytest.param("tortoise.backends.asyncpg", _bare_transaction, True, id="the stock one leaks"),
    ],
)
async def test_cancelled_transactions_cost_no_connection(
    database_url: str, engine: str, transaction: Transaction, leaks: bool
) -> None:
    async with _database(database_url, engine), asyncio.timeout(LONG_ENOUGH * 2):
        await _one_row()
        cut_off = await _cancel_again_and_again(transaction)
        usable = await _usable()

    assert cut_off > 0
    assert usable < POOL if leaks else usable == POOL


async def test_a_transaction_cancelled_while_it_commits_gives_its_connection_back(opened: str) -> None:
    """Cancelled at every moment, one after the other; its writes are there or not, and never half."""
    await _one_row()
    for moment in range(60):
        task = asyncio.ensure_future(_bare_transaction(_two_customers(moment)))
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    names = [customer.external_id for customer in await Customer.all()]
    assert {name.removesuffix("a") for name in names if name.endswith("a")} == {
        name.removesuffix("b") for name in names if name.endswith("b")
    }
    assert await _usable() == POOL


def _two_customers(number: int) -> Callable[[], Awaitable[None]]:
    async def body() -> None:
        await Customer.create(external_id=f"{number}a")
        await Customer.create(external_id=f"{number}b")

    return body


@asynccontextmanager
async def _all_taken() -> AsyncIterator[None]:
    """Hold every connection of the pool inside a transaction."""
    inside, let_go = asyncio.Semaphore(0), asyncio.Event()

    async def body() -> None:
        await _one_row()
        inside.release()
        await let_go.wait()

    holders = [asyncio.create_task(run_in_transaction(body)) for _ in range(POOL)]
    for _ in holders:
        await inside.acquire()
    try:
        yield
    finally:
        let_go.set()
        await asyncio.gather(*holders)


async def _transaction() -> None:
    await run_in_transaction(_one_row)


async def _queryset() -> None:
    await Customer.all()


async def _insert() -> None:
    await Customer.create(external_id="ada")


async def _many() -> None:
    await Customer.bulk_create([Customer(external_id="ada")])


EVERY_WAY: Final = [_transaction, _one_row, _queryset, _insert, _many]


@pytest.mark.parametrize("work", EVERY_WAY)
async def test_without_a_free_connection_work_is_refused_in_time(opened: str, work: Callable[[], Any]) -> None:
    clock = asyncio.get_running_loop().time

    async with _all_taken(), asyncio.timeout(LONG_ENOUGH):
        began = clock()
        with pytest.raises(DatabaseUnavailable, match=r"^TimeoutError$") as caught:
            await work()
        waited = clock() - began
    await work()

    assert not caught.value.lost  # somebody else's turn: trying again at once would make it worse
    assert 0.25 < waited < 10
    assert await _usable() == POOL


async def test_many_who_wait_are_refused_together(opened: str) -> None:
    clock = asyncio.get_running_loop().time

    async with _all_taken():
        began = clock()
        outcomes = await asyncio.gather(*(_one_row() for _ in range(50)), return_exceptions=True)
        waited = clock() - began

    assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
    assert waited < 10
    assert await _usable() == POOL


@asynccontextmanager
async def _silent_server() -> AsyncIterator[str]:
    """Serve connections without ever answering."""
    gone = asyncio.Event()

    async def silence(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield f"postgresql://app:secret@127.0.0.1:{port}/shop?sslmode=disable"
    gone.set()
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def _nobody_there() -> AsyncIterator[str]:
    """Return an address where nothing listens."""
    async with _silent_server() as url:
        pass
    yield url


@pytest.mark.parametrize("where", [_silent_server, _nobody_there])
@pytest.mark.parametrize("work", EVERY_WAY)
async def test_a_server_out_of_reach_is_unavailable_in_time(where: Any, work: Callable[[], Any]) -> None:
    clock = asyncio.get_running_loop().time

    async with where() as url:
        await open_database(url, pool_size=2, acquire_timeout=0.1)
        try:
            began = clock()
            outcomes = await asyncio.gather(*(work() for _ in range(4)), return_exceptions=True)
            waited = clock() - began
        finally:
            await close_database()

    assert {type(outcome) for outcome in outcomes} == {DatabaseUnavailable}
    assert waited < 10
    for outcome in outcomes:
        assert "secret" not in f"{outcome} {outcome!r}"
        assert "127.0.0.1" not in f"{outcome} {outcome!r}"


@pytest.mark.parametrize("work", EVERY_WAY)
async def test_a_missing_folder_or_database_is_unavailable(
    database_url: str, tmp_path: Path, work: Callable[[], Any]
) -> None:
    for url in (f"postgresql://postgres@/shop?host={tmp_path}", database_url.replace("@/test_", "@/gone_")):
        await open_database(url, pool_size=2, acquire_timeout=1)
        try:
            with pytest.raises(DatabaseUnavailable) as caught:
                await work()
        finally:
            await close_database()

        assert caught.value.lost


async def test_a_read_whose_server_goes_away_is_unavailable(opened: str, admin: asyncpg.Connection) -> None:
    reading = asyncio.create_task(query_rows("SELECT pg_sleep(60)"))
    while not await admin.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'"
    ):
        await asyncio.sleep(0)

    with pytest.raises(DatabaseUnavailable) as caught:
        await reading

    assert caught.value.lost
    await _one_row()
    assert await _usable() == POOL


async def test_a_statement_run_wild_is_stopped(opened: str) -> None:
    async def body() -> None:
        await query_rows("SET LOCAL statement_timeout = 20")
        await query_rows("SELECT pg_sleep(60)")

    with pytest.raises(DatabaseUnavailable, match=r"^QueryCanceledError$") as caught:
        await run_in_transaction(body)

    assert not caught.value.lost
    assert await _usable() == POOL


async def test_every_connection_has_its_limits(opened: str) -> None:
    for name, value in SESSION.items():
        assert await query_rows(f"SELECT current_setting('{name}') AS value") == [{"value": value}]
