"""The embedded PostgreSQL is shared by its users, survives their deaths, and stops with the last one."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from database.connection import MIGRATIONS, parse_url
from database.embedded import FAST_AND_FORGETFUL, LONGEST_SOCKET_PATH, CannotStart, EmbeddedPostgres

ROOT: Final = Path(MIGRATIONS).parent
# A process that uses the server until its standard input ends, and then leaves it properly.
USER: Final = """
import sys
from pathlib import Path
from database.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """Make a folder that every user can enter, as a project's folder is; its servers are stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="pg-home-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    embedded = EmbeddedPostgres(home / ".paygraph", options=FAST_AND_FORGETFUL)
    yield embedded
    embedded.destroy()


async def _ask(url: str, statement: str) -> object:
    connection = await asyncpg.connect(**parse_url(url))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _born(url: str) -> object:
    """Return the start time of this server: another server would have another."""
    return await _ask(url, "SELECT pg_postmaster_start_time()")


async def _answers(url: str) -> bool:
    try:
        return await _ask(url, "SELECT 1") == 1
    except OSError:
        return False


@asynccontextmanager
async def _another_process(state_dir: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Start a second process that uses the server; returns its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, str(state_dir), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            await process.communicate(b"")  # ends its input, and so its use of the server


async def test_a_server_is_started_used_and_stopped(server: EmbeddedPostgres) -> None:
    with server as url:
        version = await _ask(url, "SHOW server_version_num")
        addresses = await _ask(url, "SHOW listen_addresses")

    assert int(str(version)) >= 140_000
    assert addresses == ""  # a socket only: its folder decides who may connect
    assert not await _answers(url)


async def test_what_was_written_is_there_after_a_stop(server: EmbeddedPostgres) -> None:
    with server as url:
        await _ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with server as url:
        assert await _ask(url, "SELECT answer FROM kept") == 42
        assert await _ask(url, "SHOW fsync") == "off"


async def test_two_in_one_process_share_until_both_have_left(server: EmbeddedPostgres, home: Path) -> None:
    second = EmbeddedPostgres(home / ".paygraph")
    url = server.start()
    again, other = server.start(), second.start()

    server.stop()
    after_one_left = await _answers(url)
    second.stop()

    assert url == again == other
    assert after_one_left
    assert not await _answers(url)


async def test_stopping_twice_is_stopping_once(server: EmbeddedPostgres, home: Path) -> None:
    second = EmbeddedPostgres(home / ".paygraph")
    server.start()
    url = second.start()

    server.stop()
    server.stop()

    assert await _answers(url)
    second.stop()


async def test_two_processes_share_until_both_have_left(server: EmbeddedPostgres, home: Path) -> None:
    url = server.start()
    born = await _born(url)

    async with _another_process(home / ".paygraph") as (_, other):
        assert other == url
        server.stop()
        after_one_left = await _born(url)

    assert after_one_left == born
    assert not await _answers(url)
    with server as url:
        assert await _answers(url)


async def test_a_killed_user_leaves_the_server_to_the_next_one(server: EmbeddedPostgres, home: Path) -> None:
    with server:
        pass
    async with _another_process(home / ".paygraph") as (process, url):
        born = await _born(url)
        process.send_signal(signal.SIGKILL)
        await process.wait()

    still_there = await _born(url)
    joined = await _born(server.start())
    server.stop()

    assert still_there == joined == born
    assert not await _answers(url)  # the dead are not counted as users


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks there whether a process is gone")
async def test_a_killed_server_comes_back_with_its_data(home: Path) -> None:
    server = EmbeddedPostgres(home / ".paygraph")
    url = server.start()
    await _ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    postmaster = int((server.folder / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    while Path(f"/proc/{postmaster}").exists():
        await asyncio.sleep(0.01)
    server.stop()

    with server as url:
        assert await _ask(url, "SELECT answer FROM kept") == 42


async def test_a_stale_process_number_of_somebody_else_is_not_taken_for_the_server(server: EmbeddedPostgres) -> None:
    """After a crash of the machine, or in the next container, the number belongs to another process."""
    with server:
        running = (server.folder / "postmaster.pid").read_text().splitlines()
    (server.folder / "postmaster.pid").write_text("\n".join([str(os.getpid()), *running[1:]]) + "\n")

    with server as url:
        assert await _answers(url)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("long-" * 40, id="long"),
        pytest.param("a folder of mine", id="spaces"),
        pytest.param("Zahlungen-für-Änne", id="letters"),
        pytest.param("100%25 'quoted' & $more", id="signs"),
    ],
)
async def test_any_folder_will_do(home: Path, name: str) -> None:
    embedded = EmbeddedPostgres(home / name / ".paygraph", options=FAST_AND_FORGETFUL)
    try:
        with embedded as url:
            assert await _answers(url)
            assert len(str(parse_url(url)["host"])) <= LONGEST_SOCKET_PATH
        with embedded as again:
            assert again == url
    finally:
        embedded.destroy()


async def test_a_database_with_any_name_has_an_address(server: EmbeddedPostgres) -> None:
    with server as url:
        await _ask(url, 'CREATE DATABASE "my shop/1"')

        assert await _ask(server.url("my shop/1"), "SELECT current_database()") == "my shop/1"


async def test_what_is_destroyed_is_gone_and_may_begin_again(server: EmbeddedPostgres) -> None:
    url = server.start()
    await _ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")

    server.destroy()
    server.destroy()

    assert not await _answers(url)
    assert not server.folder.exists()
    with server as url:
        assert await _ask(url, "SELECT to_regclass('kept')") is None


def test_a_stop_without_a_start_is_nothing(home: Path) -> None:
    EmbeddedPostgres(home).stop()

    assert list(home.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as somebody else")
async def test_a_private_folder_of_root_stays_private(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private = home / "root"
    private.mkdir(mode=0o700)
    embedded = EmbeddedPostgres(private / ".paygraph", options=FAST_AND_FORGETFUL)
    try:
        with embedded as url:
            assert await _answers(url)
    finally:
        embedded.destroy()

    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert not embedded.folder.is_relative_to(home)
    assert capsys.readouterr().err == f"Started as root: PostgreSQL keeps its data in {embedded.folder}.\n"
    shutil.rmtree(private)


async def test_a_folder_that_somebody_else_laid_out_is_not_used(tmp_path: Path) -> None:
    """The name is predictable, and where all may write another user may have put a configuration there."""
    embedded = EmbeddedPostgres(tmp_path / ("long-" * 40), options=FAST_AND_FORGETFUL)
    embedded.folder.symlink_to(tmp_path)
    try:
        with pytest.raises(PermissionError, match="belongs to somebody else"):
            embedded.start()
    finally:
        embedded.folder.unlink()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's folder")
async def test_another_users_folder_is_not_used(tmp_path: Path) -> None:
    embedded = EmbeddedPostgres(tmp_path / ("long-" * 40), options=FAST_AND_FORGETFUL)
    embedded.folder.mkdir()
    os.chown(embedded.folder, 65_534, 65_534)
    try:
        with pytest.raises(PermissionError, match="belongs to somebody else"):
            embedded.start()
        assert list(embedded.folder.iterdir()) == []
    finally:
        embedded.folder.rmdir()


def test_a_foreign_folder_is_neither_started_nor_destroyed(home: Path) -> None:
    """`PAYGRAPH_DIR=.` beside a user's own `postgres`."""
    foreign = home / "postgres"
    foreign.mkdir()
    (foreign / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(home, options=FAST_AND_FORGETFUL)

    with pytest.raises(CannotStart, match=r"^\S+/postgres was not made by Paygraph"):
        server.start()
    forgotten = server.destroy()

    assert not forgotten
    assert [path.name for path in home.rglob("*")] == ["postgres", "PG_VERSION"]


async def test_a_first_start_that_was_killed_begins_again(server: EmbeddedPostgres, home: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, str(home / ".paygraph"), cwd=ROOT, stdin=-1, stdout=-1, start_new_session=True
    )
    while not (server.folder / "PG_VERSION").exists():
        await asyncio.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    await process.communicate()

    with server as url:
        assert await _answers(url)


async def test_data_that_cannot_start_is_said_to_and_is_destroyed(server: EmbeddedPostgres) -> None:
    with server:
        pass
    (server.folder / "postgresql.auto.conf").write_text("port = 'not a number'\n")

    with pytest.raises(
        CannotStart, match=r"^PostgreSQL does not start in \S+/postgres; its file `log` there says why$"
    ):
        server.start()
    forgotten = server.destroy()

    assert forgotten
    assert not server.folder.exists()
