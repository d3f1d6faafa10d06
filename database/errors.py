"""Errors of PostgreSQL and its driver, classified by SQLSTATE: the state of the database and of the session."""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import asyncpg
from tortoise.exceptions import DBConnectionError

# Every error that the driver raises; any other one is not the database's.
OF_THE_DRIVER: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was ended between two messages of one statement
    DBConnectionError,
    ConnectionError,
    TimeoutError,
)


class DatabaseUnavailable(Exception):
    """The database cannot be reached, or cannot work now. Nothing was decided; try again.

    `lost` says that another connection may work at once.
    """

    def __init__(self, reason: str, *, lost: bool) -> None:
        super().__init__(reason)
        self.lost = lost


class DatabaseConflict(DatabaseUnavailable):
    """PostgreSQL ended this transaction in favour of another: a deadlock, or a serialization failure."""


class Session(IntEnum):
    """The treatment of a session after an error on it."""

    KEPT = 0
    DROPPED = 1
    ALL_DROPPED = 2  # its server is to blame, so all open sessions are dropped


@dataclass(frozen=True, slots=True)
class Class:
    """The common properties of errors of one SQLSTATE class."""

    lost: bool
    session: Session = Session.KEPT
    conflict: bool = False


# By the longest prefix that fits. An error without an entry is a mistake of ours, or a broken constraint.
CLASSES: Final = {
    "08": Class(lost=True, session=Session.DROPPED),  # the connection
    # A missing feature: our statements work on a primary, so this server is none (or a plan is outdated).
    "0A": Class(lost=True, session=Session.ALL_DROPPED),
    "25006": Class(lost=False, session=Session.ALL_DROPPED),  # read-only: a primary that was demoted
    "25P03": Class(lost=True),  # a transaction was idle for too long, and PostgreSQL has closed the session
    "25P04": Class(lost=True),  # a transaction took too long; likewise
    "26": Class(lost=False, session=Session.DROPPED),  # no such prepared statement: a pooler's other session
    "28": Class(lost=False),  # the password or pg_hba.conf was changed
    "3D": Class(lost=True),  # the database is being recreated
    "40001": Class(lost=True, conflict=True),
    "40P01": Class(lost=True, conflict=True),
    "42P05": Class(lost=False, session=Session.DROPPED),  # the prepared statement exists already: as 26
    "53": Class(lost=False),  # no disk, no memory, a configured limit
    "53300": Class(lost=True),  # no free connection; one may be returned
    "55P03": Class(lost=False),  # another session has held a lock for too long
    "57014": Class(lost=False),  # the statement took too long, or was cancelled
    "57P": Class(lost=True, session=Session.DROPPED),  # going down, crashed, starting up, dropped
    "58": Class(lost=False, session=Session.DROPPED),  # the system below: I/O, a file
    "XX": Class(lost=False, session=Session.DROPPED),  # PostgreSQL's own fault, or corrupt data
}
LONGEST_CODE: Final = 5
LOST: Final = Class(lost=True, session=Session.DROPPED)
BUSY: Final = Class(lost=False)

# Messages of PostgreSQL and poolers about a session's parameter; only the parameter's name is taken from them.
_PARAMETER: Final = re.compile(
    r"(?:unsupported startup parameter(?:s? in options)?: |unrecognized configuration parameter \"|"
    r"invalid value for parameter \"|parameter \")([a-z_]{1,63})\b"
)


def unavailable(error: BaseException, *, connecting: bool = False) -> DatabaseUnavailable | None:
    """Translate an error into DatabaseUnavailable; None for an error that does not question the database.

    Any answer of PostgreSQL while a session begins counts: no statement of ours was sent yet.
    """
    if isinstance(error, DatabaseUnavailable):
        return error
    found = _class_of(error)
    if found is None:
        return DatabaseUnavailable(reason_of(error), lost=False) if connecting and _state(error) else None
    kind = DatabaseConflict if found.conflict else DatabaseUnavailable
    return kind(reason_of(error), lost=found.lost)


def session_after(error: BaseException) -> Session:
    """Return the treatment of the session on which this error occurred."""
    found = _class_of(error)
    return found.session if found is not None else Session.KEPT


def reason_of(error: BaseException) -> str:
    """Return an error's class, and the parameter that it names; its own text may contain hosts, and is left out."""
    parameter = refused_parameter(error)
    return f"{type(error).__name__}: {parameter} is refused" if parameter else type(error).__name__


def refused_parameter(error: BaseException) -> str | None:
    """Return the session parameter that the server, or a pooler before it, has refused."""
    found = _PARAMETER.search(str(error)) if _state(error) else None
    return found[1] if found else None


def _state(error: BaseException) -> str | None:
    state: str | None = getattr(error, "sqlstate", None)
    return state


def _class_of(error: BaseException) -> Class | None:
    if isinstance(error, asyncpg.PostgresError):
        state = _state(error) or ""
        prefixes = (state[:length] for length in range(LONGEST_CODE, 1, -1))
        return next((CLASSES[prefix] for prefix in prefixes if prefix in CLASSES), None)
    if isinstance(error, TimeoutError):  # an OSError too, so it comes first
        return BUSY
    if isinstance(error, (*OF_THE_DRIVER, OSError)):
        return LOST
    return None
