"""Serve everything in one process on 127.0.0.1: the API, the worker, the pages, PostgreSQL and the offline Stripe.

Registers a few orders, carries some operations out, and prints tokens and all of it to copy. The data stays.
"""

import argparse
import asyncio
from typing import Final

from cli.arguments import add_port
from cli.failures import COULD_NOT, DONE, CannotRun
from settings import Settings

HELP: Final = "serve on loopback with a few orders, tokens and examples"
EXAMPLE: Final = "python -m cli demo --port 8001"
LOG_LEVEL: Final = "WARNING"
HOLDS_STATE: Final = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option for the port."""
    add_port(parser, help="the port on 127.0.0.1")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from cli.database import ready_database
    from cli.listening import LOOPBACK, listen, until_stopped
    from cli.named_files import refuse_unusable
    from cli.operations.demo import Backends, Demo
    from server.serving import raise_file_limit

    if settings.environment == "production":
        raise CannotRun("The demo does not run with ENVIRONMENT=production. Use `serve` and `worker`.")
    if settings.auth_jwks_url is not None:
        raise CannotRun("The demo signs its own tokens: unset AUTH_JWKS_URL.")
    sockets = listen(LOOPBACK, options.port, other="--port {0}, or PORT={0} make demo")
    refuse_unusable(settings)
    raise_file_limit()
    print("Starting PostgreSQL and the server …", flush=True)
    with ready_database(settings) as complete:
        demo = Demo(complete, port=options.port, backends=Backends.of(settings))
        with until_stopped(lambda: demo.is_ready):
            asyncio.run(demo.serve(sockets))
    if not demo.is_ready:
        return COULD_NOT
    print(f"\nStopped. The data stays under {settings.state_dir}; `python -m cli reset` forgets it.")
    return DONE
