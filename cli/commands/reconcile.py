"""Compare everything of a window with Stripe; 1 when findings about money are open, 2 when it could not be done.

Reports and changes nothing, unless told to --repair. A run that was interrupted goes on where it stopped.
"""

import argparse
import asyncio
from typing import Final

from cli.arguments import moment
from settings import Settings

HELP: Final = "compare everything of a window with Stripe"
EXAMPLE: Final = "python -m cli reconcile --from 2026-01-31T00:00 --to 2026-02-01T00:00 --repair"
LOG_LEVEL: Final = "WARNING"
HOLDS_STATE: Final = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options: the window, and --repair."""
    iso = "ISO 8601, UTC without an offset"
    parser.add_argument(
        "--from", dest="start", type=moment, metavar="MOMENT", help=f"{iso}; 25 hours before --to if not given"
    )
    parser.add_argument(
        "--to", dest="end", type=moment, metavar="MOMENT", help="exclusive; ten minutes ago if not given"
    )
    parser.add_argument("--repair", action="store_true", help="merge what Stripe says where that is safe")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Reconcile a window, and print the open findings."""
    from cli.database import ready_database
    from cli.operations.reconciliation import reconcile_once

    with ready_database(settings) as complete:
        return asyncio.run(reconcile_once(complete, start=options.start, end=options.end, repair=options.repair))
