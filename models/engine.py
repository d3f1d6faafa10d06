"""The Tortoise engine: asyncpg with a pool (models/pool.py) that does not wait for ever and cannot leak a connection.

The stock engine loses a connection for good when a task is cancelled between taking it and beginning its transaction,
and waits without end for a free one. Tortoise's setting `engine` names this module; it needs only `client_class`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError, TransactionManagementError

from models.pool import Pool

# The server went away, or the connection did.
LOST: Final = (
    asyncpg.exceptions.PostgresConnectionError,
    asyncpg.exceptions.InterfaceError,
    asyncpg.exceptions.InternalClientError,  # a connection that was ended between two messages of one statement
    asyncpg.exceptions.AdminShutdownError,
    asyncpg.exceptions.CrashShutdownError,
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.TooManyConnectionsError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    asyncpg.exceptions.InvalidCatalogNameError,
    DBConnectionError,
    ConnectionError,
)
# It is there, and too busy: no connection free, a lock held too long, a statement that took too long.
BUSY: Final = (asyncpg.exceptions.LockNotAvailableError, asyncpg.exceptions.QueryCanceledError, TimeoutError)
NOT_OF_THE_ADDRESS: Final = frozenset({"min_size", "max_size", "acquire_timeout", "connection_class", "loop"})


class DatabaseUnavailable(Exception):
    """The database cannot be reached, is shutting down, or has no connection free. Nothing was decided; try again.

    `lost` says that the connection broke, so that another one may do better at once.
    """

    def __init__(self, reason: str, *, lost: bool) -> None:
        super().__init__(reason)
        self.lost = lost


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """The same trouble in our words; the text of a driver's error stays behind, it may name hosts."""
    return DatabaseUnavailable(type(error).__name__, lost=isinstance(error, (*LOST, OSError)) and not _busy(error))


def _busy(error: BaseException) -> bool:
    return isinstance(error, BUSY)  # TimeoutError is an OSError too


class SafeTransaction(TransactionContextPooled):
    """Takes a connection and begins; whatever interrupts that, the connection goes back."""

    async def __aenter__(self) -> TransactionalDBClient:
        try:
            await self.ensure_connection()
            parent = self.client._parent
            connection = await parent._pool.acquire()
        except (*LOST, *BUSY, OSError) as error:
            raise unavailable(error) from error
        try:
            self.client._connection = connection
            await self.client.begin()
        except BaseException:
            await parent._pool.release(connection)
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit or roll back, and give the connection back; one that breaks on its way back changes no outcome."""
        client = self.client
        try:
            if client._finalized:
                return
            if kind is None:
                await client.commit()
            elif kind is not TransactionManagementError:  # PostgreSQL has ended that one already
                await client.rollback()
        finally:
            get_connections().reset(self.token)
            with suppress(*LOST, OSError):  # the pool throws the broken one away and makes another
                await client._parent._pool.release(client._connection)


class SafeTransactionClient(TransactionWrapper):
    """A connection inside a transaction, whose failures speak our words."""

    async def _translate_exceptions(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await _translated(super()._translate_exceptions, func, *args, **kwargs)


class SafeClient(AsyncpgDBClient):
    """asyncpg for Tortoise, with our pool and our transactions."""

    async def create_pool(self, **settings: Any) -> Any:  # Tortoise asks for no more than `Pool` has
        address = {name: value for name, value in settings.items() if name not in NOT_OF_THE_ADDRESS}
        return Pool(size=settings["max_size"], patience_seconds=settings.get("acquire_timeout", 5.0), **address)

    def _in_transaction(self) -> TransactionContext:
        return SafeTransaction(SafeTransactionClient(self), self._pool_init_lock)

    async def _translate_exceptions(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await _translated(super()._translate_exceptions, func, *args, **kwargs)


async def fetched(client: AsyncpgDBClient, statement: str, values: Sequence[Any]) -> list[asyncpg.Record]:
    """The rows of a statement, without Tortoise's layers and with its errors."""
    try:
        if isinstance(client, SafeClient) and isinstance(client._pool, Pool):
            return await _by_pool(client._pool, statement, values)
        async with client.acquire_connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(statement, *values)
            return found
    except (*LOST, *BUSY, OSError) as error:
        raise unavailable(error) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(error) from error
    except (asyncpg.SyntaxOrAccessError, asyncpg.exceptions.DataError) as error:
        raise OperationalError(error) from error
    except asyncpg.InvalidTransactionStateError as error:
        raise TransactionManagementError(error) from error


async def _by_pool(pool: Pool, statement: str, values: Sequence[Any]) -> list[asyncpg.Record]:
    """As Tortoise would, without its wrapper around a connection that is lent for one statement."""
    connection = await pool.acquire()
    try:
        found: list[asyncpg.Record] = await connection.fetch(statement, *values)
        return found
    finally:
        await pool.release(connection)


async def _translated(translate: Callable[..., Any], func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return await translate(func, *args, **kwargs)
    except (*LOST, *BUSY, OSError) as error:
        raise unavailable(error) from error


client_class = SafeClient
