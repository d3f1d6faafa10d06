"""What an error of PostgreSQL or its driver says about the database and the session, by its SQLSTATE's class."""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import asyncpg
from tortoise.exceptions import DBConnectionError

# Everything that a driver raises; whatever else passes through is not the database's.
OF_THE_DRIVER: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was ended between two messages of one statement
    DBConnectionError,
    ConnectionError,
    TimeoutError,
)


class DatabaseUnavailable(Exception):
    """The database cannot be reached, or cannot do now what it is there for. Nothing was decided; try again.

    `lost` says that another connection may do better at once.
    """

    def __init__(self, reason: str, *, lost: bool) -> None:
        super().__init__(reason)
        self.lost = lost


class DatabaseConflict(DatabaseUnavailable):
    """PostgreSQL ended this work in favour of another's: a deadlock, or a serialization failure."""


class Session(IntEnum):
    """What is to become of the session that an error was met on."""

    KEPT = 0
    DROPPED = 1
    ALL_DROPPED = 2  # its server is to blame, and all that are open lead there


@dataclass(frozen=True, slots=True)
class Class:
    """What errors of one class have in common."""

    lost: bool
    session: Session = Session.KEPT
    conflict: bool = False


# By the longest beginning that fits. What stands here not at all is a mistake of ours, or a rule that was broken.
CLASSES: Final = {
    "08": Class(lost=True, session=Session.DROPPED),  # the connection
    # A feature that is missing: our statements were tried on a primary, so this is none (or a plan that is outdated).
    "0A": Class(lost=True, session=Session.ALL_DROPPED),
    "25006": Class(lost=False, session=Session.ALL_DROPPED),  # it only reads: a primary that was demoted
    "25P03": Class(lost=True),  # a transaction was idle for too long; PostgreSQL has hung up
    "25P04": Class(lost=True),  # a transaction took too long; likewise
    "26": Class(lost=False, session=Session.DROPPED),  # no such prepared statement: a pooler's other session
    "28": Class(lost=False),  # the password was changed, or the rules of who may come in
    "3D": Class(lost=True),  # the database is being made anew
    "40001": Class(lost=True, conflict=True),
    "40P01": Class(lost=True, conflict=True),
    "42P05": Class(lost=False, session=Session.DROPPED),  # there is one already: as 26
    "53": Class(lost=False),  # no disk, no memory, a limit that is set
    "53300": Class(lost=True),  # no connection; one may be given back
    "55P03": Class(lost=False),  # a lock held too long by somebody else
    "57014": Class(lost=False),  # the statement took too long, or somebody cancelled it
    "57P": Class(lost=True, session=Session.DROPPED),  # going down, crashed, starting up, dropped
    "58": Class(lost=False, session=Session.DROPPED),  # the system under it: I/O, a file
    "XX": Class(lost=False, session=Session.DROPPED),  # PostgreSQL's own fault, or data that is broken
}
LONGEST_CODE: Final = 5
LOST: Final = Class(lost=True, session=Session.DROPPED)
BUSY: Final = Class(lost=False)

# What PostgreSQL and poolers say of a parameter that we send when a session begins; only its name is taken from there.
_PARAMETER: Final = re.compile(
    r"(?:unsupported startup parameter(?:s? in options)?: |unrecognized configuration parameter \"|"
    r"invalid value for parameter \"|parameter \")([a-z_]{1,63})\b"
)


def unavailable(error: BaseException, *, connecting: bool = False) -> DatabaseUnavailable | None:
    """The same trouble in our words; None for an error that says nothing against the database.

    Whatever PostgreSQL answers while a session begins is trouble: nothing of ours was asked yet.
    """
    if isinstance(error, DatabaseUnavailable):
        return error
    found = _class_of(error)
    if found is None:
        return DatabaseUnavailable(reason_of(error), lost=False) if connecting and _state(error) else None
    kind = DatabaseConflict if found.conflict else DatabaseUnavailable
    return kind(reason_of(error), lost=found.lost)


def session_after(error: BaseException) -> Session:
    """What is to become of the session that this error was met on."""
    found = _class_of(error)
    return found.session if found is not None else Session.KEPT


def reason_of(error: BaseException) -> str:
    """The kind of an error, and the parameter that it complains of; its own text stays behind, it may name hosts."""
    parameter = refused_parameter(error)
    return f"{type(error).__name__}: {parameter} is refused" if parameter else type(error).__name__


def refused_parameter(error: BaseException) -> str | None:
    """The parameter of a new session that the server, or a pooler before it, did not take."""
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
