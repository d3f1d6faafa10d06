"""The Tortoise engine: asyncpg with a pool (database/pool.py) that limits waiting and cannot leak a connection.

The stock engine loses a connection for good when a task is cancelled between taking it and beginning its transaction,
and waits without end for a free one. Tortoise's setting `engine` names this module; it needs only `client_class`.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Any, Final

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError

from database.errors import OF_THE_DRIVER, unavailable
from database.pool import Pool

NOT_OF_THE_ADDRESS: Final = frozenset(
    {"min_size", "max_size", "acquire_timeout", "longest_statement_seconds", "connection_class", "loop"}
)


class SafeTransaction(TransactionContextPooled):
    """Takes a connection and begins a transaction; if that is interrupted, the connection returns to the pool."""

    async def __aenter__(self) -> TransactionalDBClient:
        try:
            await self.ensure_connection()
            parent = self.client._parent
            connection = await parent._pool.acquire()
        except (*OF_THE_DRIVER, OSError) as error:
            _raise_ours(error)
            raise
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
        """Commit or roll back, and return the connection; one that breaks on its return changes no outcome."""
        client = self.client
        try:
            if client._finalized:
                return
            if kind is None:
                await _commit(client)
            elif kind is not TransactionManagementError:  # PostgreSQL has ended the transaction already
                with suppress(*OF_THE_DRIVER):  # the earlier error is the one to be raised
                    await client.rollback()
        finally:
            get_connections().reset(self.token)
            with suppress(*OF_THE_DRIVER):  # the pool replaces a broken connection
                await client._parent._pool.release(client._connection)


async def _commit(client: TransactionalDBClient) -> None:
    try:
        await client.commit()
    except OF_THE_DRIVER as error:
        _raise_ours(error)
        raise


class SafeTransactionClient(TransactionWrapper):
    """A connection inside a transaction, whose errors are translated into ours."""

    async def _translate_exceptions(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await _translate_errors(func(self, *args, **kwargs))


class SafeClient(AsyncpgDBClient):
    """asyncpg for Tortoise, with our pool and our transactions."""

    async def create_pool(self, **settings: Any) -> Any:  # Tortoise needs no more than `Pool` has
        address = {name: value for name, value in settings.items() if name not in NOT_OF_THE_ADDRESS}
        return Pool(
            size=settings["max_size"],
            patience_seconds=settings.get("acquire_timeout", 5.0),
            longest_statement_seconds=settings.get("longest_statement_seconds", inf),
            **address,
        )

    def _in_transaction(self) -> TransactionContext:
        return SafeTransaction(SafeTransactionClient(self), self._pool_init_lock)

    async def _translate_exceptions(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await _translate_errors(func(self, *args, **kwargs))


async def fetch_by_client(client: AsyncpgDBClient, statement: str, values: Sequence[Any]) -> list[asyncpg.Record]:
    """Fetch the rows of a statement, without Tortoise's layers but with its errors."""
    try:
        if isinstance(client, SafeClient) and isinstance(client._pool, Pool):
            return await _fetch_by_pool(client._pool, statement, values)
        async with client.acquire_connection() as connection:
            found: list[asyncpg.Record] = await connection.fetch(statement, *values)
            return found
    except (*OF_THE_DRIVER, OSError) as error:
        _raise_ours(error)
        raise


async def _fetch_by_pool(pool: Pool, statement: str, values: Sequence[Any]) -> list[asyncpg.Record]:
    """Fetch by a pooled connection, without Tortoise's wrapper around it."""
    connection = await pool.acquire()
    try:
        found: list[asyncpg.Record] = await connection.fetch(statement, *values)
        return found
    finally:
        await pool.release(connection)


async def _translate_errors(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except (*OF_THE_DRIVER, OSError) as error:
        _raise_ours(error)
        raise


def _raise_ours(error: BaseException) -> None:
    """Raise our error for a driver's error; return when there is none."""
    if (ours := _ours(error)) is not None:
        raise ours from error


def _ours(error: BaseException) -> Exception | None:
    """Translate a driver's error into DatabaseUnavailable, by its SQLSTATE, or into Tortoise's; None if neither fits.

    The class comes first: to asyncpg, a read-only database is an invalid transaction state.
    """
    if (trouble := unavailable(error)) is not None:
        return trouble
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return IntegrityError(error)
    if isinstance(error, (asyncpg.SyntaxOrAccessError, asyncpg.exceptions.DataError)):
        return OperationalError(error)
    if isinstance(error, asyncpg.InvalidTransactionStateError):
        return TransactionManagementError(error)
    return None


client_class = SafeClient
