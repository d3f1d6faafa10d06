"""The load: raw HTTP/1.1 on open connections, in a process of its own, so that it costs the servers little.

`python -m benchmarks.load` reads one JSON line (see `Load`) and answers with one.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

BAD = b'"errors":[{'
HEAD_END = b"\r\n\r\n"


@dataclass
class Load:
    """The requests of a file, each after its length in four bytes, sent from the first on and round again.

    With a `rate` (requests per second) they are sent on time whether the answers come or not; without one, each
    connection sends its next request when it has its answer.
    """

    port: int
    file: str
    seconds: float
    connections: int = 32
    rate: float | None = None
    once: bool = False


@dataclass
class Outcome:
    """The outcome of a load. Latencies in milliseconds; `failed` counts answers that are not 200 or carry errors."""

    answers: int
    failed: int
    seconds: float
    p50: float
    p99: float
    first_failure: str = ""

    @classmethod
    def of(cls, latencies: Iterable[float], *, failed: int, first_failure: str, seconds: float) -> "Outcome":
        """Summarise latencies in seconds."""
        found = sorted(latencies)
        p50, p99 = (found[len(found) // 2], found[len(found) * 99 // 100]) if found else (0.0, 0.0)
        return cls(len(found), failed, seconds, p50 * 1e3, p99 * 1e3, first_failure)


class _Connection(asyncio.Protocol):
    def __init__(self, runner: "_Driver") -> None:
        self.runner = runner
        self.transport: asyncio.Transport | None = None
        self.received = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def send(self, request: bytes, at: float) -> None:
        self.sent_at = at
        assert self.transport is not None
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head = self.received.find(HEAD_END)
        if head < 0:
            return
        lower = self.received[:head].lower()
        start = lower.index(b"content-length:") + 15
        length = int(lower[start:].split(b"\r\n", 1)[0])
        end = head + 4 + length
        if len(self.received) < end:
            return
        answer, self.received = self.received[:end], self.received[end:]
        self.runner.answered(self, answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.runner.lost(self)


class _Driver:
    def __init__(self, load: Load) -> None:
        self.load = load
        self.requests = recorded(Path(load.file))
        self.next = 0
        self.latencies: list[float] = []
        self.failed = 0
        self.first_failure = ""
        self.ends = 0.0
        self.free: list[_Connection] = []
        self.waiting: list[float] = []
        self.open = 0
        self.done = asyncio.Event()

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        connections = [
            (await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.load.port))[1]
            for _ in range(self.load.connections)
        ]
        self.open = len(connections)
        started = time.perf_counter()
        self.ends = started + self.load.seconds
        if self.load.rate is None:
            for connection in connections:
                self._send(connection, time.perf_counter())
        else:
            self.free = list(connections)
            await self._on_time(started)
        await self.done.wait()
        seconds = time.perf_counter() - started
        for connection in connections:
            if connection.transport is not None:
                connection.transport.close()
        return Outcome.of(self.latencies, failed=self.failed, first_failure=self.first_failure, seconds=seconds)

    async def _on_time(self, started: float) -> None:
        assert self.load.rate is not None
        due, step = started, 1 / self.load.rate
        while due < self.ends:
            now = time.perf_counter()
            while due <= now and due < self.ends:
                if self.free:
                    self._send(self.free.pop(), due)
                else:
                    self.waiting.append(due)
                due += step
            await asyncio.sleep(max(due - time.perf_counter(), 0))
        if len(self.free) == self.open:
            self.done.set()

    def _send(self, connection: _Connection, at: float) -> None:
        if self.load.once and self.next >= len(self.requests):
            self._retire()
            return
        request = self.requests[self.next % len(self.requests)]
        self.next += 1
        connection.send(request, at)

    def answered(self, connection: _Connection, answer: bytes) -> None:
        now = time.perf_counter()
        self.latencies.append(now - connection.sent_at)
        if not answer.startswith(b"HTTP/1.1 200") or BAD in answer:
            self.failed += 1
            self.first_failure = self.first_failure or answer[:1_500].decode(errors="replace")
        if self.load.rate is None:
            if now < self.ends:
                self._send(connection, now)
            else:
                self._retire()
        elif self.waiting:
            self._send(connection, self.waiting.pop(0))
        else:
            self.free.append(connection)
            if now >= self.ends and len(self.free) == self.open:
                self.done.set()

    def _retire(self) -> None:
        self.open -= 1
        if self.open == 0:
            self.done.set()

    def lost(self, connection: _Connection) -> None:
        if not self.done.is_set():
            self.failed += 1
            self.first_failure = self.first_failure or "a connection was closed"
            self._retire()


def recorded(file: Path) -> list[bytes]:
    """Read the requests of a file, each after its length in four bytes."""
    raw = file.read_bytes()
    requests, place = [], 0
    while place < len(raw):
        length = int.from_bytes(raw[place : place + 4], "big")
        requests.append(raw[place + 4 : place + 4 + length])
        place += 4 + length
    return requests


def main() -> None:
    """Run one load, for the process that started this one."""
    import uvloop

    load = Load(**json.loads(sys.stdin.readline()))
    outcome = uvloop.run(_Driver(load).run())
    print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    main()
