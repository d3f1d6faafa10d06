"""Take in payments that Stripe has and the database has lost, by our ids in their metadata; 1 when one cannot be.

Says what it would do, and does it when told to --apply. See "After a failover" in docs/runbook.md.
"""

import argparse
import asyncio
from typing import Final

from cli.arguments import intent_id
from settings import Settings

HELP: Final = "take in payments that Stripe has and the database has lost"
EXAMPLE: Final = "python -m cli adopt pi_1Nxyz --apply"
LOG_LEVEL: Final = "WARNING"
HOLDS_STATE: Final = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: the payments, and --apply."""
    parser.add_argument("intent_ids", nargs="+", type=intent_id, metavar="intent_id", help="Stripe's ids, pi_…")
    parser.add_argument("--apply", action="store_true", help="do it; without it, only say what would be done")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Adopt the payments, and print the result of each."""
    from cli.database import ready_database
    from cli.operations.adoption import adopt_once

    with ready_database(settings) as complete:
        return asyncio.run(adopt_once(complete, options.intent_ids, apply=options.apply))
