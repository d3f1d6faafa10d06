"""The database of a command: the configured or the embedded one, checked before the command begins."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cli.failures import CannotRun
from database.embedded import EmbeddedPostgres
from database.reachability import bring_up_to_date, find_missing_migrations
from settings import Settings


@contextmanager
def ready_database(settings: Settings) -> Iterator[Settings]:
    """Return settings whose database answers and has all migrations; the embedded one is migrated here.

    Raises CannotRun, CannotUseDatabase or CannotStart.
    """
    if settings.database_url is not None:
        _refuse_unmigrated(settings.database_url.get_secret_value())
        yield settings
        return
    with embedded_database(settings) as (complete, url):
        asyncio.run(bring_up_to_date(url))
        yield complete


@contextmanager
def embedded_database(settings: Settings) -> Iterator[tuple[Settings, str]]:
    """Start the embedded database; returns the settings with its address, and the address."""
    with EmbeddedPostgres(settings.state_dir) as url:
        os.environ["DATABASE_URL"] = url  # for the child processes of this one
        yield Settings.load(), url


def _refuse_unmigrated(url: str) -> None:
    if missing := asyncio.run(find_missing_migrations(url)):
        which = missing[0] if len(missing) == 1 else f"{missing[0]} and {len(missing) - 1} more"
        raise CannotRun(f"The database lacks {which}: run `python -m cli migrate` first.")
