"""A helper process of the tests that is told lines of JSON, and answers each with a line."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).parents[2]
CLOSE_SECONDS: Final = 90.0  # it may have to wait for its last child


class LineProcess:
    """A module that is run as a process of its own; it prints `ready` when it has imported everything."""

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        assert self._line() == "ready"

    def ask(self, **request: Any) -> int:
        """Send one request; return the number that it is answered with."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        """End the process by closing its input."""
        self._process.communicate(timeout=CLOSE_SECONDS)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
