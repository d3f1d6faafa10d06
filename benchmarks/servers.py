"""The measured servers, each in processes of its own, and their resource use."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from database.connection import parse_url

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
JWT_SECRET = "benchmark-secret-that-is-long-enough-for-hs256"  # noqa: S105 - of a database on this machine alone
WEBHOOK_SECRET = "whsec_benchmark"  # noqa: S105 - as above
START_SECONDS = 60
ENOUGH = "1000000000"  # points and attempts that are counted and never used up


@dataclass(frozen=True)
class Server:
    """One server that listens on loopback."""

    name: str
    port: int
    pid: int

    def stand_still(self) -> None:
        """Pause it: an idle server still wakes up, and on few cores the others would wait for it."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Continue it."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in _family(self.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that its processes have used so far."""
        return sum(_cpu(pid) for pid in _family(self.pid))

    def memory_mib(self) -> float:
        """Return the memory of the largest of its processes, in MiB."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _family(self.pid)]
        return max(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def postgres_cpu(folder: Path) -> float:
    """Return the CPU seconds of a PostgreSQL server, with those of ended connections."""
    postmaster = int((folder / "postmaster.pid").read_text().split()[0])
    return sum(_cpu(pid, with_ended=pid == postmaster) for pid in _family(postmaster))


@contextmanager
def paygraph(url: str, stripe: str, *, processes: int = 1, planned: bool = True) -> Iterator[Server]:
    """Start Paygraph as `serve` does, with authorisation, limits and logs."""
    variables = {
        **environment(url, stripe),
        "LOG_FORMAT": "json",
        "EXECUTION": "planned" if planned else "graphql-core",
    }
    name = "Paygraph" if planned else "Paygraph by graphql-core"
    port = _free_port()
    command = [sys.executable, "-m", "cli", "serve", "--port", str(port), "--workers", str(processes)]
    with _started(name if processes == 1 else f"{name}, {processes} processes", command, port, variables) as server:
        yield server


@contextmanager
def offline_stripe(url: str) -> Iterator[str]:
    """Start the offline Stripe; yields its address."""
    port = _free_port()
    command = [sys.executable, "-m", "cli", "sandbox", "--port", str(port)]
    folder = Path(".paygraph/bench/stripe").resolve()
    shutil.rmtree(folder, ignore_errors=True)  # it keeps every object, and slows down with their number
    variables = {"DATABASE_URL": url, "PAYGRAPH_DIR": str(folder)}
    with _started("offline Stripe", command, port, variables, ready="/"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def limit(url: str) -> Iterator[Server]:
    """Start the hand-written limit."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.baselines.limit:app", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    with _started("limit", command, port, {"DATABASE_URL": url, "WEBHOOK_SECRET": WEBHOOK_SECRET}) as server:
        yield server


@contextmanager
def node(kind: str, url: str, stripe: str) -> Iterator[Server]:
    """Start a Node server: `apollo`, `yoga` or `mercurius`."""
    address = parse_url(url)
    port = _free_port()
    variables = {
        "NODE_ENV": "production",
        "PORT": str(port),
        "PGHOST": str(address["host"]),
        "PGUSER": str(address["user"]),
        "PGDATABASE": str(address["database"]),
        "STRIPE_API_BASE": stripe,
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
    }
    with _started(kind, ["node", str(HERE / "node" / "server.mjs"), kind], port, variables) as server:
        yield server


def has_node() -> bool:
    """Install Node's servers; False when they cannot run here."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        return False
    if not (HERE / "node" / "node_modules").exists():
        command = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
        return subprocess.run(command, cwd=HERE / "node", check=False).returncode == 0  # noqa: S603 - our own
    return True


def environment(url: str, stripe: str) -> dict[str, str]:
    """Return the settings of the measured Paygraph."""
    points = ("BUYER_POINTS", "ADDRESS_POINTS", "STAFF_POINTS")
    return {
        "DATABASE_URL": url,
        "DATABASE_POOL_SIZE": "32",
        "AUTH_JWT_SECRET": JWT_SECRET,
        "STRIPE_SECRET_KEY": "sk_test_benchmark",
        "STRIPE_API_BASE": stripe,
        "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "STRIPE_REQUESTS_PER_SECOND": "10000",
        "STRIPE_REQUESTS_PER_ENDPOINT": "10000",
        "PAYGRAPH_DIR": str(Path(".paygraph/bench/paygraph").resolve()),
        "CONNECTIONS": "100000",
        "CONNECTIONS_PER_ADDRESS": ENOUGH,
        "STREAMS_PER_ADDRESS": ENOUGH,
        "BUYER_PAYMENTS_PER_MINUTE": ENOUGH,
        "ADDRESS_PAYMENTS_PER_MINUTE": ENOUGH,
        **dict.fromkeys(points, ENOUGH),
        **{f"{name}_PER_SECOND": ENOUGH for name in points},
    }


@contextmanager
def _started(
    name: str, command: list[str], port: int, variables: Mapping[str, str], *, ready: str = "/healthz"
) -> Iterator[Server]:
    log = Path(".paygraph/bench/logs")
    log.mkdir(parents=True, exist_ok=True)
    with (log / f"{name.replace(' ', '-')}.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, env={**os.environ, **variables}, stdout=output, stderr=output, start_new_session=True
        )
        try:
            _wait_until_it_answers(process, f"http://127.0.0.1:{port}{ready}")
            yield Server(name, port, process.pid)
        finally:
            Server(name, port, process.pid).go_on()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", address: str) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}; see .paygraph/bench/logs")
        try:
            urllib.request.urlopen(address, timeout=5)  # noqa: S310 - loopback
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _family(pid: int) -> list[int]:
    """Return a process with all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has exited
            parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += parents.get(one, [])
    return found


def _cpu(pid: int, *, with_ended: bool = False) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11 : 15 if with_ended else 13]) / TICKS
