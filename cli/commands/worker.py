"""Apply webhooks, resume operations, poll Stripe's events and reconcile every night, until SIGTERM or Ctrl-C.

Runs beside `serve`, as many as you like. Refuses to start when the database cannot be used or lacks migrations.
"""

import argparse
import asyncio
import signal
from typing import Final

from cli.arguments import add_port
from cli.failures import DONE
from settings import Settings

HELP: Final = "apply webhooks, resume operations, poll Stripe"
EXAMPLE: Final = "DATABASE_URL=postgresql://… python -m cli worker"
LOG_LEVEL: Final = "INFO"
HOLDS_STATE: Final = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option for the server's port."""
    add_port(parser, help="the server's, for the offline Stripe's webhooks")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Work until stopped."""
    from cli.database import ready_database

    with ready_database(settings) as complete:
        asyncio.run(_work(complete, port=options.port))
    return DONE


async def _work(settings: Settings, *, port: int) -> None:
    """Work until stopped; without a Stripe key, deliver the offline Stripe's webhooks to the server at `port`."""
    from server.app import run_background
    from server.offline_stripe import offline_stripe
    from server.runtime import open_runtime
    from webhooks.routes import PATH

    sandbox = offline_stripe(settings, webhook_url=f"http://127.0.0.1:{port}{PATH}")
    async with open_runtime(settings, sandbox=sandbox) as runtime:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, runtime.worker.stop)
        async with run_background(runtime, run_worker=False, deliver=True):
            await runtime.worker.run()
