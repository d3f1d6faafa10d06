"""The benchmark runs: it makes its data, compares the answers, measures and writes the result down."""

import json
import os
import subprocess
import sys
from pathlib import Path

from database.embedded import EmbeddedPostgres

PROJECT = Path(__file__).parents[2]


def test_a_short_run_compares_measures_and_writes_down(tmp_path: Path) -> None:
    options = ["--rows", "600", "--seconds", "0.2", "--rounds", "1", "--only", "W1,W2", "--against", "limit"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}

    try:
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks", *options, "--results", str(tmp_path / "results")],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        EmbeddedPostgres(tmp_path / ".paygraph" / "bench").destroy()

    assert run.returncode == 0, run.stderr
    [result] = (tmp_path / "results").glob("*.json")
    figures = json.loads(result.read_text())["figures"]
    assert {(one["workload"], one["server"]) for one in figures} >= {
        (workload, server) for workload in ("W1", "W2") for server in ("Paygraph", "limit")
    }
    assert all(one["per_second"] > 0 for one in figures)
    assert "W1 to the limit at 600" in result.with_suffix(".md").read_text()
