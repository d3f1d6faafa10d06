"""The state folder (PAYGRAPH_DIR): its users hold a lock, and only files that Paygraph made are ever deleted."""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from cli.failures import CannotRun
from database.embedded import EmbeddedPostgres
from server.offline_stripe import FILE
from settings import Settings

LOCK: Final = ".paygraph.lock"
SECRETS: Final = ("jwt_secret", "webhook_secret")
SECRET: Final = re.compile(r"[A-Za-z0-9_-]{64}", re.ASCII)  # as server/runtime.py makes them
STRIPE_FILES: Final = (FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal")
# The offline Stripe keeps each connected account in a file beside its own.
ACCOUNT_FILE: Final = re.compile(rf"{re.escape(FILE)}\.acct_[A-Za-z0-9]{{1,64}}(-wal|-shm|-journal)?", re.ASCII)
SQLITE: Final = b"SQLite format 3\x00"


def is_needed(settings: Settings) -> bool:
    """Return True when a process with these settings uses the state folder; one in production does not."""
    signs = settings.auth_jwt_secret is not None or settings.auth_jwks_url is not None
    return settings.database_url is None or settings.offline or not signs


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Hold a shared lock on the folder. The lock ends with the process, however that ends.

    Raises CannotRun for a folder that cannot be used.
    """
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(_locked(folder, fcntl.LOCK_SH))
        except OSError as error:
            raise CannotRun(f"PAYGRAPH_DIR: {folder} cannot be used: {error.strerror}.") from None
        yield


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on the folder. Raises CannotRun while another process uses it."""
    try:
        with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield
    except BlockingIOError:
        raise CannotRun(
            f"{folder} is in use: stop the demo, server or worker that runs on it first. Nothing was deleted."
        ) from None


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    path = folder / LOCK
    while True:
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, how)
            if not _is_still(path, held):  # a reset deleted it while this process waited
                folder.mkdir(parents=True, exist_ok=True)
                continue
            yield
            return
        finally:
            os.close(held)


def _is_still(path: Path, held: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(held))
    except FileNotFoundError:
        return False


def forget(folder: Path) -> bool:
    """Delete the files that Paygraph made, and the folder if nothing else is in it. Returns True if there were any.

    The caller must hold the lock of `alone`. A foreign file stays, even under a name of ours.
    """
    found = EmbeddedPostgres(folder).destroy()
    drafts = [path for name in SECRETS for path in folder.glob(f".{name}-????????")]  # of a killed process
    accounts = [path for path in folder.iterdir() if ACCOUNT_FILE.fullmatch(path.name)]
    for path in [*drafts, *accounts, *(folder / name for name in (*SECRETS, *STRIPE_FILES))]:
        if _is_ours(path):
            path.unlink()
            found = True
    (folder / LOCK).unlink()
    if folder.resolve() != Path.cwd():
        with suppress(OSError):  # other files are in it
            folder.rmdir()
    return found


def _is_ours(path: Path) -> bool:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
    except FileNotFoundError:
        return False
    if path.name.startswith(".") and path.stat().st_size == 0:
        return True
    if path.name.startswith(".") or path.name in SECRETS:
        return SECRET.fullmatch(path.read_text(errors="replace")) is not None
    account = ACCOUNT_FILE.fullmatch(path.name)
    if path.name == FILE or (account is not None and account[1] is None):
        with path.open("rb") as file:
            return file.read(len(SQLITE)) in (SQLITE, b"")  # SQLite writes nothing before the first table
    return path.name in STRIPE_FILES or account is not None
