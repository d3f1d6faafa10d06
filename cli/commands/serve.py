"""Serve the API with as many processes as asked. Webhooks are stored here and applied by `worker`.

Refuses to start when the database cannot be used or lacks migrations. Ends by SIGTERM or Ctrl-C, within ten seconds.
"""

import argparse
import os
import socket
from typing import TYPE_CHECKING, Final

from cli.arguments import add_port, host, whole_number
from cli.failures import COULD_NOT, DONE
from settings import Settings

if TYPE_CHECKING:
    from uvicorn import Config

HELP: Final = "serve the API; webhooks are applied by `worker`"
EXAMPLE: Final = "python -m cli serve --host 0.0.0.0 --port 8000 --workers 4"
LOG_LEVEL: Final = "INFO"
HOLDS_STATE: Final = True
MOST_PROCESSES: Final = 256
START_SECONDS: Final = 60  # a process that is still importing on a busy machine is not dead


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: the address, and the number of processes."""
    parser.add_argument("--host", type=host, default="127.0.0.1", help="where to listen; 127.0.0.1 if not given")
    add_port(parser, help="where to listen")
    processes = whole_number(1, MOST_PROCESSES, of="processes")
    parser.add_argument("--workers", type=processes, default=1, metavar="N", help="processes; 1 if not given")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve until stopped."""
    import structlog
    import uvicorn

    from cli.database import ready_database
    from cli.listening import listen
    from cli.named_files import refuse_unusable
    from server.graphql.uvicorn_protocols import options as served_with
    from server.serving import raise_file_limit
    from server.wiring import connection_limits

    os.environ["PORT"] = str(options.port)  # for the processes that uvicorn starts
    sockets = listen(options.host, options.port)
    refuse_unusable(settings)
    raise_file_limit()
    with ready_database(settings):
        config = uvicorn.Config(
            "server.app:from_environment",
            factory=True,
            host=options.host,
            port=options.port,
            workers=options.workers,
            timeout_worker_healthcheck=START_SECONDS,
            **served_with(connection_limits(settings)),
        )
        structlog.get_logger(__name__).info("server.listening", host=options.host, port=options.port)
        return _serve(config, sockets)


def _serve(config: "Config", sockets: list[socket.socket]) -> int:
    """Serve in this process or in several. Returns 2 when the server could not start."""
    from uvicorn.supervisors import Multiprocess

    from cli.listening import until_stopped
    from server.serving import Server

    if config.workers > 1:
        Multiprocess(config, sockets=sockets).run()
        return DONE
    server = Server(config)
    with until_stopped(lambda: server.started):
        server.run(sockets)
    return DONE if server.started else COULD_NOT
