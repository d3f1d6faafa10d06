"""A connection is lent to one task at a time, in turn, and comes back clean."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError, OperationalError

from database import pool
from database.connection import parse_url
from database.pool import Pool
from database.statements import fetch, query_rows
from database.transactions import DatabaseUnavailable, run_in_transaction
from models import Customer

SIZE: Final = 3
LONG_ENOUGH: Final = 15  # seconds after which a test has hung


@pytest.fixture
async def small(database_url: str) -> AsyncIterator[Pool]:
    opened = Pool(size=SIZE, patience_seconds=LONG_ENOUGH, **parse_url(database_url))
    yield opened
    opened.terminate()


async def test_no_more_connections_are_made_than_allowed_and_each_is_lent_once(small: Pool) -> None:
    lent: set[Any] = set()
    most, all_are_lent = 0, asyncio.Event()

    async def work() -> None:
        nonlocal most
        connection = await small.acquire()
        assert connection not in lent
        lent.add(connection)
        most = max(most, len(lent))
        if most == SIZE:
            all_are_lent.set()
        await all_are_lent.wait()
        await connection.fetch("SELECT 1")
        lent.remove(connection)
        await small.release(connection)

    async with asyncio.timeout(20):
        await asyncio.gather(*(work() for _ in range(100)))

    assert most == SIZE
    assert small.get_size() == small.get_idle_size() == SIZE


async def test_who_waits_longest_is_next_and_nobody_takes_back_at_once_what_he_gave(small: Pool) -> None:
    lent = [await small.acquire() for _ in range(SIZE)]
    order: list[int] = []

    async def take(number: int) -> None:
        connection = await small.acquire()
        order.append(number)
        await small.release(connection)

    waiting = [asyncio.create_task(take(number)) for number in range(10)]
    await asyncio.sleep(0)
    await small.release(lent.pop())
    await take(10)  # acquires without a turn of the loop between
    await asyncio.gather(*waiting)

    assert order == list(range(11))


async def test_who_stops_waiting_takes_nothing(small: Pool) -> None:
    lent = [await small.acquire() for _ in range(SIZE)]
    waiting = [asyncio.create_task(small.acquire()) for _ in range(4)]
    await asyncio.sleep(0)
    for connection in lent:
        await small.release(connection)
    for task in waiting:  # three of them have just got one, and have not run yet
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    async with asyncio.timeout(LONG_ENOUGH):
        assert len({await small.acquire() for _ in range(SIZE)}) == SIZE


async def test_a_begin_cut_off_at_any_moment_leaves_no_transaction_for_the_next_one(small: Pool) -> None:
    for moment in range(12):
        connection = await small.acquire()
        task = asyncio.ensure_future(connection.transaction().start())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await small.release(connection)

        lent = [await small.acquire() for _ in range(SIZE)]
        for each in lent:
            await each.execute("SELECT 1")
            assert not each.is_in_transaction(), moment
            await small.release(each)


async def test_nobody_gets_a_connection_whose_last_statement_is_still_being_cancelled(small: Pool) -> None:
    connection = await small.acquire()
    task = asyncio.ensure_future(connection.execute("SELECT pg_sleep(60)"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await small.release(connection)

    another = await small.acquire()

    assert another is not connection
    assert await another.fetchval("SELECT 1") == 1


async def test_a_connection_the_server_ended_is_replaced(small: Pool, admin: asyncpg.Connection) -> None:
    connection = await small.acquire()
    await small.release(connection)
    await admin.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
    while not connection.is_closed():
        await asyncio.sleep(0)

    another = await small.acquire()

    assert another is not connection
    assert await another.fetchval("SELECT 1") == 1
    assert small.get_size() == 1


async def test_a_connection_unused_for_long_is_closed_and_an_old_one_is_not_lent_again(small: Pool) -> None:
    unused, used = await small.acquire(), await small.acquire()
    await small.release(unused)
    await small.release(used)
    unused.returned -= pool.IDLE_SECONDS + 1
    small._timer.cancel()
    small._sweep()

    assert unused.is_closed()
    assert await small.acquire() is used

    used.made -= pool.LIFE_SECONDS + 1
    await small.release(used)

    assert used.is_closed()
    assert small.get_size() == small.get_idle_size() == 0


async def test_closing_waits_for_the_work_in_hand_and_refuses_the_next(small: Pool) -> None:
    connection = await small.acquire()
    closing = asyncio.create_task(small.close())
    await asyncio.sleep(0)

    with pytest.raises(asyncpg.InterfaceError):
        await small.acquire()
    assert await connection.fetchval("SELECT 1") == 1
    assert not closing.done()
    await small.release(connection)
    await closing

    assert connection.is_closed()


async def test_who_waits_while_the_pool_closes_is_refused(small: Pool) -> None:
    lent = [await small.acquire() for _ in range(SIZE)]
    waiting = asyncio.create_task(small.acquire())
    await asyncio.sleep(0)
    closing = asyncio.create_task(small.close())
    await asyncio.sleep(0)
    for connection in lent:
        await small.release(connection)

    with pytest.raises(asyncpg.InterfaceError):
        await waiting
    async with asyncio.timeout(LONG_ENOUGH):
        await closing


async def test_fetch_reads_what_the_running_transaction_wrote_and_nobody_else_does(opened: str) -> None:
    seen: list[int] = []

    async def count() -> int:
        return int((await fetch("SELECT count(*) FROM customer WHERE external_id = $1", "ada"))[0][0])

    async def undone() -> None:
        await Customer.create(external_id="ada")
        seen.append(await count())
        raise LookupError

    with pytest.raises(LookupError):
        await run_in_transaction(undone)

    assert seen == [1]
    assert await count() == 0


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELEC 1", OperationalError),
        ("SELECT 1/0", OperationalError),
        ("INSERT INTO customer (external_id) VALUES (NULL)", IntegrityError),
        ("SELECT pg_terminate_backend(pg_backend_pid())", DatabaseUnavailable),
        ("SELECT pg_cancel_backend(pg_backend_pid())", DatabaseUnavailable),
    ],
)
async def test_a_statement_fails_alike_inside_a_transaction_and_outside(
    opened: str, statement: str, error: type[Exception]
) -> None:
    said: list[type[Exception]] = []

    async def body() -> None:
        await query_rows(statement)

    async def inside() -> None:
        await run_in_transaction(body)

    for work in (body, inside):
        with pytest.raises(error) as caught:
            await work()
        said.append(type(caught.value))

    assert said == [error, error]
