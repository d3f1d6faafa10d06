"""An address in front of Stripe's that accepts no connection until it is opened: clients wait in the kernel."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CONNECTING, CONNECTED = "02", "01"  # in /proc/net/tcp
MOST_FILLERS: Final = 4
Relay = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Gate:
    """A full port of loopback: the kernel drops connection requests; clients retry after one second and three."""

    listener: socket.socket
    stripe_port: int
    fillers: list[socket.socket] = field(default_factory=list)
    ours: set[int] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def fill(self) -> None:
        """Fill the backlog of the listening socket."""
        for _ in range(MOST_FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", self.port))
            self.fillers.append(filler)
            self.ours.add(filler.getsockname()[1])

    def states(self) -> list[str]:
        """Return the states of the connections to this port, without our own fillers'."""
        found = []
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, remote, state = line.split()[1:4]
            if int(remote.split(":")[1], 16) == self.port and int(local.split(":")[1], 16) not in self.ours:
                found.append(state)
        return found

    async def open(self) -> None:
        """Accept all connections, and forward them to Stripe."""
        while self.fillers:
            self.fillers.pop().close()
        self.server = await asyncio.start_server(self._pass, sock=self.listener)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onwards, back = await asyncio.open_connection("127.0.0.1", self.stripe_port)
        for source, target in ((reader, back), (onwards, writer)):
            task = asyncio.create_task(_copy(source, target))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(65_536):
            target.write(chunk)
    target.close()


@asynccontextmanager
async def full_gate(stripe_port: int) -> AsyncIterator[Gate]:
    """Make a gate that accepts no connection yet."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    gate = Gate(listener, stripe_port)
    gate.fill()
    try:
        yield gate
    finally:
        for filler in gate.fillers:
            filler.close()
        if gate.server is not None:
            gate.server.close()
        listener.close()
        for task in list(gate.tasks):
            task.cancel()
        await asyncio.gather(*gate.tasks, return_exceptions=True)
