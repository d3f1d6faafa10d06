"""The model of the protocol, where spin is installed: `make model` explores it whole, this with one fault."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.protocol.runs import BEFORE, RIGHT, WITHOUT_A_RULE, WITHOUT_AN_ASSUMPTION, Run
from tests.protocol.spin import explore, missing

WRONG = (*WITHOUT_A_RULE, *BEFORE, *WITHOUT_AN_ASSUMPTION)
QUICK = tuple(run for run in WRONG if run.faults < 2)
needs_spin = pytest.mark.skipif(missing() is not None, reason=missing() or "")


@needs_spin
@pytest.mark.parametrize("run", RIGHT, ids=lambda run: run.name)
def test_the_protocol_holds_with_one_fault(run: Run, tmp_path: Path) -> None:
    assert explore(replace(run, faults=1), tmp_path).problem == ""


@needs_spin
@pytest.mark.parametrize("run", QUICK, ids=lambda run: f"{run.name}-{run.breaks}")
def test_without_a_rule_there_is_a_counterexample(run: Run, tmp_path: Path) -> None:
    explored = explore(run, tmp_path)

    assert explored.problem == ""
    assert explored.trail


@needs_spin
def test_a_counterexample_that_is_expected_and_does_not_come_is_a_problem(tmp_path: Path) -> None:
    right = replace(QUICK[0], flags=(), faults=0)

    assert explore(right, tmp_path).problem == "no counterexample was found"


@needs_spin
def test_a_protocol_that_does_not_hold_is_a_problem(tmp_path: Path) -> None:
    [run] = [run for run in WITHOUT_A_RULE if run.name == "NO_CLIFF"]

    explored = explore(replace(run, breaks=None), tmp_path)

    assert explored.problem.startswith("assertion violated")
    assert explored.trail
