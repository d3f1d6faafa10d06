"""`make migration NAME=…`: write the migration from the tables that the migrations make to the tables of models/.

A PostgreSQL of its own is started for it and removed, so that nobody's database decides what the migration holds.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from aerich import Command

from database.connection import MIGRATIONS, migrate, tortoise_config
from database.embedded import EmbeddedPostgres


def main(arguments: list[str]) -> int:
    """Write the migration and print its name; return the exit code: 0 written, 1 nothing has changed, 2 no name."""
    if len(arguments) != 1 or not arguments[0].isidentifier():
        print("Give the migration a name of letters, digits and _: make migration NAME=what_it_is_for", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="paygraph-") as folder, EmbeddedPostgres(Path(folder)) as url:
        asyncio.run(migrate(url))
        written = asyncio.run(_write(url, arguments[0]))
    if written is None:
        print("Nothing to write: the tables of models/ are as the migrations leave them.", file=sys.stderr)
        return 1
    print(f"migrations/models/{written}")
    return 0


async def _write(url: str, name: str) -> str | None:
    async with Command(tortoise_config(url), app="models", location=str(MIGRATIONS)) as command:
        written: str | None = await command.migrate(name, no_input=True)
    return written or None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
