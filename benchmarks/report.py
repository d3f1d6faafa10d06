"""The result: a table for people, JSON for programs, the goals that were met and the ones that were missed."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OURS = "Paygraph"
PEERS = ("apollo", "yoga", "mercurius")
Results = Sequence[tuple[int, Mapping[tuple[str, str], "Figures"]]]


@dataclass(frozen=True)
class Figures:
    """Requests per second, latencies in ms, CPU in µs for each request of application and database, memory in MiB."""

    per_second: float
    p50: float
    p99: float
    cpu: float
    database: float
    memory: float

    def values(self) -> tuple[float, ...]:
        return astuple(self)

    def line(self) -> str:
        return (
            f"{self.per_second:8.0f}/s  p50 {self.p50:7.2f} ms  p99 {self.p99:7.2f} ms  "
            f"{self.cpu:7.0f} µs  database {self.database:7.0f} µs  {self.memory:5.0f} MiB"
        )


def written(results: Results, folder: Path, options: Mapping[str, Any]) -> Path:
    """Write the result of today; returns the path of the one for people."""
    folder.mkdir(exist_ok=True)
    rows = "-".join(str(rows) for rows, _ in results)
    path = folder / f"{datetime.now(UTC):%Y-%m-%d}-{rows}.md"
    machine = _machine()
    text = [f"# {datetime.now(UTC):%Y-%m-%d}, {rows.replace('-', ' and ')} payments", ""]
    text += [f"{name}: {value}  " for name, value in machine.items()]
    text += [f"options: {json.dumps(options)}", ""]
    for count, found in results:
        text += [*_table(count, found), ""]
    text += ["## Goals", "", *_goals(results), ""]
    path.write_text("\n".join(text))
    figures = [
        {"rows": count, "workload": workload, "server": server, **asdict(one)}
        for count, found in results
        for (workload, server), one in found.items()
    ]
    path.with_suffix(".json").write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
    return path


def _table(count: int, found: Mapping[tuple[str, str], Figures]) -> list[str]:
    lines = [
        f"## {count} payments",
        "",
        "| workload | server | requests/s | p50 ms | p99 ms | application µs | database µs | MiB | to the limit |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (workload, server), one in sorted(found.items(), key=lambda entry: entry[0][0]):
        limit = found.get((workload, "limit"))
        ratio = f"{one.cpu / limit.cpu:.2f}" if limit is not None and one.cpu else ""
        lines.append(
            f"| {workload} | {server} | {one.per_second:.0f} | {one.p50:.2f} | {one.p99:.2f} | {one.cpu:.0f} | "
            f"{one.database:.0f} | {one.memory:.0f} | {ratio} |"
        )
    return lines


def _goals(results: Results) -> list[str]:
    lines = []
    for count, found in results:
        for workload in ("W1", "W2", "W3", "W4", "W5"):
            ours = found.get((workload, OURS))
            if ours is None:
                continue
            for peer in PEERS:
                if (theirs := found.get((workload, peer))) is not None:
                    lines.append(_judged(f"{workload} below {peer} at {count}", ours.cpu / theirs.cpu, 1.0))
            limit = found.get((workload, "limit"))
            if limit is not None and workload in ("W1", "W2"):
                lines.append(_judged(f"{workload} to the limit at {count}", ours.cpu / limit.cpu, 1.6))
            two = found.get((workload, f"{OURS}, 2 processes"))
            if two is not None:
                gained = two.per_second / ours.per_second
                lines.append(_judged(f"{workload} two processes at {count}", gained, 1.8, less=False))
            half = found.get((workload, f"{OURS} at half"))
            if half is not None:
                machine = found.get((workload, "limit at half"))
                beside = f", where the limit has {machine.p99 / machine.p50:.2f}" if machine is not None else ""
                what = f"{workload} p99 to p50 at half of capacity at {count}{beside}"
                lines.append(_judged(what, half.p99 / half.p50, 5.0))
    if len(results) > 1:
        small, large = results[0][1], results[-1][1]
        for workload in ("W1", "W2", "W3"):
            if (workload, OURS) in small and (workload, OURS) in large:
                one, other = small[workload, OURS], large[workload, OURS]
                ratio = (other.cpu + other.database) / (one.cpu + one.database)
                lines.append(_judged(f"{workload} growth, application and database", ratio, 1.3))
    return lines


def _judged(what: str, ratio: float, goal: float, *, less: bool = True) -> str:
    met = ratio <= goal if less else ratio >= goal
    return f"- {'met' if met else 'NOT MET'}: {what}: {ratio:.2f} (goal: {'at most' if less else 'at least'} {goal})"


def _machine() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.machine())
    return {
        "processor": f"{model}, {os.cpu_count()} cores",
        "Python": platform.python_version(),
        "Node": _said("node", "--version"),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
    }


def _said(*command: str) -> str:
    """Return the output of a command; nothing where the command is missing."""
    program = shutil.which(command[0])
    if program is None:
        return "none"
    return subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
