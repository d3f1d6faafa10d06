"""PostgreSQL's errors by their SQLSTATE class: those of an unavailable database, and the sessions to close."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import structlog
from tortoise import connections
from tortoise.exceptions import BaseORMException

from database import keepalive, reachability
from database.connection import (
    MIGRATION_LOCK,
    MigrationInProgress,
    close_database,
    is_read_only,
    migrate,
    open_database,
)
from database.errors import DatabaseConflict, reason_of, unavailable
from database.statements import query_rows
from database.transactions import DatabaseUnavailable, run_in_transaction
from models import Customer

LONG_ENOUGH: Final = 15  # seconds after which a test has hung
# PostgreSQL's own names: https://www.postgresql.org/docs/current/errcodes-appendix.html
KEPT = {
    "53100": "disk_full",
    "53200": "out_of_memory",
    "53400": "configuration_limit_exceeded",
    "28000": "invalid_authorization_specification",
    "28P01": "invalid_password",
    "57014": "query_canceled",
    "55P03": "lock_not_available",
}
DROPPED = {
    "08006": "connection_failure",
    "08P01": "protocol_violation",
    "57P01": "admin_shutdown",
    "57P04": "database_dropped",
    "58000": "system_error",
    "58030": "io_error",
    "58P01": "undefined_file",
    "XX000": "internal_error",
    "XX001": "data_corrupted",
    "26000": "invalid_sql_statement_name",
}
ALL_DROPPED = {"25006": "read_only_sql_transaction", "0A000": "feature_not_supported"}
CONFLICTS = {"40001": "serialization_failure", "40P01": "deadlock_detected"}
OURS = {"42P01": "undefined_table", "23505": "unique_violation", "22012": "division_by_zero", "42501": "insufficient"}


def _raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'a text that names db.internal' USING ERRCODE = '{state}'; END $$"


async def _statement(state: str) -> None:
    await query_rows(_raising(state))


async def _by_tortoise(state: str) -> None:
    client: Any = connections.get("default")
    await client.execute_query_dict(_raising(state))


async def _in_a_transaction(state: str) -> None:
    await run_in_transaction(lambda: query_rows(_raising(state)))


WAYS: Final = [_statement, _by_tortoise, _in_a_transaction]
Way = Callable[[str], Awaitable[None]]


def _pool() -> Any:
    client: Any = connections.get("default")
    return client._pool


async def _three_idle() -> set[Any]:
    """Return three idle connections."""
    await query_rows("SELECT 1")  # the pool is made for the first statement
    lent = [await _pool().acquire() for _ in range(3)]
    for connection in lent:
        await _pool().release(connection)
    return set(lent)


@pytest.mark.parametrize("way", WAYS)
async def test_what_the_database_cannot_do_now_is_unavailable(opened: str, way: Way) -> None:
    for state in [*KEPT, *DROPPED, *ALL_DROPPED, *CONFLICTS]:
        before = await _three_idle()

        with pytest.raises(DatabaseUnavailable) as caught:
            await way(state)

        left = len(before & _pool()._open)
        if state in KEPT or state in CONFLICTS:
            assert left == 3, state
        elif state in ALL_DROPPED:
            assert left == 0, state
        else:
            assert left < 3, state
        assert isinstance(caught.value, DatabaseConflict) == (state in CONFLICTS), state
        assert "db.internal" not in f"{caught.value} {caught.value!r}"
        assert await query_rows("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize("way", WAYS)
async def test_a_mistake_of_ours_is_no_outage(opened: str, way: Way) -> None:
    for state in OURS:
        with pytest.raises((BaseORMException, asyncpg.PostgresError)) as caught:
            await way(state)

        assert unavailable(caught.value) is None, state


async def test_a_session_that_only_reads_takes_all_others_with_it(opened: str, admin: asyncpg.Connection) -> None:
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await _three_idle()

    with pytest.raises(DatabaseUnavailable, match=r"^ReadOnlySQLTransactionError$"):
        await Customer.create(external_id="ada")
    was_read_only = await is_read_only()
    await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    is_over = await is_read_only()  # its connection was made before, and is not kept
    await Customer.create(external_id="ada")

    assert was_read_only is True
    assert is_over is False
    assert await Customer.all().count() == 1


# -- beginning a session -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _pooler(answer: bytes) -> AsyncIterator[str]:
    """Serve each startup one error, as a pooler does that does not know a parameter."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4_096)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    yield f"postgresql://app:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}/shop?sslmode=disable"
    server.close()
    await server.wait_closed()


def _error(state: bytes, text: bytes) -> bytes:
    fields = b"SFATAL\0VFATAL\0C" + state + b"\0M" + text + b"\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4) + fields


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (b"08P01", b"unsupported startup parameter: lock_timeout"),  # PgBouncer
        (b"08P01", b"unsupported startup parameter in options: lock_timeout"),
        (b"42704", b'unrecognized configuration parameter "lock_timeout"'),  # PostgreSQL
        (b"22023", b'invalid value for parameter "lock_timeout": "secret"'),
    ],
)
async def test_a_startup_parameter_that_is_refused_is_named(state: bytes, text: bytes) -> None:
    async with _pooler(_error(state, text)) as url:
        with pytest.raises(reachability.CannotUseDatabase) as refused:
            await reachability.find_missing_migrations(url)
        await open_database(url, pool_size=2, acquire_timeout=5)
        try:
            with structlog.testing.capture_logs() as logged, pytest.raises(DatabaseUnavailable) as caught:
                await query_rows("SELECT 1")
            with structlog.testing.capture_logs() as again, pytest.raises(DatabaseUnavailable):
                await query_rows("SELECT 1")
        finally:
            await close_database()

    assert "it refuses lock_timeout" in str(refused.value)
    assert str(caught.value).endswith(": lock_timeout is refused")
    assert [(line["event"], line["reason"]) for line in logged] == [("database.not_connected", str(caught.value))]
    assert again == []  # once is enough
    assert "secret" not in f"{refused.value} {caught.value}"


@pytest.mark.parametrize("text", ["db.internal is away", "unsupported startup parameter: db.internal:5432"])
def test_nothing_else_of_an_error_is_told(text: str) -> None:
    error = asyncpg.exceptions.ProtocolViolationError(text)

    assert "internal" not in reason_of(error)


# -- migrating -----------------------------------------------------------------------------------------------------


async def test_a_migration_waits_for_another_one_no_longer_than_it_says(
    database_url: str, admin: asyncpg.Connection
) -> None:
    """As behind a pooler that has kept the session of a client that died with the lock."""
    await admin.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    holder = await admin.fetchval("SELECT pg_backend_pid()")

    async with asyncio.timeout(LONG_ENOUGH):
        with pytest.raises(MigrationInProgress, match=f"process {holder} of PostgreSQL") as refused:
            await migrate(database_url, wait_seconds=0.3)
        await admin.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
    for _ in range(2):  # on a loop of its own: Tortoise's state belongs to the loop that opened it
        assert await asyncio.to_thread(asyncio.run, migrate(database_url)) == []

    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database"
    assert await admin.fetchval(f"{locks} WHERE datname = current_database())") == 0
    assert "0 seconds" in str(refused.value)


# -- keepalive ---------------------------------------------------------------------------------------------------------


async def test_a_line_over_a_network_is_watched_by_the_system(database_url: str) -> None:
    """In use or not, a peer that does not answer is given up after seconds; Linux waits a quarter of an hour."""
    parts = urlsplit(database_url)
    target = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
    relays: set[asyncio.Task[None]] = set()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onwards, back = await asyncio.open_unix_connection(target)
        for source, sink in ((reader, back), (onwards, writer)):
            relays.add(asyncio.create_task(_copy(source, sink)))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    url = f"postgresql://postgres@127.0.0.1:{server.sockets[0].getsockname()[1]}{parts.path}?sslmode=disable"
    await open_database(url, pool_size=2, acquire_timeout=5)
    try:
        await query_rows("SELECT 1")
        [connection] = _pool()._open
        line = connection._transport.get_extra_info("socket")
        found = {name: line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name, _ in _known_options()}
        keeps = line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    finally:
        await close_database()
        server.close()
        await asyncio.gather(*relays)

    assert keeps == 1
    assert found == dict(_known_options())
    assert keepalive.IDLE_SECONDS + keepalive.ASK_SECONDS * keepalive.ASK_TIMES < LONG_ENOUGH
    assert keepalive.UNHEARD_MILLISECONDS < LONG_ENOUGH * 1_000


def _known_options() -> list[tuple[str, int]]:
    return [(name, value) for name, value in keepalive.OPTIONS if hasattr(socket, name)]


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65_536):
        sink.write(chunk)
    sink.close()


def test_every_connection_of_the_application_is_made_so() -> None:
    """A connection made otherwise would wait for a quarter of an hour."""
    root = Path(keepalive.__file__).parent
    makers = {path.name for path in root.glob("*.py") if "asyncpg.connect(" in path.read_text()}

    assert makers == {"keepalive.py", "pool.py"}  # the pool has a class of its own, with keepalive too
    assert "keep_watched(connection)" in (root / "pool.py").read_text()
