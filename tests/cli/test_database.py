"""An unusable database: every command says why in one sentence, without its password, and begins nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from cli.command_line import COMMANDS
from database.connection import list_migrations, parse_url
from database.embedded import EmbeddedPostgres
from tests.cli.commands import Ended, free_port, run

PASSWORD: Final = "hunter2-hunter2"
WITHOUT: Final = {"sandbox", "token", "schema", "reset", "compare-stripe"}  # these need no database
ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {"replay": ("--dead",), "adopt": ("pi_1",)}
USE: Final = sorted(set(COMMANDS) - WITHOUT)
CANNOT: Final = "The database that DATABASE_URL names cannot be used: "


async def _all(url: str, state: Path, *, but: frozenset[str] = frozenset()) -> dict[str, Ended]:
    """Run every command that needs a database, at once, each on a port of its own."""
    names = [name for name in USE if name not in but]
    environment = {"DATABASE_URL": url, "PAYGRAPH_DIR": str(state)}
    ended = await asyncio.gather(
        *(run(name, *ARGUMENTS.get(name, ()), PORT=str(free_port()), **environment) for name in names)
    )
    return dict(zip(names, ended, strict=True))


def _assert_each_says(sentence: str, ended: Mapping[str, Ended]) -> None:
    assert {name: (one.code, one.err) for name, one in ended.items()} == dict.fromkeys(ended, (2, f"{sentence}\n"))
    assert PASSWORD not in "".join(one.out for one in ended.values())


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"mysql://ada:{PASSWORD}@db/shop", "DATABASE_URL must begin with postgresql://"),
        (f"postgresql://ada:{PASSWORD}@db:port/shop", "DATABASE_URL has a port that is not a number"),
        (
            f"postgresql://ada:{PASSWORD}@[db/shop",
            "DATABASE_URL is not an address: write special characters of a password as %XX",
        ),
    ],
    ids=["scheme", "port", "address"],
)
async def test_a_malformed_address_is_refused(url: str, sentence: str, home: Path) -> None:
    _assert_each_says(sentence, await _all(url, home))


async def test_an_address_where_nothing_listens_is_refused(home: Path) -> None:
    url = f"postgresql://ada:{PASSWORD}@127.0.0.1:{free_port()}/shop"

    _assert_each_says(f"{CANNOT}nothing listens at its address.", await _all(url, home))


async def test_a_database_that_nobody_made_is_refused(postgres: EmbeddedPostgres, home: Path) -> None:
    url = postgres.url("nobody_made_this")

    _assert_each_says(f"{CANNOT}there is no database of that name.", await _all(url, home))


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("no.such.host.invalid", "the name of its host is not known."),
        ("%2Fno%2Fsuch%2Ffolder", "there is no socket in the folder that it names as host."),
    ],
)
async def test_a_host_that_is_not_there_is_refused(host: str, sentence: str, home: Path) -> None:
    url = f"postgresql://ada:{PASSWORD}@{host}/shop"

    ended = await run("migrate", DATABASE_URL=url, PAYGRAPH_DIR=str(home))

    assert (ended.code, ended.err) == (2, f"{CANNOT}{sentence}\n")


@asynccontextmanager
async def _stranger(answer: bytes) -> AsyncIterator[int]:
    """Serve something that is no PostgreSQL: it sends this answer and disconnects."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, family=socket.AF_INET)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silence", "http"])
async def test_something_that_is_no_postgresql_is_refused(answer: bytes, home: Path) -> None:
    async with _stranger(answer) as port:
        url = f"postgresql://ada:{PASSWORD}@127.0.0.1:{port}/shop"

        ended = await run("worker", DATABASE_URL=url, PAYGRAPH_DIR=str(home))

    assert (ended.code, ended.says_one_sentence()) == (2, True), ended.err
    assert ended.err.startswith(CANNOT)
    assert PASSWORD not in ended.err


async def test_an_unmigrated_database_is_refused_by_all_but_migrate(postgres: EmbeddedPostgres, home: Path) -> None:
    """The worker too: it would fail at every tick, for ever."""
    admin = await asyncpg.connect(**parse_url(postgres.url("postgres")))
    first, *others = await list_migrations()
    sentence = f"The database lacks {first} and {len(others)} more: run `python -m cli migrate` first."
    await admin.execute('CREATE DATABASE "unmigrated"')
    try:
        url = postgres.url("unmigrated")

        _assert_each_says(sentence, await _all(url, home, but=frozenset({"migrate"})))
        migrated = await run("migrate", DATABASE_URL=url, PAYGRAPH_DIR=str(home))
        again = await run("migrate", DATABASE_URL=url, PAYGRAPH_DIR=str(home))
        verified = await run("verify-audit", DATABASE_URL=url, PAYGRAPH_DIR=str(home))
    finally:
        await admin.execute('DROP DATABASE "unmigrated" WITH (FORCE)')
        await admin.close()

    assert (migrated.code, migrated.out.split()) == (0, [first, *others])
    assert (again.code, again.out) == (0, "The database is up to date.\n")
    assert (verified.code, verified.out) == (0, "0 chains, 0 events, 0 broken.\n")


async def test_a_user_who_may_not_migrate_is_told_so(postgres: EmbeddedPostgres, home: Path) -> None:
    admin = await asyncpg.connect(**parse_url(postgres.url("postgres")))
    await admin.execute('CREATE DATABASE "forbidden"')
    await admin.execute("CREATE ROLE reader LOGIN")
    try:
        url = postgres.url("forbidden").replace("postgres@", "reader@")

        ended = await run("migrate", DATABASE_URL=url, PAYGRAPH_DIR=str(home))
    finally:
        await admin.execute('DROP DATABASE "forbidden" WITH (FORCE)')
        await admin.execute("DROP ROLE reader")
        await admin.close()

    reason = "The database that DATABASE_URL names could not be migrated: its user may not do that there."
    assert (ended.code, ended.err) == (2, f"{reason}\n")
