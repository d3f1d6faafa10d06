"""Transactions that are never torn: each runs in a task of its own, which a cancelled caller cannot stop."""

import asyncio
import contextvars
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog
from tortoise.transactions import in_transaction

from database.errors import OF_THE_DRIVER, DatabaseConflict, DatabaseUnavailable, unavailable

__all__ = [
    "CONFLICTS",
    "DatabaseUnavailable",
    "after_commit",
    "drain",
    "finish",
    "is_in_transaction",
    "run_as_one_statement",
    "run_in_transaction",
]

log = structlog.get_logger(__name__)
T = TypeVar("T")

TRIES: Final = 5
CONFLICTS: Final = (DatabaseConflict,)

_in_transaction: contextvars.ContextVar[bool] = contextvars.ContextVar("is_in_transaction", default=False)
_after_commit: contextvars.ContextVar[list[Callable[[], None]]] = contextvars.ContextVar("after_commit")
_running: set[asyncio.Task[Any]] = set()


async def run_in_transaction(body: Callable[[], Awaitable[T]], *, patient: bool = False) -> T:
    """Run `body` in one transaction, to its end, even when the caller is cancelled meanwhile.

    The whole body runs again after a deadlock, a serialization failure or a lost connection, so it must not keep
    anything from an earlier run. A connection lost during COMMIT leaves the outcome open: a body that runs twice must
    have the effect of one run, or be refused by a constraint. With `patient` it also waits again for a free connection,
    for facts that must be written. Raises DatabaseUnavailable, and every error of the body. Does not nest.
    """
    if _in_transaction.get():
        raise RuntimeError("run_in_transaction() does not nest: the outer transaction is already one")
    return await finish(_run_with_retries(body, patient=patient))


async def run_as_one_statement(body: Callable[[], Awaitable[T]]) -> T:
    """Run `body`, which writes by one statement outside of any transaction; `after_commit` calls follow it."""
    calls: list[Callable[[], None]] = []
    token = _after_commit.set(calls)
    try:
        result = await body()
    finally:
        _after_commit.reset(token)
    for call in calls:
        call()
    return result


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end in a task of its own, even when the caller is cancelled meanwhile."""
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_forget)
    return await asyncio.shield(task)


def is_in_transaction() -> bool:
    """Return True inside a transaction of `run_in_transaction`."""
    return _in_transaction.get()


def after_commit(call: Callable[[], None]) -> None:
    """Call this once the running transaction has committed; never when it does not.

    The transaction is one of `run_in_transaction` or `run_as_one_statement`. `call` must not raise, because the
    transaction cannot be undone. If the answer to COMMIT is lost, it is not called.
    """
    _after_commit.get().append(call)


async def drain(seconds: float) -> int:
    """Wait for work whose callers are gone; return the number of tasks still running after `seconds`."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    await asyncio.sleep(0)  # a task that was created just now is counted from its first step on
    while _running and (left := end - clock()) > 0:  # a task that ends may be followed by its caller's next one
        await asyncio.wait(set(_running), timeout=left)
    return len(_running)


def _forget(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled():
        task.exception()  # marks it as retrieved: the caller who would raise it may be gone


async def _run_with_retries(body: Callable[[], Awaitable[T]], *, patient: bool) -> T:
    _in_transaction.set(True)  # in this task's own context: the caller's is untouched
    attempt = 1
    while True:
        calls: list[Callable[[], None]] = []
        _after_commit.set(calls)  # each try has its own: calls of an aborted one are dropped
        try:
            async with in_transaction():
                result = await body()
        except (DatabaseUnavailable, *OF_THE_DRIVER) as error:
            trouble = unavailable(error)
            if trouble is None:
                raise
            if attempt == TRIES or not (patient or trouble.lost):
                raise trouble from error
            if attempt == 1:  # the later failures have one cause
                log.warning("database.retry", reason=str(trouble))
        else:
            for call in calls:
                call()
            return result
        await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, not a secret
        attempt += 1
