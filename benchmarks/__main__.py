"""`make bench`: build the data, start the servers, load them in turn, compare, write the result."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import servers
from benchmarks.data import prepared
from benchmarks.fan_out import FanOut
from benchmarks.load import Load, Outcome, recorded
from benchmarks.report import OURS, Figures, written
from benchmarks.servers import Server
from benchmarks.workloads import Requests
from database.embedded import EmbeddedPostgres

FOLDER = Path(".paygraph/bench")
WORKLOADS = ("W1", "W2", "W3", "W4", "W5", "W6")
FOLLOWING = {"W6": (500, 500, 200.0), "W6, one order": (500, 1, 1.0)}  # subscribers, orders, changes per second
OTHERS = ("plain", "two", "limit", "apollo", "yoga", "mercurius")  # plain: without plans; two: two processes
WARM = 1.0  # seconds of load before measuring
COMPARED = 20  # requests whose answers are compared with the limit's
PAYMENTS_PER_SECOND = 1_000  # more orders than Paygraph can pay; a twentieth of the limit


@dataclass(frozen=True)
class Options:
    """The selection of what to run."""

    rows: Sequence[int]
    seconds: float
    rounds: int
    only: Sequence[str]
    against: Sequence[str]

    @property
    def driven(self) -> Sequence[str]:
        """The workloads of requests with answers; W6 is streams."""
        return [workload for workload in self.only if workload != "W6"]


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    sizes = os.environ.get("BENCH_ROWS", "10000,1000000")
    parser.add_argument("--rows", default=sizes, help="payments in the database, for each run")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="in which everything is measured in turn")
    parser.add_argument("--only", default=",".join(WORKLOADS))
    parser.add_argument("--against", default=",".join(OTHERS), help="what else is measured")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", help="where they are put")
    arguments = parser.parse_args()
    options = Options(
        rows=[int(rows) for rows in arguments.rows.split(",")],
        seconds=arguments.seconds,
        rounds=arguments.rounds,
        only=arguments.only.split(","),
        against=[name for name in arguments.against.split(",") if name],
    )
    results = []
    postgres = EmbeddedPostgres(FOLDER, options={"max_connections": "400"})  # every server opens a pool of 32
    with postgres:
        for rows in options.rows:
            started = time.monotonic()
            url = asyncio.run(prepared(postgres, rows))
            print(f"{rows} payments, ready after {time.monotonic() - started:.0f} s", flush=True)
            results.append((rows, Bench(options, url, postgres.folder).run()))
    path = written(results, arguments.results, asdict(options))
    print(path.read_text())


class Bench:
    """One database, and all servers on it."""

    def __init__(self, options: Options, url: str, folder: Path) -> None:
        self._options = options
        self._url = url
        self._folder = folder
        self._requests = Requests(url, FOLDER / "requests")
        self._found: dict[tuple[str, str], list[Figures]] = defaultdict(list)

    def run(self) -> dict[tuple[str, str], Figures]:
        """Run everything in turn, several times; returns the median of each."""
        with ExitStack() as stack:
            stripe = stack.enter_context(servers.offline_stripe(self._url))
            running = [stack.enter_context(start()) for start in self._servers(stripe)]
            if "W1" in self._options.only and any(server.name == "limit" for server in running):
                asyncio.run(self._compare(running))
            for server in running:
                server.stand_still()
            for turn in range(self._options.rounds):
                order = running if turn % 2 == 0 else running[::-1]
                for workload in self._options.driven:
                    for server in order:
                        with _awake(server):
                            self._measure(workload, server)
                if "W6" in self._options.only:
                    with _awake(running[0]):
                        self._follow(running[0])
            for server in running:
                if server.name in (OURS, "limit"):
                    with _awake(server):
                        self._at_half(server)
        return {key: _median(found) for key, found in self._found.items()}

    def _servers(self, stripe: str) -> list[Callable[[], AbstractContextManager[Server]]]:
        url, against = self._url, self._options.against
        factories: list[Callable[[], AbstractContextManager[Server]]] = [lambda: servers.paygraph(url, stripe)]
        if "plain" in against:
            factories.append(lambda: servers.paygraph(url, stripe, planned=False))
        if "two" in against:
            factories.append(lambda: servers.paygraph(url, stripe, processes=2))
        if "limit" in against:
            factories.append(lambda: servers.limit(url))
        kinds = [kind for kind in ("apollo", "yoga", "mercurius") if kind in against]
        if kinds and not servers.has_node():
            print("SKIPPED: the servers of Node. They need Node 20 and npm.")
            kinds = []
        factories += [lambda kind=kind: servers.node(kind, url, stripe) for kind in kinds]  # type: ignore[misc]
        return factories

    def _measure(self, workload: str, server: Server) -> None:
        file = self._file(workload, server)
        if workload in ("W1", "W2"):
            _drive(Load(server.port, str(file), WARM))
        cpu, database = server.cpu_seconds(), servers.postgres_cpu(self._folder)
        outcome = _drive(Load(server.port, str(file), self._options.seconds))
        self._note(workload, server, outcome, cpu, database)

    def _follow(self, server: Server) -> None:
        """Run W6: the cost of one answer to one subscriber, each with an order of their own, and all with the same."""
        for workload, (subscribers, orders, changes) in FOLLOWING.items():
            seconds = max(self._options.seconds, 1.0)
            fan_out = FanOut(server.port, self._url, seconds, subscribers, orders, changes)
            with subprocess.Popen(
                [sys.executable, "-m", "benchmarks.fan_out"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as following:
                assert following.stdin is not None
                assert following.stdout is not None
                print(json.dumps(asdict(fan_out)), file=following.stdin, flush=True)
                following.stdout.readline()  # until all streams are open
                cpu, database = server.cpu_seconds(), servers.postgres_cpu(self._folder)
                outcome, _ = following.communicate("go\n")
            self._note(workload, server, Outcome(**json.loads(outcome)), cpu, database)

    def _note(self, workload: str, server: Server, outcome: Outcome, cpu: float, database: float) -> None:
        if outcome.failed:
            raise SystemExit(f"{workload} by {server.name}: {outcome.failed} failed: {outcome.first_failure}")
        found = Figures(
            per_second=outcome.answers / outcome.seconds,
            p50=outcome.p50,
            p99=outcome.p99,
            cpu=(server.cpu_seconds() - cpu) / outcome.answers * 1e6,
            database=(servers.postgres_cpu(self._folder) - database) / outcome.answers * 1e6,
            memory=server.memory_mib(),
        )
        self._found[workload, server.name].append(found)
        print(f"{workload} {server.name:28} {found.line()}", flush=True)

    def _file(self, workload: str, server: Server) -> Path:
        if workload == "W1":
            return asyncio.run(self._requests.order_status())
        if workload == "W2":
            return asyncio.run(self._requests.page())
        if workload == "W5":
            return asyncio.run(self._requests.webhooks(int((self._options.seconds + WARM) * 20_000)))
        if workload == "W3":
            most = PAYMENTS_PER_SECOND if server.name.startswith("Paygraph") else PAYMENTS_PER_SECOND * 20
            return asyncio.run(self._requests.pay(int((self._options.seconds + WARM) * most)))
        file = asyncio.run(self._requests.pay(200))
        _drive(Load(server.port, str(file), 60, once=True))  # the payments exist now; later requests repeat them
        return file

    def _at_half(self, server: Server) -> None:
        """Measure the latencies of a server at half its maximum. The limit's show the machine's share."""
        for workload in self._options.driven:
            rate = _median(self._found[workload, server.name]).per_second / 2
            file = str(self._file(workload, server))
            if workload in ("W1", "W2"):
                _drive(Load(server.port, file, WARM, rate=rate))  # it was paused
            outcome = _drive(Load(server.port, file, self._options.seconds, rate=rate))
            found = Figures(rate, outcome.p50, outcome.p99, 0, 0, 0)
            self._found[workload, f"{server.name} at half"].append(found)

    async def _compare(self, running: Sequence[Server]) -> None:
        """Check that all servers give the same answers, byte for byte after ordering."""
        for file in (await self._requests.order_status(), await self._requests.page()):
            for request in recorded(file)[:COMPARED]:
                ours = _answer(running[0], request)
                for server in running[1:]:
                    theirs = _answer(server, request)
                    if theirs != ours:
                        pairs = enumerate(zip(ours, theirs, strict=False))
                        place = next((at for at, (one, other) in pairs if one != other), 0)
                        raise SystemExit(
                            f"{server.name} differs: {ours[place - 60 : place + 60]} {theirs[place:][:60]}"
                        )


@contextmanager
def _awake(server: Server) -> Iterator[None]:
    """Let one server run alone, while all others are paused."""
    server.go_on()
    try:
        yield
    finally:
        server.stand_still()


def _drive(load: Load) -> Outcome:
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(load)) + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Outcome(**json.loads(process.stdout))


def _answer(server: Server, request: bytes) -> str:
    head, body = request.split(b"\r\n\r\n", 1)
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    to_send = urllib.request.Request(f"http://127.0.0.1:{server.port}/graphql", body, headers)
    with urllib.request.urlopen(to_send, timeout=10) as answered:  # noqa: S310 - loopback
        data: Any = json.load(answered)["data"]
    return json.dumps(data, sort_keys=True)


def _median(found: Sequence[Figures]) -> Figures:
    columns = zip(*(one.values() for one in found), strict=True)
    return Figures(*(median(column) for column in columns))


if __name__ == "__main__":
    main()
