"""Opening, closing and migrating the database. URLs are parsed here, because Tortoise fails on `sslmode`."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
import structlog
from aerich import Command
from aerich.migrate import Migrate
from tortoise import Tortoise, connections

from database.keepalive import connect
from database.statements import query_rows

log = structlog.get_logger(__name__)

TABLES: Final = "models"  # the package whose tables Tortoise registers; its room is above this one
MIGRATIONS: Final = str(Path(__file__).parent.parent / "migrations")
LONGEST_STATEMENT_SECONDS: Final = 35.0  # PostgreSQL ends one after 30; a later answer never comes
MIGRATION_LOCK: Final = 5_207_310_118  # any number, equal in every process that migrates
MIGRATION_WAIT_SECONDS: Final = 60.0  # as long as an operator of a deployment waits
CONNECT_SECONDS: Final = 10.0
HOLDER: Final = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) | objid::bigint = $1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

# Limits of a session: 5 s for a lock, 30 s for a statement, 30 s for an idle transaction.
SESSION: Final = {
    "timezone": "UTC",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    "application_name": "paygraph",
}
# A migration may build an index over many rows for longer than a request's statement may take.
MIGRATING: Final = {**SESSION, "statement_timeout": "0"}
_SSL_MODES: Final = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_WITH_CERTIFICATE: Final = frozenset({"require", "verify-ca", "verify-full"})
_SYSTEM: Final = "system"  # libpq's name of the authorities that the machine trusts


def parse_url(url: str) -> dict[str, Any]:
    """Parse a PostgreSQL URL into asyncpg's parameters. Raises ValueError naming DATABASE_URL, never its password.

    Understands libpq's host, port, user, password, sslmode, sslrootcert and application_name, and asyncpg's
    `statement_cache_size`: 0 for a PgBouncer that gives each transaction another connection and keeps no statements.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may show the password
        raise ValueError("DATABASE_URL is not an address: write special characters of a password as %XX") from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError("DATABASE_URL must begin with postgresql://")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        port = int(query.pop("port", "5432"))
        port = parts.port or port
    except ValueError:
        raise ValueError("DATABASE_URL has a port that is not a number") from None
    parameters: dict[str, Any] = {
        "host": query.pop("host", None) or (unquote(parts.hostname) if parts.hostname else "localhost"),
        "port": port,
        "user": unquote(parts.username) if parts.username else query.pop("user", "postgres"),
        "password": unquote(parts.password) if parts.password else query.pop("password", None),
        "database": unquote(parts.path.lstrip("/")) or "postgres",
    }
    mode = query.pop("sslmode", None)
    certificate = query.pop("sslrootcert", None)
    if name := query.pop("application_name", None):
        parameters["server_settings"] = {"application_name": name}
    if (size := query.pop("statement_cache_size", None)) is not None:
        if not (size.isascii() and size.isdigit()):
            raise ValueError("DATABASE_URL has a statement_cache_size that is not a number")
        parameters["statement_cache_size"] = int(size)
    if query:
        raise ValueError(f"DATABASE_URL has parameters that are not known: {', '.join(sorted(query))}")
    if mode is not None or certificate is not None:
        parameters["ssl"] = _tls(mode or "prefer", certificate)
    return parameters


def _tls(mode: str, certificate: str | None) -> str | ssl.SSLContext:
    """Return asyncpg's `ssl` for a mode; without a certificate, `verify-full` trusts the machine's authorities."""
    if mode not in _SSL_MODES:
        raise ValueError(f"DATABASE_URL has an sslmode that is not one of {', '.join(sorted(_SSL_MODES))}")
    if certificate is None and mode == "verify-full":
        certificate = _SYSTEM
    if mode == "verify-ca" and certificate in (None, _SYSTEM):  # any certificate would pass
        raise ValueError("DATABASE_URL has sslmode=verify-ca, which needs the file of an authority in sslrootcert")
    if certificate is None:
        return mode
    if mode not in _WITH_CERTIFICATE:  # it would never be checked
        raise ValueError("DATABASE_URL has an sslrootcert, which needs sslmode=verify-full or verify-ca")
    try:
        context = ssl.create_default_context(cafile=None if certificate == _SYSTEM else certificate)
    except OSError:  # an SSLError is an OSError too
        raise ValueError("DATABASE_URL has an sslrootcert that cannot be read as a certificate") from None
    context.check_hostname = mode == "verify-full" or certificate == _SYSTEM
    return context


def tortoise_config(
    url: str, *, pool_size: int = 10, acquire_timeout: float = 5.0, session: Mapping[str, str] = SESSION
) -> dict[str, Any]:
    """Return Tortoise's configuration for this URL, which aerich reads too."""
    address = parse_url(url)
    credentials = {
        **address,
        "minsize": 0,  # every connection is made under `acquire_timeout`, the first one included
        "maxsize": pool_size,
        "acquire_timeout": acquire_timeout,
        "longest_statement_seconds": LONGEST_STATEMENT_SECONDS if session is SESSION else inf,
        "server_settings": {**session, **address.get("server_settings", {})},
    }
    return {
        "connections": {"default": {"engine": "database.engine", "credentials": credentials}},
        "apps": {"models": {"models": [TABLES, "aerich.models"], "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }


async def open_database(url: str, *, pool_size: int, acquire_timeout: float) -> None:
    """Configure Tortoise; connections are made when they are needed."""
    await Tortoise.init(
        config=tortoise_config(url, pool_size=pool_size, acquire_timeout=acquire_timeout), _enable_global_fallback=True
    )


async def close_database() -> None:
    """Close all connections."""
    await Tortoise.close_connections()


class MigrationInProgress(Exception):
    """Another session has held the migration lock for longer than this process waits."""

    def __init__(self, waited_seconds: float, holder: int | None) -> None:
        super().__init__(
            f"another session{f', process {holder} of PostgreSQL,' if holder else ''} has been migrating for more than"
            f" {waited_seconds:.0f} seconds: let it end and try again, or, if nothing runs there any more, end it by"
            " pg_terminate_backend"
        )


async def migrate(url: str, *, wait_seconds: float = MIGRATION_WAIT_SECONDS) -> list[str]:
    """Apply the missing migrations and return their names.

    Concurrent processes wait for each other, each for at most `wait_seconds`. Raises MigrationInProgress.
    """
    config = tortoise_config(url, pool_size=2, session=MIGRATING)
    async with _lock_migrations(url, wait_seconds), Command(config, app="models", location=MIGRATIONS) as command:
        applied: list[str] = await command.upgrade()
        return applied


@asynccontextmanager
async def _lock_migrations(url: str, wait_seconds: float) -> AsyncIterator[None]:
    """Keep every other process from migrating.

    The lock belongs to a transaction: a session's lock would stay behind on the server's side of a pooler, and no
    process would ever get it again.
    """
    guard = await connect(parse_url(url), timeout=CONNECT_SECONDS)
    try:
        await guard.execute("BEGIN")
        for name, value in (
            ("idle_in_transaction_session_timeout", "0"),
            ("statement_timeout", "0"),
            ("lock_timeout", f"{wait_seconds * 1000:.0f}"),
        ):
            await guard.execute(f"SET LOCAL {name} = {value}")
        if not await guard.fetchval("SELECT pg_try_advisory_xact_lock($1)", MIGRATION_LOCK):
            log.warning("migrate.waiting", seconds=wait_seconds)
            try:
                await guard.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
            except asyncpg.LockNotAvailableError:
                await guard.execute("ROLLBACK")
                raise MigrationInProgress(wait_seconds, await guard.fetchval(HOLDER, MIGRATION_LOCK)) from None
        yield
    finally:
        guard.terminate()


async def is_read_only() -> bool:
    """Return True if the database is read-only now, and drop its connections: new ones may reach a writable server."""
    found = await query_rows(
        "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS only_reads"
    )
    is_so: bool = found[0]["only_reads"]
    if is_so:
        pool: Any = connections.get("default")
        pool._pool.renew()
    return is_so


async def list_migrations() -> list[str]:
    """Return the migrations that this version has, in their order."""
    Migrate.app, Migrate.migrate_location = "models", Path(MIGRATIONS) / "models"
    return await asyncio.to_thread(lambda: [f"{module.name}.py" for module in Migrate.get_all_version_modules()])


async def find_pending_migrations() -> list[str]:
    """Return the migrations that this version has and the open database lacks."""
    ours = await list_migrations()
    known = await query_rows("SELECT to_regclass('aerich') IS NOT NULL AS known")
    applied = {row["version"] for row in await query_rows("SELECT version FROM aerich")} if known[0]["known"] else set()
    return [name for name in ours if name not in applied]
