"""The command `replay`: make stored events of Stripe's due again."""

import sys
from collections.abc import Sequence

from database.connection import close_database, open_database
from server.runtime import database_url
from services.inbox import inbox
from settings import Settings

FINE, MISSING = 0, 1


async def replay_once(settings: Settings, event_ids: Sequence[str], *, dead: bool, dry_run: bool) -> int:
    """Open the database, replay these events or all dead ones, print the result of each; returns the exit code."""
    await open_database(database_url(settings), pool_size=2, acquire_timeout=settings.database_acquire_timeout_seconds)
    try:
        return await replay_and_report(event_ids, dead=dead, dry_run=dry_run)
    finally:
        await close_database()


async def replay_and_report(event_ids: Sequence[str], *, dead: bool, dry_run: bool) -> int:
    """Replay and print; returns 1 when an event is missing or is being applied at the moment."""
    due = "would be due again" if dry_run else "is due again"
    if dead:
        count = await inbox.replay_dead(dry_run=dry_run)
        print(f"Of the events that were given up, {count} {due if count == 1 else due.replace('is', 'are')}.")
        return FINE
    outcome = FINE
    for event_id in dict.fromkeys(event_ids):
        if await inbox.replay(event_id, dry_run=dry_run):
            print(f"{event_id} {due}.")
        else:
            print(f"{event_id} is not in the inbox, or is being applied at the moment.", file=sys.stderr)
            outcome = MISSING
    return outcome
