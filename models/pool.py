"""The connections of this process: at most so many, each lent to one piece of work at a time, in turn.

asyncpg's own pool starts a task to take a connection and another to give it back, which cost as much again as a short
statement itself, and who gives one back may take it again before the one who waits for it.
"""

import asyncio
from typing import Any, Final

import asyncpg

IDLE_SECONDS: Final = 300.0  # what nobody needed for so long is given back to the server
LIFE_SECONDS: Final = 3_600.0  # a session of the server's grows with what it has seen; and a new address is found


class Connection(asyncpg.Connection):
    """A connection of a pool, with the moments that decide how long it is kept."""

    made = 0.0
    returned = 0.0
    _protocol: Any  # what asyncpg's own pool looks at as well
    _top_xact: object

    def is_clean(self) -> bool:
        """Whether nothing was left open on it. A BEGIN that was cancelled may begin a transaction all the same."""
        return not (self._top_xact is not None or self._protocol.is_in_transaction() or self._protocol._is_cancelling())


class Pool:
    """Connections made when they are needed, `size` at most. `acquire` waits at most `patience_seconds`, in turn.

    Nobody leaves anything on a connection but an open transaction or a cancelled statement, and those are ended
    before another one gets it. Settings of the session, cursors, listeners and advisory locks are not looked for.
    """

    def __init__(self, *, size: int, patience_seconds: float, **address: Any) -> None:
        self._address = address
        self._patience_seconds = patience_seconds
        self._size = size
        self._free = asyncio.Semaphore(size)  # fair: who waits longest is next
        self._idle: list[Connection] = []  # the last one used is the next: its caches are warm, and the others age
        self._open: set[Connection] = set()
        self._mending: set[asyncio.Task[None]] = set()
        self._clock = asyncio.get_running_loop().time
        self._closing = False
        self._sweep()

    async def acquire(self, *, timeout: float | None = None) -> Connection:
        """Lend a connection. Raises TimeoutError, and whatever keeps one from being made."""
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

    async def release(self, connection: Connection) -> None:
        """Take a connection back. It does not wait: what is left on it is ended behind the caller's back."""
        if connection.is_clean() or connection.is_closed():
            self._put(connection)
        else:
            task = asyncio.create_task(self._mend(connection))
            self._mending.add(task)
            task.add_done_callback(self._mending.discard)

    def get_size(self) -> int:
        """How many connections there are."""
        return len(self._open)

    def get_idle_size(self) -> int:
        """How many of them nobody uses."""
        return len(self._idle)

    async def close(self) -> None:
        """Close every connection when its work is done. Who asks for another one is refused."""
        self._closing = True
        for _ in range(self._size):
            await self._free.acquire()
        self._timer.cancel()
        await asyncio.gather(*(connection.close() for connection in self._open))
        self._forget_all()

    def terminate(self) -> None:
        """Break off every connection, whoever uses it."""
        self._closing = True
        self._timer.cancel()
        for connection in self._open:
            connection.terminate()
        self._forget_all()

    def _forget_all(self) -> None:
        self._idle.clear()
        self._open.clear()

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise asyncpg.InterfaceError("the pool is closing")

    def _pop(self) -> Connection | None:
        """The connection that was used last, of those that are still alive."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._open.discard(connection)
        return None

    def _put(self, connection: Connection) -> None:
        now = connection.returned = self._clock()
        if connection.is_closed() or now - connection.made > LIFE_SECONDS:
            self._drop(connection)
        else:
            self._idle.append(connection)
        self._free.release()

    def _drop(self, connection: Connection) -> None:
        self._open.discard(connection)
        connection.terminate()

    async def _connect(self) -> Connection:
        connection = await asyncpg.connect(**self._address, connection_class=Connection)
        connection.made = self._clock()
        self._open.add(connection)
        return connection

    async def _mend(self, connection: Connection) -> None:
        """End what was left open or cut off, or else the connection."""
        try:
            async with asyncio.timeout(self._patience_seconds):
                await connection._protocol._wait_for_cancellation()
                await connection.reset()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError):
            connection.terminate()
        finally:
            self._put(connection)

    def _sweep(self) -> None:
        """Close what has not been used for long: it lies at the bottom."""
        oldest = self._clock() - IDLE_SECONDS
        while self._idle and self._idle[0].returned < oldest:
            self._drop(self._idle.pop(0))
        self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS / 2, self._sweep)
