"""Make stored events of Stripe's due again; the worker applies them. 1 when one of them is not there.

Each is applied to what Stripe says now, so it does no harm to replay one twice.
"""

import argparse
import asyncio
from typing import Final

from cli.arguments import event_id
from settings import Settings

HELP: Final = "apply stored events of Stripe's again"
EXAMPLE: Final = "python -m cli replay --dead --dry-run"
LOG_LEVEL: Final = "INFO"
HOLDS_STATE: Final = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: the events."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "event_ids", nargs="*", default=[], type=event_id, metavar="event_id", help="Stripe's ids, evt_…"
    )
    which.add_argument("--dead", action="store_true", help="all that were given up")
    parser.add_argument("--dry-run", action="store_true", help="only say which it would be")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Replay the events, and print the result of each."""
    from cli.database import ready_database
    from cli.operations.replay import replay_once

    with ready_database(settings) as complete:
        return asyncio.run(replay_once(complete, options.event_ids, dead=options.dead, dry_run=options.dry_run))
