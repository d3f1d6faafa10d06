"""A network that breaks where it is told to: a TCP proxy before the server."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cut:
    """Where connections break: after so many bytes of what the client sends, or so many of what it is sent.

    Without `answer` nothing of the answer is passed on, and the cut does not wait for one. With it, the server has
    answered that much by then.
    """

    request: int | None = None
    answer: int | None = None


@dataclass
class CuttingProxy:
    """Breaks the next `times` connections at `cut`, passes all others on. `sent` and `answered` count the last one."""

    port: int
    target: int
    cut: Cut = field(default_factory=Cut)
    times: int = 0
    breaks: int = 0
    sent: int = 0
    answered: int = 0

    def arm(self, cut: Cut, *, times: int = 1) -> None:
        self.cut, self.times, self.breaks = cut, times, 0

    async def connected(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends or breaks."""
        cut = Cut()
        if self.times:
            cut, self.times = self.cut, self.times - 1
        self.sent = self.answered = 0
        try:
            server, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            back.transport.abort()
            return
        ways = (
            asyncio.create_task(self._copy(client, forth, cut.request, "sent")),
            asyncio.create_task(self._copy(server, back, cut.answer, "answered")),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            results = await asyncio.gather(*ways, return_exceptions=True)
            self.breaks += sum(result is True for result in results)
            await _close(forth)
            back.transport.abort()  # RST: whoever waits for an answer learns at once that none comes

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, limit: int | None, count: str
    ) -> bool:
        """Whether it broke here."""
        passed = 0
        while limit != 0 and (chunk := await source.read(65_536 if limit is None else limit - passed)):
            passed += len(chunk)
            setattr(self, count, passed)
            target.write(chunk)
            await target.drain()
            if passed == limit:
                return True
        if limit == 0:
            await source.read(1)  # there was something to break
        return limit == 0


@asynccontextmanager
async def cutting(target: int) -> AsyncIterator[CuttingProxy]:
    """A proxy before the server on loopback port `target`."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = CuttingProxy(listener.getsockname()[1], target)
    server = await asyncio.start_server(proxy.connected, sock=listener)
    try:
        yield proxy
    finally:
        server.close()


async def _close(writer: asyncio.StreamWriter) -> None:
    """What was written still arrives."""
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return
