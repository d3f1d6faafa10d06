"""DATABASE_URL is read as libpq reads it, and a refusal never shows its password."""

import ssl
from typing import Any, Final

import pytest

from database.connection import close_database, open_database, parse_url
from database.statements import query_rows
from models import Customer


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://ada:p%40ss%2Fword@db.example:6543/shop",
            {"host": "db.example", "port": 6543, "user": "ada", "password": "p@ss/word", "database": "shop"},
        ),
        (
            "postgres://db.example/shop?sslmode=require&application_name=mine",
            {"host": "db.example", "user": "postgres", "password": None, "database": "shop", "ssl": "require"},
        ),
        (
            "postgresql:///shop?host=/run/postgresql&port=5433&user=ada",
            {"host": "/run/postgresql", "port": 5433, "user": "ada", "database": "shop"},
        ),
        ("postgresql://ada@[::1]/", {"host": "::1", "port": 5432, "database": "postgres"}),
        ("postgresql://db/shop?application_name=till", {"server_settings": {"application_name": "till"}}),
        ("postgresql://pool:6432/shop?statement_cache_size=0", {"port": 6432, "statement_cache_size": 0}),
        ("postgresql://db:6543/shop?port=5433", {"port": 6543}),
    ],
)
def test_an_address_is_read(url: str, expected: dict[str, Any]) -> None:
    assert expected.items() <= parse_url(url).items()


async def test_a_pool_that_keeps_no_statements_gets_none(database_url: str) -> None:
    """Behind PgBouncer the next transaction may be on a connection that never prepared the statement."""
    prepared = "SELECT count(*) > 0 AS kept FROM pg_prepared_statements"
    for more, kept in (("", True), ("&statement_cache_size=0", False)):
        await open_database(database_url + more, pool_size=1, acquire_timeout=5)
        try:
            await Customer.all()
            assert await query_rows(prepared) == [{"kept": kept}]
        finally:
            await close_database()


async def test_a_connection_bears_the_name_that_the_address_gives_it(database_url: str) -> None:
    await open_database(f"{database_url}&application_name=till", pool_size=1, acquire_timeout=5)
    try:
        assert await query_rows("SELECT current_setting('application_name') AS name") == [{"name": "till"}]
        assert await query_rows("SELECT current_setting('lock_timeout') AS value") == [{"value": "5s"}]
    finally:
        await close_database()


@pytest.mark.parametrize("more", ["", "&sslrootcert=system"])
def test_the_strictest_mode_trusts_whom_the_machine_trusts(more: str) -> None:
    """As a managed PostgreSQL's address is usually written, and .env.example too: without a certificate file."""
    context = parse_url(f"postgresql://ada@db.example/shop?sslmode=verify-full{more}")["ssl"]

    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


NO_CERTIFICATE: Final = "DATABASE_URL has an sslrootcert that cannot be read as a certificate"
NOT_LOOKED_AT: Final = "DATABASE_URL has an sslrootcert, which needs sslmode=verify-full or verify-ca"
NO_AUTHORITY: Final = "DATABASE_URL has sslmode=verify-ca, which needs the file of an authority in sslrootcert"
NO_ADDRESS: Final = "DATABASE_URL is not an address: write special characters of a password as %XX"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://ada:secret@db/shop", "DATABASE_URL must begin with postgresql://"),
        ("secret", "DATABASE_URL must begin with postgresql://"),
        ("postgresql://ada:secret@db:port/shop", "DATABASE_URL has a port that is not a number"),
        ("postgresql://ada:secret@/shop?port=secret", "DATABASE_URL has a port that is not a number"),
        ("postgresql://ada:secret@db:99999/shop", "DATABASE_URL has a port that is not a number"),
        ("postgresql://ada:se[cret@db/shop", NO_ADDRESS),
        ("postgresql://ada:se\u2100cret@db/shop", NO_ADDRESS),  # which urllib would show
        ("postgresql://ada:secret@db/shop?pool=9&a=b", "DATABASE_URL has parameters that are not known: a, pool"),
        (
            "postgresql://ada:secret@db/shop?sslmode=perhaps",
            "DATABASE_URL has an sslmode that is not one of allow, disable, prefer, require, verify-ca, verify-full",
        ),
        ("postgresql://ada:secret@db/shop?sslmode=verify-full&sslrootcert=/no/file", NO_CERTIFICATE),
        (f"postgresql://ada:secret@db/shop?sslmode=verify-full&sslrootcert={__file__}", NO_CERTIFICATE),
        ("postgresql://ada:secret@db/shop?sslrootcert=/any/file", NOT_LOOKED_AT),
        ("postgresql://ada:secret@db/shop?sslmode=disable&sslrootcert=/any/file", NOT_LOOKED_AT),
        ("postgresql://ada:secret@db/shop?sslmode=verify-ca", NO_AUTHORITY),
        ("postgresql://ada:secret@db/shop?sslmode=verify-ca&sslrootcert=system", NO_AUTHORITY),
        (
            "postgresql://ada:secret@db/shop?statement_cache_size=-1",
            "DATABASE_URL has a statement_cache_size that is not a number",
        ),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_its_password(url: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        parse_url(url)

    assert str(caught.value) == reason
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
