"""A proxy between an application and PostgreSQL that counts the messages and acts before the n-th one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

SYNC, QUERY, READY = b"S", b"Q", b"Z"
LETTING_IN = 10  # turns of the loop from accepting a connection to its handler, twice over


class DatabaseProxy:
    """A Unix socket that forwards to PostgreSQL's.

    Every Sync and every simple Query of the application counts as one step, over all its connections. Before the step
    `stop_at` is forwarded, `on_stop` is called and nothing more is forwarded: the process is dead by then. With
    `stops_after`, PostgreSQL executes the step first, and the application dies before it learns of it. With `goes_on`
    the step and its answer are still forwarded: the process is only frozen.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder = folder
        self.steps = 0
        self.armed = False
        self.stop_at: int | None = None
        self.stops_after = False
        self.goes_on = False
        self.on_stop: Callable[[], None] = lambda: None
        self.stopped = asyncio.Event()
        self.answered = asyncio.Event()  # PostgreSQL has answered since `goes_on` forwarded the step
        self._target = target
        self._path = folder / ".s.PGSQL.5432"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._swallowed: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._swallows_new = False

    async def __aenter__(self) -> "DatabaseProxy":
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Accept connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.start_unix_server(self._connected, str(self._path))

    def swallow(self, *, new_ones: bool) -> None:
        """Forward nothing any more, on the open connections and on `new_ones`, and break none.

        A swallowed connection stays dead for good, like one whose bytes a network has lost and not sent again.
        """
        self._swallowed |= self._open
        self._swallows_new = new_ones

    def pass_on(self) -> None:
        """Forward on new connections."""
        self._swallows_new = False

    async def lead_to(self, target: Path) -> None:
        """Break every connection, and forward new ones to another server's socket."""
        await self.down()
        self._target = target
        await self.up()

    def lead_new_ones_to(self, target: Path) -> None:
        """Forward new connections to another server's socket; the open ones stay where they are."""
        self._target = target

    @property
    def alive(self) -> int:
        """Count the connections that are forwarded."""
        return len(self._open - self._swallowed)

    async def down(self) -> None:
        """Break every connection and accept no more, like a database that is gone."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        self._path.unlink(missing_ok=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()
        for _ in range(LETTING_IN):  # a connection being accepted still comes to `_connected`, and is refused there
            await asyncio.sleep(0)

    async def _connected(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        if self._server is None:  # it was being accepted when the database went away
            answer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(answer)
        if self._swallows_new:
            self._swallowed.add(answer)
        try:
            server, send = await asyncio.open_unix_connection(str(self._target))
            back = asyncio.create_task(self._copy(server, answer))
            try:
                await self._forward(client, send, answer, lambda: _carried_out(server, back))
            finally:
                back.cancel()
                send.close()
                await asyncio.gather(back, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            answer.close()  # PostgreSQL may never have answered: it may be down
            self._tasks.discard(task)
            self._open.discard(answer)
            self._swallowed.discard(answer)

    async def _forward(
        self,
        client: asyncio.StreamReader,
        send: asyncio.StreamWriter,
        answer: asyncio.StreamWriter,
        carried_out: Callable[[], Awaitable[None]],
    ) -> None:
        length = await client.readexactly(4)
        startup = await client.readexactly(int.from_bytes(length) - 4)  # the startup message has no type
        if answer not in self._swallowed:
            send.write(length + startup)
        while True:
            kind = await client.readexactly(1)
            length = await client.readexactly(4)
            body = await client.readexactly(int.from_bytes(length) - 4)
            if answer in self._swallowed:
                continue
            if self.armed and kind in (SYNC, QUERY):
                self.steps += 1
                if self.steps == self.stop_at:
                    if self.stops_after:
                        send.write(kind + length + body)
                        await send.drain()
                        await carried_out()
                    self.on_stop()
                    self.stopped.set()
                    if not self.goes_on:
                        return
                    self.answered.clear()
            send.write(kind + length + body)
            await send.drain()

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65_536):
            self.answered.set()
            if target in self._swallowed:
                continue
            target.write(chunk)
            await target.drain()
        target.close()


async def _carried_out(server: asyncio.StreamReader, back: asyncio.Task[None]) -> None:
    """Wait until PostgreSQL is ready for the next query, and hide that from the application."""
    back.cancel()
    await asyncio.gather(back, return_exceptions=True)
    kind = b""
    while kind != READY:
        kind = await server.readexactly(1)
        await server.readexactly(int.from_bytes(await server.readexactly(4)) - 4)
