"""The connection pool of this process: at most `size` connections, each lent to one task at a time, in turn.

asyncpg's own pool starts a task to take a connection and another one to return it, which costs as much again as a short
statement, and a task that returns a connection may take it again before the one that waits for it.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from math import inf
from typing import Any, Final, TypeVar

import asyncpg
import structlog

from database.errors import OF_THE_DRIVER, Session, session_after, unavailable
from database.keepalive import connect, keep_watched

log = structlog.get_logger(__name__)
T = TypeVar("T")

IDLE_SECONDS: Final = 300.0  # a connection that was idle for so long is closed
LIFE_SECONDS: Final = 3_600.0  # a server session's memory grows with its use; and a new address of the server is found
WATCH_SECONDS: Final = 1.0
# A statement without an answer for this long is checked; most take a hundredth of that.
SILENT_SECONDS: Final = 3.0
OPINION_SECONDS: Final = 2.0  # limits a new connection together with the check on it
# Where a new connection fails too, old ones without an answer are given up after this long.
DARK_SECONDS: Final = 5.0
# Sessions that wait for us while we wait for them are at the other end of a dead line. An answer that is under way
# arrives within the second.
WAITING_FOR_US: Final = """
SELECT pid FROM pg_stat_activity
WHERE pid = ANY($1) AND state LIKE 'idle%' AND state_change < clock_timestamp() - interval '1 second'
"""


class PooledConnection(asyncpg.Connection):
    """A connection of a pool, with the moments that decide how long it is kept.

    `waiting_since` is set while it waits for an answer; `fate` is the treatment that errors on it have caused.
    """

    made = 0.0
    returned = 0.0
    waiting_since: float | None = None
    fate = Session.KEPT
    _protocol: Any  # asyncpg's own pool reads it as well
    _top_xact: object

    def is_clean(self) -> bool:
        """Return True if nothing was left open on it. A cancelled BEGIN may begin a transaction all the same."""
        return not (self._top_xact is not None or self._protocol.is_in_transaction() or self._protocol._is_cancelling())

    # Every request to PostgreSQL goes through one of these three.

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        status: str = await self._await_answer(super().execute(query, *args, timeout=timeout))
        return status

    async def _execute(self, *args: Any, **more: Any) -> Any:
        return await self._await_answer(super()._execute(*args, **more))  # type: ignore[misc]  # the stubs leave it out

    async def _executemany(self, *args: Any, **more: Any) -> Any:
        return await self._await_answer(super()._executemany(*args, **more))  # type: ignore[misc]  # as above

    async def _await_answer(self, answer: Awaitable[T]) -> T:
        """Await an answer, note the moment of the request, and remember an error's meaning for the session."""
        before, self.waiting_since = self.waiting_since, time.monotonic()
        try:
            return await answer
        except Exception as error:
            self.fate = max(self.fate, session_after(error))
            raise
        finally:
            self.waiting_since = before


class Pool:
    """Connections made when they are needed, `size` at most. `acquire` waits at most `patience_seconds`, in turn.

    A borrower may leave only an open transaction or a cancelled statement on a connection; they are ended before the
    next borrower gets it. Session settings, cursors, listeners and advisory locks are not checked.

    A connection whose line is dead is terminated, so that its borrower waits no longer: when PostgreSQL, asked on
    another connection, says that the session waits for us; when PostgreSQL cannot be asked either; and after
    `longest_statement_seconds` in any case. A dead line, or a read-only server, counts against all connections that are
    open then: each is closed when it is returned.
    """

    def __init__(
        self, *, size: int, patience_seconds: float, longest_statement_seconds: float = inf, **address: Any
    ) -> None:
        self._address = address
        self._patience_seconds = patience_seconds
        self._longest_statement_seconds = longest_statement_seconds
        self._size = size
        self._free = asyncio.Semaphore(size)  # fair: the longest waiting is next
        self._idle: list[PooledConnection] = []  # a stack: the last one used has warm caches, and the others age
        self._open: set[PooledConnection] = set()
        self._resetting: set[asyncio.Task[None]] = set()
        self._checking: asyncio.Task[None] | None = None
        self._clock = asyncio.get_running_loop().time
        self._closing = False
        self._kept_since = -inf  # older connections are not kept
        self._refused: str | None = None  # the reason why the last connection could not be made
        self._sweep()
        self._watch()

    async def acquire(self, *, timeout: float | None = None) -> PooledConnection:
        """Lend a connection. Raises TimeoutError, and any error of making one."""
        self._refuse_when_closing()
        if self._idle and not self._free.locked():
            await self._free.acquire()  # does not wait
            if (connection := self._pop()) is not None:
                return connection
            self._free.release()
        async with asyncio.timeout(self._patience_seconds if timeout is None else timeout):
            await self._free.acquire()
            try:
                self._refuse_when_closing()
                return self._pop() or await self._connect()
            except BaseException:
                self._free.release()
                raise

    async def release(self, connection: PooledConnection) -> None:
        """Take a connection back, without waiting: a task ends what is left open on it."""
        if connection.is_closed() or connection.is_clean():
            self._put(connection)
        else:
            task = asyncio.create_task(self._reset(connection))
            self._resetting.add(task)
            task.add_done_callback(self._resetting.discard)

    def renew(self) -> None:
        """Keep no connection that is open now: those in use are closed when they are returned."""
        self._kept_since = self._clock()
        while self._idle:
            self._drop(self._idle.pop())

    def get_size(self) -> int:
        """Return the number of connections."""
        return len(self._open)

    def get_idle_size(self) -> int:
        """Return the number of idle connections."""
        return len(self._idle)

    async def close(self) -> None:
        """Close every connection when it is returned; further acquiring is refused."""
        self._closing = True
        for _ in range(self._size):
            await self._free.acquire()
        self._stop_timers()
        await asyncio.gather(*(connection.close() for connection in self._open))
        self._forget_all()

    def terminate(self) -> None:
        """Terminate every connection, even in use."""
        self._closing = True
        self._stop_timers()
        for connection in self._open:
            connection.terminate()
        self._forget_all()

    def _stop_timers(self) -> None:
        self._timer.cancel()
        self._watching.cancel()

    def _forget_all(self) -> None:
        self._idle.clear()
        self._open.clear()

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise asyncpg.InterfaceError("the pool is closing")

    def _pop(self) -> PooledConnection | None:
        """Return the connection that was used last, of those that are still open."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open.discard(connection)
        return None

    def _put(self, connection: PooledConnection) -> None:
        now = connection.returned = self._clock()
        if connection.fate is Session.ALL_DROPPED:
            self.renew()
        if (
            connection.is_closed()
            or connection.fate is not Session.KEPT
            or connection.made <= self._kept_since
            or now - connection.made > LIFE_SECONDS
        ):
            self._drop(connection)
        else:
            self._idle.append(connection)
        self._free.release()

    def _drop(self, connection: PooledConnection) -> None:
        self._open.discard(connection)
        connection.terminate()

    async def _connect(self) -> PooledConnection:
        began = self._clock()  # whatever is learnt about the server meanwhile counts for this connection too
        try:
            connection = await asyncpg.connect(**self._address, connection_class=PooledConnection)
            keep_watched(connection)
        except (*OF_THE_DRIVER, OSError) as error:
            trouble = unavailable(error, connecting=True)
            if trouble is None:
                raise
            self._tell_refusal(str(trouble))
            raise trouble from error
        self._refused = None
        connection.made = began
        self._open.add(connection)
        return connection

    def _tell_refusal(self, reason: str) -> None:
        """Log the reason for a failing connection once, and not for each task that asks for one."""
        if reason != self._refused:
            log.warning("database.not_connected", reason=reason)
        self._refused = reason

    async def _reset(self, connection: PooledConnection) -> None:
        """End what was left open or cut off, or else terminate the connection."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                await connection._protocol._wait_for_cancellation()
                await connection.reset()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError):
            connection.terminate()
        finally:
            self._put(connection)

    def _watch(self) -> None:
        """Check every second for statements that have waited long for an answer."""
        now = time.monotonic()
        silent = [
            one for one in self._open if one.waiting_since is not None and now - one.waiting_since > SILENT_SECONDS
        ]
        late = [one for one in silent if now - (one.waiting_since or now) > self._longest_statement_seconds]
        self._break_off(late, "too_long")
        if silent and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check(silent))
        self._watching = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._watch)

    async def _check(self, silent: Sequence[PooledConnection]) -> None:
        """Ask PostgreSQL, on another connection, which of these sessions wait for us, and terminate them."""
        since = {one: one.waiting_since for one in silent}
        try:
            async with asyncio.timeout(OPINION_SECONDS):
                apart = await connect(self._address)
                try:
                    rows = await apart.fetch(WAITING_FOR_US, [one.get_server_pid() for one in silent])
                finally:
                    apart.terminate()
        except OSError:  # nobody is reached there: a refusal would be an answer
            now = time.monotonic()
            dead = [one for one, moment in since.items() if moment is not None and now - moment > DARK_SECONDS]
        except OF_THE_DRIVER:
            return
        else:
            waiting = {row["pid"] for row in rows}
            dead = [one for one in silent if one.get_server_pid() in waiting]
        self._break_off([one for one in dead if one.waiting_since == since[one]], "line_dead")

    def _break_off(self, dead: Sequence[PooledConnection], reason: str) -> None:
        if not dead:
            return
        log.warning("database.connections_broken_off", reason=reason, connections=len(dead))
        for connection in dead:
            connection.terminate()
        self.renew()

    def _sweep(self) -> None:
        """Close the connections that have been idle for long, which lie at the bottom of the stack."""
        oldest = self._clock() - IDLE_SECONDS
        while self._idle and self._idle[0].returned < oldest:
            self._drop(self._idle.pop(0))
        self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS / 2, self._sweep)
