"""A transaction runs to its end or not at all, whatever happens to its caller, its locks and its connection."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from tortoise.exceptions import IntegrityError

from database.connection import close_database, open_database
from database.statements import query_rows
from database.transactions import TRIES, DatabaseUnavailable, drain, finish, is_in_transaction, run_in_transaction
from models import Customer
from tests.crash.processes.proxy import DatabaseProxy

LONG_ENOUGH = 10  # seconds after which a test has hung


async def _names() -> list[str]:
    return [customer.external_id for customer in await Customer.all().order_by("external_id")]


async def _backend() -> int:
    return int((await query_rows("SELECT pg_backend_pid() AS pid"))[0]["pid"])


async def test_what_the_body_wrote_is_kept_and_its_answer_given(opened: str) -> None:
    async def body() -> int:
        await Customer.create(external_id="ada")
        return 42

    assert await run_in_transaction(body) == 42
    assert await _names() == ["ada"]


async def test_a_body_that_raises_leaves_nothing(opened: str) -> None:
    async def body() -> None:
        await Customer.create(external_id="ada")
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await run_in_transaction(body)

    assert await _names() == []


async def test_a_cancelled_caller_does_not_stop_the_body(opened: str) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> None:
        await Customer.create(external_id="first")
        inside.set()
        await go_on.wait()
        await Customer.create(external_id="second")

    caller = asyncio.create_task(run_in_transaction(body))
    await inside.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    before = await _names()
    go_on.set()

    assert await drain(LONG_ENOUGH) == 0
    assert before == []
    assert await _names() == ["first", "second"]


async def test_a_body_that_fails_after_its_caller_left_is_rolled_back_quietly(opened: str) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> None:
        await Customer.create(external_id="first")
        inside.set()
        await go_on.wait()
        raise LookupError("nobody hears this")

    caller = asyncio.create_task(run_in_transaction(body))
    await inside.wait()
    caller.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert await drain(LONG_ENOUGH) == 0
    assert await _names() == []


async def test_of_two_bodies_in_a_deadlock_both_finish(opened: str, admin: asyncpg.Connection) -> None:
    await admin.execute("ALTER ROLE postgres IN DATABASE " + urlsplit(opened).path[1:] + " SET deadlock_timeout = 50")
    for name in ("left", "right"):
        await Customer.create(external_id=name)
    both_hold_one = asyncio.Barrier(2)
    runs: list[str] = []

    def taking(first: str, second: str) -> Callable[[], Awaitable[None]]:
        async def body() -> None:
            runs.append(first)
            await Customer.filter(external_id=first).update(email=f"{first}-first@example.com")
            if runs.count(first) == 1:
                await both_hold_one.wait()
            await Customer.filter(external_id=second).update(email=f"{first}-first@example.com")

        return body

    async with asyncio.timeout(LONG_ENOUGH):
        await asyncio.gather(run_in_transaction(taking("left", "right")), run_in_transaction(taking("right", "left")))

    assert len(runs) == 3
    assert len({customer.email for customer in await Customer.all()}) == 1


async def test_of_two_bodies_that_cannot_be_serialized_both_finish(opened: str) -> None:
    both_have_read = asyncio.Barrier(2)
    runs: list[str] = []

    def counting(name: str) -> Callable[[], Awaitable[None]]:
        async def body() -> None:
            runs.append(name)
            await query_rows("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            seen = await Customer.all().count()
            if runs.count(name) == 1:
                await both_have_read.wait()
            await Customer.create(external_id=name, email=f"{seen}@example.com")

        return body

    async with asyncio.timeout(LONG_ENOUGH):
        await asyncio.gather(run_in_transaction(counting("ada")), run_in_transaction(counting("bob")))

    assert len(runs) == 3
    assert sorted(str(customer.email) for customer in await Customer.all()) == ["0@example.com", "1@example.com"]


async def test_a_conflict_that_never_ends_is_given_up(opened: str) -> None:
    runs = 0

    async def body() -> None:
        nonlocal runs
        runs += 1
        await query_rows("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$")

    with pytest.raises(DatabaseUnavailable, match=r"^SerializationError$"):
        await run_in_transaction(body)

    assert runs == TRIES


async def test_a_refusal_of_the_database_is_not_tried_again(opened: str) -> None:
    await Customer.create(external_id="ada")
    runs = 0

    async def body() -> None:
        nonlocal runs
        runs += 1
        await Customer.create(external_id="ada")

    with pytest.raises(IntegrityError):
        await run_in_transaction(body)

    assert runs == 1


async def test_a_lock_that_nobody_gets_is_not_waited_for_again(opened: str) -> None:
    """A caller that waited for the lock's whole timeout must not wait five times as long."""
    await Customer.create(external_id="ada")
    held, let_go = asyncio.Event(), asyncio.Event()
    runs = 0

    async def holder() -> None:
        await Customer.filter(external_id="ada").update(email="holder@example.com")
        held.set()
        await let_go.wait()

    async def body() -> None:
        nonlocal runs
        runs += 1
        await query_rows("SET LOCAL lock_timeout = 20")
        await Customer.filter(external_id="ada").update(email="body@example.com")

    holding = asyncio.create_task(run_in_transaction(holder))
    await held.wait()
    with pytest.raises(DatabaseUnavailable) as caught:
        await run_in_transaction(body)
    let_go.set()
    await holding

    assert (runs, caught.value.lost) == (1, False)
    assert (await Customer.get(external_id="ada")).email == "holder@example.com"


async def test_transactions_do_not_nest(opened: str) -> None:
    async def inner() -> None:
        await Customer.create(external_id="inner")

    async def body() -> None:
        await Customer.create(external_id="outer")
        await run_in_transaction(inner)

    with pytest.raises(RuntimeError, match="does not nest"):
        await run_in_transaction(body)

    assert await _names() == []


async def test_a_task_started_inside_does_not_nest_either(opened: str) -> None:
    async def inner() -> None:
        await Customer.create(external_id="inner")

    async def body() -> None:
        await asyncio.create_task(run_in_transaction(inner))

    with pytest.raises(RuntimeError, match="does not nest"):
        await run_in_transaction(body)

    assert await _names() == []


async def test_it_is_known_whether_a_transaction_runs(opened: str) -> None:
    async def body() -> bool:
        return is_in_transaction()

    assert (is_in_transaction(), await run_in_transaction(body), is_in_transaction()) == (False, True, False)


async def test_a_lost_connection_is_replaced_and_the_body_runs_again(opened: str, admin: asyncpg.Connection) -> None:
    backends: list[int] = []

    async def body() -> None:
        backends.append(await _backend())
        await Customer.create(external_id="ada")
        if len(backends) == 1:
            assert await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", backends[0])
        await Customer.create(external_id="bob")

    await run_in_transaction(body)

    assert len(set(backends)) == len(backends) == 2
    assert await _names() == ["ada", "bob"]


async def test_a_connection_lost_again_and_again_is_given_up(opened: str, admin: asyncpg.Connection) -> None:
    backends: list[int] = []

    async def body() -> None:
        backends.append(await _backend())
        await Customer.create(external_id="ada")
        assert await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", backends[-1])

    with pytest.raises(DatabaseUnavailable) as caught:
        await run_in_transaction(body)

    assert len(set(backends)) == len(backends) == TRIES
    assert caught.value.lost
    assert await _names() == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_the_connection_may_break_before_and_after_any_message(database_url: str, after: bool) -> None:
    """The body is there exactly once wherever it happens: at BEGIN, in between, and at COMMIT."""
    steps = 0

    while await _breaking_at(database_url, steps + 1, after=after):
        steps += 1

    assert steps == 3  # BEGIN, the statement, COMMIT; and nothing when the connection goes back


async def _breaking_at(database_url: str, step: int, *, after: bool) -> bool:
    """Return True when the transaction has a message number `step`, which broke the connection."""
    parts = urlsplit(database_url)
    target = Path(parse_qs(parts.query)["host"][0]) / ".s.PGSQL.5432"
    name = f"step-{step}"

    async def body() -> None:
        await query_rows(
            "INSERT INTO customer (id, external_id, created_at, updated_at)"
            " VALUES (gen_random_uuid(), $1, now(), now()) ON CONFLICT (external_id) DO NOTHING",
            [name],
        )

    with TemporaryDirectory(prefix="pg-break-") as folder:
        async with DatabaseProxy(Path(folder), target) as proxy:
            url = f"postgresql://postgres@{parts.path}?host={folder}"
            await open_database(url, pool_size=2, acquire_timeout=2)
            try:
                await query_rows("SELECT 1")
                proxy.stop_at, proxy.stops_after, proxy.armed = step, after, True
                async with asyncio.timeout(LONG_ENOUGH):
                    await run_in_transaction(body)
                proxy.armed = False
                assert (await _names()).count(name) == 1, f"broken before message {step}"
            finally:
                await proxy.down()
                await close_database()
        return proxy.stopped.is_set()


async def test_work_is_finished_though_its_caller_is_gone() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def work() -> None:
        begun.set()
        await go_on.wait()
        done.append("work")

    caller = asyncio.create_task(finish(work()))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    left_too_early = await drain(0.01)
    go_on.set()

    assert left_too_early == 1
    assert await drain(LONG_ENOUGH) == 0
    assert done == ["work"]


async def test_finish_gives_what_the_work_gives() -> None:
    async def answer(value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    assert await finish(answer("yes")) == "yes"
    with pytest.raises(LookupError):
        await finish(answer(LookupError()))
    assert await drain(0) == 0


async def test_drain_also_waits_for_what_begins_meanwhile() -> None:
    """A caller that is still there goes from one transaction to the next."""
    first, second = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def part(go_on: asyncio.Event, name: str) -> None:
        await go_on.wait()
        done.append(name)

    async def caller() -> None:
        await finish(part(first, "first"))
        asyncio.get_running_loop().call_soon(second.set)
        await finish(part(second, "second"))

    calling = asyncio.create_task(caller())
    asyncio.get_running_loop().call_later(0.01, first.set)
    await asyncio.sleep(0)

    assert await drain(LONG_ENOUGH) == 0
    assert done == ["first", "second"]
    await calling
