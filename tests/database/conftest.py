"""An open database for the tests of the engine, and a separate connection that may kill others."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from database.connection import close_database, open_database, parse_url


@pytest.fixture
async def opened(database_url: str) -> AsyncIterator[str]:
    """Connect the tables to a migrated database, with five connections and short timeouts; returns its address."""
    await open_database(database_url, pool_size=5, acquire_timeout=0.3)
    yield database_url
    await close_database()


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Open a separate connection to the same database."""
    connection = await asyncpg.connect(**parse_url(database_url))
    yield connection
    await connection.close()
