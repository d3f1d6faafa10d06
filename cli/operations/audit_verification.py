"""The command `verify-audit`: check the audit trail, alone and against stored heads, and print broken links."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from database.connection import close_database, open_database
from server.runtime import database_url
from services.audit.verification import CUSTOMER, ORDER, Head, check_chains, find_missing_heads
from settings import Settings

FOUND, FINE = 1, 0


class NotHeads(Exception):
    """The file does not hold heads."""


async def verify_audit(settings: Settings, *, heads: Path | None, known: Sequence[Head] | None) -> int:
    """Open the database, check every chain, print broken links; returns the exit code.

    `known` are the heads of an earlier export; without them, today's are written to the file `heads`.
    """
    await open_database(database_url(settings), pool_size=2, acquire_timeout=settings.database_acquire_timeout_seconds)
    try:
        return await verify_and_report(heads=heads, known=known)
    finally:
        await close_database()


async def verify_and_report(*, heads: Path | None, known: Sequence[Head] | None = None) -> int:
    """Check every chain and print the first broken link of each; compare known heads, or write them to a file."""
    chains, events, broken = 0, 0, 0
    current: list[Head] = []
    async for checked in check_chains():
        chains, events = chains + 1, events + checked.head.sequence
        if checked.broken_at is not None:
            broken += 1
            head = checked.head
            print(f"{head.of} {head.subject_id} ({checked.external_id}): broken at event {checked.broken_at}")
        if heads is not None and known is None:
            current.append(checked.head)
    async for head in find_missing_heads(known or []):
        broken += 1
        print(f"{head.of} {head.subject_id}: event {head.sequence} is not the one that was exported")
    print(f"{chains} chains, {events} events, {broken} broken.")
    if heads is not None and known is None and not broken:
        _write(heads, current)
        print(f"{len(current)} heads written to {heads}. Keep them where this database's owner cannot write.")
    return FOUND if broken else FINE


def read_heads(path: Path) -> list[Head] | None:
    """Read the heads of an earlier export; None when there is no file yet. Raises OSError, NotHeads."""
    if not path.exists():
        return None
    try:
        records = [json.loads(line) for line in path.read_text().splitlines() if line]
        return [_head(record) for record in records]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NotHeads("this is no file of heads: nothing was compared, and nothing was written") from None


def _head(record: dict[str, Any]) -> Head:
    of = CUSTOMER if CUSTOMER in record else ORDER
    return Head(UUID(record[of]), int(record["sequence"]), str(record["hash"]), of=of)


def _write(path: Path, heads: Sequence[Head]) -> None:
    records = ({head.of: str(head.subject_id), "sequence": head.sequence, "hash": head.hash} for head in heads)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
