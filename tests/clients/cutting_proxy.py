"""A proxy between a client and the application that cuts connections, or changes what passes."""

import asyncio
from collections.abc import Callable
from typing import Literal

Direction = Literal["request", "answer"]


class CuttingProxy:
    """Forwards bytes on loopback until `after_bytes` of a direction have passed, then cuts that connection, once.

    `target` may be set to another port for the connections to come, and `edit` changes each piece of an answer.
    """

    def __init__(self, port: int, direction: Direction | None = None, after_bytes: int = 0) -> None:
        self.port = 0
        self.target = port
        self.on_cut: Callable[[], None] = lambda: None
        self.edit: Callable[[bytes], bytes] = lambda piece: piece
        self.was_cut = asyncio.Event()
        self.passed = {"request": 0, "answer": 0}
        self._cuts, self._after_bytes = direction, after_bytes
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "CuttingProxy":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.cut()

    @property
    def connections(self) -> int:
        """The number of connections that are open."""
        return len(self._tasks)

    async def cut(self) -> None:
        """Cut every connection that is open, without a word to either side."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            server, forth = await asyncio.open_connection("127.0.0.1", self.target)
            try:
                await self._both_ways(client, back, server, forth)
            finally:
                forth.transport.abort()
        except (OSError, asyncio.CancelledError):
            return  # nobody listens there, or the connection is cut
        finally:
            back.transport.abort()
            self._tasks.discard(task)

    async def _both_ways(
        self,
        client: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
    ) -> None:
        """Forward until one side ends."""
        ways = [
            asyncio.create_task(self._pass(client, forth, "request")),
            asyncio.create_task(self._pass(server, back, "answer")),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, direction: Direction) -> None:
        """Forward until the end, or until it is time to cut."""
        while chunk := await source.read(65_536):
            left = self._after_bytes - self.passed[direction]
            is_time = direction == self._cuts and len(chunk) > left and not self.was_cut.is_set()
            self.passed[direction] += len(chunk)
            if direction == "answer":
                chunk = self.edit(chunk)
            target.write(chunk[: max(left, 0)] if is_time else chunk)
            await target.drain()
            if is_time:
                self.was_cut.set()
                self.on_cut()
                return
