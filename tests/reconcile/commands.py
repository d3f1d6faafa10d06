"""`python -m cli reconcile` and `sandbox` as processes of their own."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.support.shop import JWT_SECRET, WEBHOOK_SECRET

PROJECT = Path(__file__).parents[2]
START_SECONDS = 30.0
POLL_SECONDS = 0.02
# The command, and its peak memory in KiB at the end. The kernel's own figure would count the parent's.
MEASURED = """
import sys
from cli.command_line import main
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("peak", peak.split()[1], file=sys.stderr)
sys.exit(code)
"""


def today() -> datetime:
    """Return the beginning of a day that has not quite ended."""
    return datetime.now(UTC) - timedelta(hours=23)


@dataclass(frozen=True, slots=True)
class Ended:
    """The output of a command."""

    code: int
    out: str
    err: str
    peak_kib: int


@dataclass(frozen=True, slots=True)
class Command:
    """A reconciliation in a process of its own."""

    process: "subprocess.Popen[str]"

    @classmethod
    def start(
        cls, database_url: str, stripe_port: int, *arguments: str, since: datetime, lease_seconds: float = 60.0
    ) -> "Command":
        """Compare a day, as `python -m cli reconcile` does."""
        span = ["--from", since.isoformat(), "--to", (since + timedelta(days=1)).isoformat()]
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url,
            "STRIPE_SECRET_KEY": "sk_test_population",
            "STRIPE_API_BASE": f"http://127.0.0.1:{stripe_port}",
            "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "AUTH_JWT_SECRET": JWT_SECRET,
            "ENVIRONMENT": "test",
            "LEASE_SECONDS": str(lease_seconds),
        }
        command = [sys.executable, "-c", MEASURED, "reconcile", *span, *arguments]
        pipe = subprocess.PIPE
        return cls(subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=pipe, stderr=pipe, text=True))

    async def ended(self) -> Ended:
        """Wait for its end."""
        out, err = await asyncio.to_thread(self.process.communicate)
        peak = [line.split()[1] for line in err.splitlines() if line.startswith("peak ")]
        assert peak, err
        return Ended(self.process.returncode, out, err, int(peak[0]))

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await asyncio.to_thread(self.process.communicate)


@asynccontextmanager
async def served_stripe(folder: Path) -> AsyncIterator[int]:
    """Serve the offline Stripe on loopback, with its file in this folder; returns its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    environment = {"PATH": os.environ["PATH"], "PAYGRAPH_DIR": str(folder)}
    command = (sys.executable, "-m", "cli", "sandbox", "--port", str(port))
    process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=PROJECT, stdout=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as http:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    await http.get(f"http://127.0.0.1:{port}/v1/balance")
                    break
                await asyncio.sleep(POLL_SECONDS)
        yield port
    finally:
        process.terminate()
        await process.wait()
