"""Run spin on docs/model/protocol.pml: write the verifier, compile it, explore, and read its report."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.protocol.runs import Run

MODEL: Final = Path(__file__).parents[2] / "docs" / "model" / "protocol.pml"
LONGEST_SECONDS: Final = 600
DEEPEST: Final = 1_000_000  # steps of a path; the longest one of all has a few hundred
DEEPEST_TRAIL: Final = 150  # of a counterexample: a short one is read more easily
HASH_BITS: Final = 24
MANY_FAULTS: Final = 2  # with fewer, gcc takes longer to make the verifier fast than the verifier to explore
INCOMPLETE: Final = ("Search not completed", "max search depth too small", "out of memory", "resizing", "aborted")
STATES: Final = {"1": "IN_PROGRESS", "2": "SUCCEEDED", "3": "FAILED", "4": "UNRESOLVED", "5": "NEEDS_REVIEW"}
STATUSES: Final = {"0": "NEW", "1": "OPEN", "2": "GOOD", "3": "BAD", "4": "UNSURE"}
AGES: Final = {"1": "15 minutes", "2": "20 hours", "3": "20 hours and 15 minutes", "4": "24 hours"}


@dataclass(frozen=True, slots=True)
class Explored:
    """The result of an exploration. `problem` is empty when it is the expected one."""

    run: Run
    problem: str
    states: int
    seconds: float
    trail: tuple[str, ...] = ()


def missing() -> str | None:
    """Name the programs that are not installed, in one sentence; None when all are."""
    lacking = [name for name in ("spin", "gcc") if shutil.which(name) is None]
    if not lacking:
        return None
    names = " and ".join(lacking)
    return f"The model needs {names}, which is not here: on Debian and Ubuntu, apt-get install spin gcc."


def explore(run: Run, folder: Path) -> Explored:
    """Explore the model as a run defines it, in an empty folder."""
    _do(["spin", *run.defines, "-a", str(MODEL)], folder)
    if run.breaks is not None:
        return _counterexample(run, folder)
    level = "-O2" if run.faults >= MANY_FAULTS else "-O0"
    whole = _pan(folder, [level, "-DSAFETY", "-DCOLLAPSE"], [f"-m{DEEPEST}"])
    problem, seconds = _incomplete(whole), _seconds(whole)
    if not problem and run.looks_for_circles:
        circles = _pan(folder, [level, "-DNP", "-DNOREDUCE", "-DCOLLAPSE"], ["-l", f"-m{DEEPEST}"])
        problem, seconds = _incomplete(circles), seconds + _seconds(circles)
    return Explored(run, problem, _states(whole), seconds, _trail(run, folder) if problem else ())


def _counterexample(run: Run, folder: Path) -> Explored:
    level = "-O1" if run.faults >= MANY_FAULTS else "-O0"
    said = _pan(folder, [level, "-DSAFETY", "-DCOLLAPSE"], [f"-m{DEEPEST_TRAIL}"])
    is_found = "assertion violated" in said and "invalid array index" not in said
    trail = _trail(run, folder)
    problem = "" if is_found else "no counterexample was found"
    return Explored(run, problem, _states(said), _seconds(said), trail)


def _incomplete(said: str) -> str:
    """Return the reason why an exploration is incomplete; empty when it is a proof."""
    if "errors: 0" not in said:
        found = re.search(r"^pan:\d+: (.*)$", said, re.MULTILINE)
        return found.group(1) if found else said.strip()[-400:] or "the verifier said nothing"
    return next((words for words in INCOMPLETE if words in said), "")


def _pan(folder: Path, compiled: list[str], given: list[str]) -> str:
    _do(["gcc", "-w", *compiled, "-o", "pan", "pan.c"], folder)
    return _do(["./pan", "-n", f"-w{HASH_BITS}", *given], folder)


def _do(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def _trail(run: Run, folder: Path) -> tuple[str, ...]:
    """Return the steps of the counterexample, in words."""
    if not list(folder.glob("*.trail")):
        return ()
    trail = next(folder.glob("*.trail"))
    said = _do(["spin", *run.defines, "-t", "-T", "-k", str(trail), str(MODEL)], folder)
    lines = said.partition("#processes")[0].splitlines()
    return tuple(_named(line) for line in lines if line.strip() and not line.startswith("spin:"))


def _named(line: str) -> str:
    line = re.sub(r"state (\d)", lambda found: STATES.get(found[1], found[0]), line)
    line = re.sub(r"status (\d)", lambda found: STATUSES.get(found[1], found[0]), line)
    return re.sub(r"has age (\d)", lambda found: f"is {AGES.get(found[1], found[1])} old", line)


def _states(said: str) -> int:
    found = re.search(r"(\d+) states, stored", said)
    return int(found[1]) if found else 0


def _seconds(said: str) -> float:
    found = re.search(r"elapsed time ([\d.]+) seconds", said)
    return float(found[1]) if found else 0.0
