"""A fast factory of application processes: everything is imported once, each process is a fork.

Run as `python -m tests.crash.processes.process_factory`: reads one JSON line for each process to start, and answers
with its pid.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import uvicorn

from server import wiring
from server.app import create_app, with_middleware
from server.graphql.uvicorn_protocols import options
from server.http.logs import configure_logging
from settings import Settings
from tests.attack import variants


def main() -> None:
    """Fork one application for each line on standard input; end when it closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps: the tests kill without waiting
    print("ready", flush=True)
    for line in sys.stdin:
        given = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _serve(given)
        print(pid, flush=True)


def _serve(given: dict[str, Any]) -> None:
    """Serve one application on loopback, until killed."""
    log = os.open(given["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    configure_logging(json=False)
    variants.apply(given.get("variants", []))
    settings = Settings(_env_file=None, **given["settings"])  # type: ignore[call-arg]  # as in tests/support/shop.py
    app = with_middleware(create_app(settings, run_worker=given["worker"]), settings)
    config = uvicorn.Config(app, port=given["port"], **options(wiring.connection_limits(settings)))
    try:
        asyncio.run(uvicorn.Server(config).serve())
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
