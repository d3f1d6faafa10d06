"""`python -m cli` without its second of imports: each command is a fork of a process that has imported everything.

Run as `python -m tests.cli.command_factory`: reads one JSON line for each command, and answers with its exit code.
"""

import json
import os
import sys
import traceback
from typing import Any

import server.app  # noqa: F401 - what commands import when they run
from cli.command_line import main


def serve() -> None:
    """Fork one command for each line on standard input, and wait for it; end when the input closes."""
    print("ready", flush=True)
    for line in sys.stdin:
        given = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(given)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(given: dict[str, Any]) -> None:
    """Run one command with its own environment and files, and end."""
    for number, (path, flags) in enumerate(
        ((os.devnull, os.O_RDONLY), (given["out"], os.O_WRONLY | os.O_CREAT), (given["err"], os.O_WRONLY | os.O_CREAT))
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    os.setsid()
    os.environ.clear()
    os.environ.update(given["environment"])
    code: Any = 1
    try:
        code = main(given["arguments"])
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    serve()
