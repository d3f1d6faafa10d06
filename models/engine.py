"""The Tortoise engine: asyncpg with a pool that does not wait for ever and cannot leak a connection.

The stock engine loses a connection for good when a task is cancelled between taking it and beginning its transaction,
and waits without end for a free one. Tortoise's setting `engine` names this module; it needs only `client_class`.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

import asyncpg
from asyncpg.pool import PoolAcquireContext
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError, TransactionManagementError

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


MOST_STATEMENTS: Final = 50_000  # of one connection, which is then made anew


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


class PlainConnection(asyncpg.Connection):
    """A connection on which nobody leaves anything: no session settings, cursors, listeners or advisory locks.

    So there is nothing to reset when it goes back to the pool, which would be a round trip each time. A transaction
    that was left open is still rolled back.
    """

    def get_reset_query(self) -> str:
        return ""


class PatientPool(asyncpg.Pool):
    """A pool whose `acquire` gives up after `patience_seconds`."""

    patience_seconds: float = 5.0

    def acquire(self, *, timeout: float | None = None) -> PoolAcquireContext:
        return super().acquire(timeout=self.patience_seconds if timeout is None else timeout)

    async def _acquire(self, timeout: float | None) -> Any:
        """A timer only where there is something to wait for: no connection free, or one to be made."""
        free = self._queue._queue  # type: ignore[attr-defined]  # asyncpg's stubs leave out what is private
        is_ready = free and free[-1].is_connected()
        return await super()._acquire(None if is_ready else timeout)  # type: ignore[misc]  # as above

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:
        """A task, which a cancelled caller cannot stop, only where there is something to wait for."""
        held = connection._con
        if held is None or not _is_at_rest(held):
            await super().release(connection, timeout=timeout)
            return
        held._on_release()
        await connection._holder.release(None)


def _is_at_rest(connection: asyncpg.Connection) -> bool:
    """Whether nothing has to be ended before somebody else takes the connection."""
    protocol = connection._protocol  # type: ignore[attr-defined]  # as above
    is_spent = protocol.queries_count >= MOST_STATEMENTS
    return not (connection.is_closed() or connection.is_in_transaction() or protocol._is_cancelling() or is_spent)


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

    async def create_pool(self, **settings: Any) -> asyncpg.Pool:
        patience = float(settings.pop("acquire_timeout", PatientPool.patience_seconds))
        pool = PatientPool(
            max_queries=MOST_STATEMENTS,
            max_inactive_connection_lifetime=300.0,
            record_class=asyncpg.Record,
            **{**settings, "connection_class": PlainConnection},
        )
        pool.patience_seconds = patience
        opened = await pool
        assert opened is not None
        return opened

    def _in_transaction(self) -> TransactionContext:
        return SafeTransaction(SafeTransactionClient(self), self._pool_init_lock)

    async def _translate_exceptions(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await _translated(super()._translate_exceptions, func, *args, **kwargs)


async def fetched(client: AsyncpgDBClient, statement: str, values: Sequence[Any]) -> list[asyncpg.Record]:
    """The rows of a statement, without Tortoise's layers and with its errors."""
    try:
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


async def _translated(translate: Callable[..., Any], func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return await translate(func, *args, **kwargs)
    except (*LOST, *BUSY, OSError) as error:
        raise unavailable(error) from error


client_class = SafeClient
