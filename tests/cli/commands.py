"""`python -m cli` as processes of their own."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.line_process import LineProcess

PROJECT: Final = Path(__file__).parents[2]
LONGEST_SECONDS: Final = 90.0  # no command takes this long on an idle machine


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def says_one_sentence(self) -> bool:
        """Return True when it printed one plain sentence for its user."""
        return self.err.count("\n") == 1 and self.err.endswith("\n") and "Traceback" not in self.err + self.out


class Running:
    """A running command, in a session of its own, as under a terminal of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._out = ""

    async def said(self, words: str) -> str:
        """Wait until it has printed these words; returns the output so far."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LONGEST_SECONDS):
            while words not in self._out:
                line = await self.process.stdout.readline()
                assert line, f"it ended: {self._out}{(await self.ended()).err}"
                self._out += line.decode()
        return self._out

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes, as a terminal does."""
        os.killpg(self.process.pid, number)

    async def ended(self) -> Ended:
        """Wait for its end."""
        async with asyncio.timeout(LONGEST_SECONDS):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return Ended(self.process.returncode, self._out + out.decode(), err.decode())


@asynccontextmanager
async def started(*arguments: str, environment: Mapping[str, str], module: str = "cli") -> AsyncIterator[Running]:
    """Start a command; kill it at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        env={"PATH": os.environ["PATH"], **environment},
        cwd=PROJECT,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
        limit=1 << 20,
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.terminate()  # and let it stop its PostgreSQL
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), LONGEST_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def run(*arguments: str, **environment: str) -> Ended:
    """Run a command to its end."""
    async with started(*arguments, environment=environment) as running:
        return await running.ended()


class CommandFactory:
    """The process that forks commands: see `tests.cli.command_factory`."""

    def __init__(self) -> None:
        self._process = LineProcess("tests.cli.command_factory", {"PATH": os.environ["PATH"]})

    def run(self, *arguments: str, **environment: str) -> Ended:
        """Run a command to its end."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            given = {"PATH": os.environ["PATH"], **environment}
            code = self._process.ask(arguments=arguments, environment=given, out=str(out), err=str(err))
            return Ended(code, out.read_text(), err.read_text())

    def close(self) -> None:
        """End the process."""
        self._process.close()


def free_port() -> int:
    """Return an unused port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
