"""Units of work: the writes of an operation, passed to every function that takes part in it.

Under locks each write is sent at once, because later code in the transaction may read it. Without locks all writes are
collected and sent as one statement, which writes nothing if somebody has changed the rows that they rest on.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from database.statements import ConcurrentModification, Write, each_row_once, write, write_if_found
from database.transactions import run_in_transaction

T = TypeVar("T")


class UnitOfWork:
    """The writes of one transaction, which holds the locks of the rows that they rest on."""

    async def write(self, *writes: Write) -> None:
        """Write several rows by one statement.

        Each row may be written once: of two changes of one row in a statement PostgreSQL keeps only one.
        """
        await write(*writes)


class OptimisticUnitOfWork(UnitOfWork):
    """The writes of a transaction that is one statement, on rows as they were read without a lock."""

    def __init__(self) -> None:
        self._writes: list[Write] = []

    async def write(self, *writes: Write) -> None:
        """Keep these writes for `commit_if_unchanged`."""
        self._writes += writes

    async def commit_if_unchanged(self, condition: str, values: Sequence[Any]) -> None:
        """Write everything and commit.

        `condition` is a query with `values` that finds and locks a row while nobody has changed the rows that the
        writes rest on. Raises ConcurrentModification when it finds none: nothing was written.
        """
        if not await write_if_found(condition, values, each_row_once(self._writes)):
            raise ConcurrentModification


async def transact(body: Callable[[UnitOfWork], Awaitable[T]], *, patient: bool = False) -> T:
    """Run `body` in one transaction, with its unit of work, as `database.transactions.run_in_transaction` does."""
    work = UnitOfWork()
    return await run_in_transaction(lambda: body(work), patient=patient)
