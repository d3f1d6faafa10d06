"""Bring the database's structure up to date. Run it before each new version; several at once wait for each other.

Without DATABASE_URL it is the embedded database's.
"""

import argparse
import asyncio
from typing import Final

from cli.failures import DONE
from settings import Settings

HELP: Final = "bring the database's structure up to date"
EXAMPLE: Final = "DATABASE_URL=postgresql://… python -m cli migrate"
LOG_LEVEL: Final = "INFO"
HOLDS_STATE: Final = True


def add_options(_: argparse.ArgumentParser) -> None:
    """Add no options."""


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Apply the missing migrations."""
    from cli.database import embedded_database
    from database.reachability import bring_up_to_date

    if settings.database_url is not None:
        applied = asyncio.run(bring_up_to_date(settings.database_url.get_secret_value()))
    else:
        with embedded_database(settings) as (_complete, url):
            applied = asyncio.run(bring_up_to_date(url))
    print("\n".join(applied) if applied else "The database is up to date.")
    return DONE
