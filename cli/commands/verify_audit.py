"""Check every hash chain of the audit trail, and the heads of a file; 1 when one does not hold.

The file shows what a chain alone cannot: that its end was cut off. Keep it where the database's owner cannot write.
"""

import argparse
import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.failures import CannotRun
from settings import Settings

if TYPE_CHECKING:
    from services.audit.verification import Head

HELP: Final = "check every chain of the audit trail"
EXAMPLE: Final = "python -m cli verify-audit --head /mnt/elsewhere/heads.jsonl"
LOG_LEVEL: Final = "WARNING"
HOLDS_STATE: Final = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option for the heads to compare with."""
    heads = "heads kept elsewhere: compared if the file exists, else written"
    parser.add_argument("--head", type=Path, metavar="FILE", help=heads)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Check every hash chain."""
    from cli.database import ready_database
    from cli.operations.audit_verification import verify_audit

    known = _known_heads(options.head) if options.head is not None else None
    with ready_database(settings) as complete:
        return asyncio.run(verify_audit(complete, heads=options.head, known=known))


def _known_heads(path: Path) -> "list[Head] | None":
    """Return the heads of an earlier export; None when they are to be written there. Raises CannotRun."""
    from cli.operations.audit_verification import NotHeads, read_heads

    try:
        known = read_heads(path)
        folder = path.absolute().parent
        if known is None and not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise NotHeads("its folder is not there, or cannot be written to")
    except OSError as error:
        raise CannotRun(f"--head {path}: {error.strerror}.") from None
    except NotHeads as error:
        raise CannotRun(f"--head {path}: {error}.") from None
    return known
