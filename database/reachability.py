"""A check of the database before any work begins: a failure is explained in one sentence."""

import asyncio
import socket
import ssl
from typing import Any, Final

import asyncpg
from tortoise.exceptions import BaseORMException

from database.connection import SESSION, MigrationInProgress, list_migrations, migrate, parse_url
from database.errors import DatabaseUnavailable, refused_parameter
from database.keepalive import connect

CHECK_SECONDS: Final = 10.0  # a database that takes longer to accept a connection cannot serve requests


class CannotUseDatabase(Exception):
    """The database cannot be used; the text says why, and contains neither its address nor its password."""


async def find_missing_migrations(url: str) -> list[str]:
    """Connect once, and return the migrations that the database lacks. Raises CannotUseDatabase."""
    try:
        address = parse_url(url)
    except ValueError as error:
        raise CannotUseDatabase(str(error)) from None
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            applied = await _read_applied(address)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CannotUseDatabase(f"The database that DATABASE_URL names cannot be used: {explain(error)}") from None
    return [name for name in await list_migrations() if name not in applied]


async def bring_up_to_date(url: str) -> list[str]:
    """Apply the missing migrations and return their names. Raises CannotUseDatabase."""
    await find_missing_migrations(url)  # has the better message when there is no connection
    try:
        return await migrate(url)
    except MigrationInProgress as error:
        raise CannotUseDatabase(f"The database that DATABASE_URL names is being migrated: {error}.") from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException, DatabaseUnavailable) as error:
        reason = explain(error.__cause__ or error)
        raise CannotUseDatabase(f"The database that DATABASE_URL names could not be migrated: {reason}") from error


async def _read_applied(address: dict[str, Any]) -> set[str]:
    connection = await connect({**address, "server_settings": SESSION})
    try:
        if await connection.fetchval("SELECT to_regclass('aerich') IS NULL"):
            return set()
        return {row["version"] for row in await connection.fetch("SELECT version FROM aerich")}
    finally:
        connection.terminate()


def explain(error: BaseException) -> str:
    """Explain an error in our words; a driver's own text may contain hosts, users and passwords."""
    if (parameter := refused_parameter(error)) is not None:
        return (
            f"it refuses {parameter}, which each session of ours begins with. A pooler does so: name PostgreSQL itself."
        )
    for kinds, words in _REASONS:
        if isinstance(error, kinds):
            return words
    state = getattr(error, "sqlstate", None)
    if state:
        return f"PostgreSQL answered {type(error).__name__} ({state})."
    return "nothing can be reached there." if isinstance(error, OSError) else f"the driver said {type(error).__name__}."


_Kinds = tuple[type[BaseException], ...]
_REASONS: Final[tuple[tuple[_Kinds, str], ...]] = (  # the first that fits: TimeoutError and ssl's are OSErrors too
    ((TimeoutError,), f"no answer came within {CHECK_SECONDS:.0f} seconds."),
    ((socket.gaierror,), "the name of its host is not known."),
    ((ConnectionRefusedError,), "nothing listens at its address."),
    ((FileNotFoundError,), "there is no socket in the folder that it names as host."),
    ((ssl.SSLError,), "its TLS certificate is not trusted, or it speaks no TLS."),
    (
        (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidPasswordError),
        "its user or password was refused, or it wants TLS (sslmode=require).",
    ),
    ((asyncpg.InvalidCatalogNameError,), "there is no database of that name."),
    ((asyncpg.TooManyConnectionsError,), "it has no connection free."),
    ((asyncpg.CannotConnectNowError,), "it is starting up or shutting down."),
    ((asyncpg.InsufficientPrivilegeError,), "its user may not do that there."),
    ((asyncpg.ReadOnlySQLTransactionError,), "it can only be read at the moment."),
    ((asyncpg.ClientConfigurationError,), "its address lacks something that the driver needs."),
    ((ConnectionError, asyncpg.InterfaceError), "what answers there is no PostgreSQL, or it hung up."),
)
