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


def main(name: str) -> str:
    """Write the migration; return the name of its file. Raises ValueError where the tables have not changed."""
    with tempfile.TemporaryDirectory(prefix="paygraph-") as folder, EmbeddedPostgres(Path(folder)) as url:
        asyncio.run(migrate(url))
        return asyncio.run(_write(url, name))


async def _write(url: str, name: str) -> str:
    async with Command(tortoise_config(url), app="models", location=str(MIGRATIONS)) as command:
        written: str | None = await command.migrate(name, no_input=True)
    if not written:
        raise ValueError("The tables of models/ are as the migrations leave them.")
    return written


if __name__ == "__main__":
    print(main(sys.argv[1]))
