"""`make model`: explore the protocol, and each version without one of its rules."""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.protocol.runs import BEFORE, RIGHT, WITHOUT_A_RULE, WITHOUT_AN_ASSUMPTION, Run
from tests.protocol.spin import Explored, explore, missing

AT_ONCE: Final = 2  # an exploration takes up to half a gigabyte
PARTS: Final = {
    "The protocol: every invariant holds": RIGHT,
    "Without one of its rules: a counterexample": WITHOUT_A_RULE,
    "As it was before: a counterexample": BEFORE,
    "Without one of its assumptions: a counterexample": WITHOUT_AN_ASSUMPTION,
}


def main(words: list[str]) -> int:
    """Run all, or the runs with one of the words in their name; returns 1 if a result is not as expected."""
    if (lacking := missing()) is not None:
        print(lacking, file=sys.stderr)
        return 1
    began, failed = time.monotonic(), 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for title, runs in PARTS.items():
            chosen = [run for run in runs if not words or any(word in run.name for word in words)]
            if chosen:
                print(f"\n{title}")
            for explored in pool.map(_explore, chosen):
                _show(explored, with_trail=bool(words))
                failed += bool(explored.problem)
    print(f"\n{failed} not as expected, after {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _explore(run: Run) -> Explored:
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        return explore(run, Path(folder))


def _show(explored: Explored, *, with_trail: bool) -> None:
    run = explored.run
    what = f"breaks: {run.breaks.value}" if run.breaks is not None else f"{explored.states:,} states"
    print(f"  {run.name:<24} {f'WRONG: {explored.problem}' if explored.problem else what}", flush=True)
    if explored.problem or with_trail:
        for line in explored.trail:
            print(f"      {line}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
