"""The migrations build the models' tables and the SQL-only parts, once, however many processes run them."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest
from aerich import Command
from tortoise import Tortoise

import models
from database.connection import (
    MIGRATIONS,
    close_database,
    find_pending_migrations,
    migrate,
    open_database,
    parse_url,
    tortoise_config,
)
from database.embedded import EmbeddedPostgres
from database.statements import query_rows

# Parts of the migrations beyond the models, because aerich cannot express them. tests/database/test_constraints.py
# tests each of the checks, unique indexes and triggers.
CHECKS: Final = {
    "orders": {"orders_total_positive", "orders_sums", "orders_currency", "orders_chain_head"},
    "payment": {
        "payment_amount_positive",
        "payment_next_amount_positive",
        "payment_sums_not_negative",
        "payment_provider_currency",
        "payment_disputed_not_negative",
        "payment_currency",
        "payment_money_needs_intent",
    },
    "refund": {"refund_amount_positive", "refund_currency", "refund_success_needs_stripe"},
    "operation": {"operation_open_is_due", "operation_counts"},
    "webhook_event": {"webhook_event_open_is_due", "webhook_event_counts"},
    "event_reading": {"event_reading_counts", "event_reading_cursor_of_one_under_way"},
    "payment_event": {"payment_event_sequence_positive", "payment_event_hash"},
    "customer_event": {"customer_event_sequence_positive", "customer_event_hash"},
    "reconciliation_run": {"reconciliation_run_open_is_due", "reconciliation_run_window", "reconciliation_run_counts"},
    "discrepancy": {"discrepancy_closed_is_resolved"},
    "setup_intent": {"setup_intent_success_needs_stripe"},
}
REFERENCES: Final = {
    "operation": {
        "operation_payment",
        "operation_refund",
        "operation_order",
        "operation_customer",
        "operation_setup_intent",
    },
    "setup_intent": {"setup_intent_method"},
    "customer": {"customer_default_method"},
}
UNIQUE: Final = {
    "payment": {"payment_one_live_for_order", "payment_stripe_intent"},
    "payment_failure": {"payment_failure_charge", "payment_failure_event"},
    "refund": {"refund_stripe_refund"},
    "operation": {"operation_one_open_for_payment"},
    "reconciliation_run": {"reconciliation_run_one_open"},
    "discrepancy": {"discrepancy_one_open"},
}
INDEXES: Final = {
    "customer": {"customer_email"},
    "orders": {"orders_external_id_prefix"},
    "payment": {"payment_stripe_charge", "payment_receipt_email"},
    "payment_failure": {"payment_failure_stripe_charge"},
    "operation": {"operation_due", "operation_customer_open"},
    "webhook_event": {
        "webhook_event_due",
        "webhook_event_busy",
        "webhook_event_undelivered",
        "webhook_event_dead",
    },
}
TRIGGERS: Final = {
    "payment_event": {"payment_event_append_only", "payment_event_no_truncate"},
    "customer_event": {"customer_event_append_only", "customer_event_no_truncate"},
    "refund": {"refund_within_capture"},
    "payment": {"payments_within_total"},
    "orders": {"payments_within_total"},
}
SCRATCH: Final = "reconciliation_sighting"  # a run's own notes: unlogged, and no model
FUNCTIONS: Final = {"refuse_change_of_the_trail", "refuse_refund_above_capture", "refuse_payments_above_total"}

# A table's comment is its class's docstring, which may be improved without a migration; so comments are left out.
STRUCTURE: Final = {
    "column": """
        SELECT table_name AS on_table, column_name AS name,
               concat_ws(' ', udt_name, character_maximum_length, 'null:', is_nullable, column_default) AS definition
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraint": """
        SELECT conrelid::regclass::text AS on_table, conname AS name,
               concat_ws(' ', contype, convalidated, pg_get_constraintdef(oid)) AS definition
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "index": """
        SELECT tablename AS on_table, indexname AS name, indexdef AS definition
        FROM pg_indexes WHERE schemaname = 'public'""",
    "trigger": """
        SELECT tgrelid::regclass::text AS on_table, tgname AS name,
               concat_ws(' ', tgenabled, pg_get_triggerdef(oid)) AS definition
        FROM pg_trigger WHERE NOT tgisinternal""",
    "function": """
        SELECT '' AS on_table, proname AS name, pg_get_functiondef(oid) AS definition
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
}
Part = tuple[str, str, str, str]  # kind, table, name, definition


async def _structure(url: str) -> set[Part]:
    connection = await asyncpg.connect(**parse_url(url))
    try:
        return {
            (kind, row["on_table"], row["name"], row["definition"])
            for kind, statement in STRUCTURE.items()
            for row in await connection.fetch(statement)
        }
    finally:
        await connection.close()


@pytest.fixture
async def empty_url(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Make an empty database."""
    name = f"empty_{uuid4().hex}"
    admin = await asyncpg.connect(**parse_url(postgres.url("postgres")))
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        yield postgres.url(name)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[None]:
    await open_database(url, pool_size=2, acquire_timeout=5)
    try:
        yield
    finally:
        await close_database()


async def test_migrations_build_the_tables_and_what_is_written_by_hand(database_url: str, empty_url: str) -> None:
    async with _open(empty_url):
        await Tortoise.generate_schemas(safe=False)

    migrated, generated = await _structure(database_url), await _structure(empty_url)

    assert generated - migrated == set()
    more = {(kind, table, name) for kind, table, name, _ in migrated - generated}
    assert {part for part in more if part[1] != SCRATCH} == _written_by_hand()
    assert {name for kind, table, name in more if (kind, table) == ("column", SCRATCH)} == {"run_id", "stripe_id"}


def _written_by_hand() -> set[tuple[str, str, str]]:
    tables = [
        ("constraint", CHECKS),
        ("constraint", REFERENCES),
        ("index", UNIQUE),
        ("index", INDEXES),
        ("trigger", TRIGGERS),
    ]
    named = {(kind, table, name) for kind, parts in tables for table, names in parts.items() for name in names}
    return named | {("function", "", name) for name in FUNCTIONS}


async def test_what_is_written_by_hand_is_of_its_kind(database_url: str) -> None:
    found = {(table, name): definition for _, table, name, definition in await _structure(database_url)}

    def definitions(parts: dict[str, set[str]]) -> list[str]:
        return [found[table, name] for table, names in parts.items() for name in names]

    assert all(text.startswith("c t CHECK") for text in definitions(CHECKS))
    assert all(text.startswith("f t FOREIGN KEY") for text in definitions(REFERENCES))
    assert all(text.startswith("CREATE UNIQUE INDEX") and " WHERE " in text for text in definitions(UNIQUE))
    assert all(
        text.startswith("CREATE INDEX") and (" WHERE " in text or "pattern_ops" in text)
        for text in definitions(INDEXES)
    )
    assert all(text.startswith("O CREATE TRIGGER") for text in definitions(TRIGGERS))


async def test_every_row_that_refers_to_another_keeps_it(database_url: str) -> None:
    """No row about money is deleted with another."""
    found = [text for kind, _, _, text in await _structure(database_url) if kind == "constraint" and text[0] == "f"]

    assert len(found) == 19
    assert all(text.endswith("ON DELETE RESTRICT") for text in found)


def _names() -> list[str]:
    """List the migrations in the order of their numbers, in which they are applied."""
    found = [path.name for path in (Path(MIGRATIONS) / "models").glob("[0-9]*.py")]
    return sorted(found, key=lambda name: int(name.partition("_")[0]))


async def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    code = "import asyncio, sys; from database.connection import migrate; print(asyncio.run(migrate(sys.argv[1])))"

    async def process() -> tuple[int | None, str, str]:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, empty_url, cwd=Path(MIGRATIONS).parent, stdout=-1, stderr=-1
        )
        out, err = await running.communicate()
        *waiting, applied = out.decode().splitlines()
        assert all("migrate.waiting" in line for line in waiting)
        return running.returncode, applied, err.decode().strip()

    outcomes = await asyncio.gather(*(process() for _ in range(3)))

    every = _names()
    assert sorted(outcomes) == sorted([(0, "[]", ""), (0, "[]", ""), (0, str(every), "")])
    async with _open(empty_url):
        assert await find_pending_migrations() == []


async def test_a_migration_may_take_longer_than_a_request(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests' statements are stopped; an index over many rows is not, and a lock is still not waited for."""
    limits: list[dict[str, str]] = []
    upgrade = Command.upgrade

    async def watched(command: Command) -> list[str]:
        names = ("statement_timeout", "lock_timeout")
        limits.append({name: (await query_rows(f"SHOW {name}"))[0][name] for name in names})
        applied: list[str] = await upgrade(command)
        return applied

    monkeypatch.setattr(Command, "upgrade", watched)
    await migrate(empty_url)

    assert limits == [{"statement_timeout": "0", "lock_timeout": "5s"}]


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    before = await _structure(database_url)

    assert await migrate(database_url) == []
    assert await _structure(database_url) == before


async def test_migrations_that_are_missing_are_named(
    database_url: str, empty_url: str, admin: asyncpg.Connection
) -> None:
    every = _names()

    async with _open(empty_url):
        of_an_empty_one = await find_pending_migrations()
    async with _open(database_url):
        of_a_complete_one = await find_pending_migrations()
        await admin.execute("DELETE FROM aerich WHERE version = $1", every[-1])
        of_an_older_one = await find_pending_migrations()

    assert (of_an_empty_one, of_a_complete_one, of_an_older_one) == (every, [], every[-1:])


async def _would_migrate(config: dict[str, Any], folder: Path) -> str:
    """Return the migration that aerich would write, if any; in a copy of ours."""
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    async with Command(config, app="models", location=str(folder)) as command:
        name = await command.migrate("probe", no_input=True)
    return (folder / "models" / name).read_text() if name else ""


async def test_no_table_changed_without_a_migration(database_url: str, tmp_path: Path) -> None:
    assert await _would_migrate(tortoise_config(database_url), tmp_path / "migrations") == ""


async def test_a_table_that_changed_without_a_migration_would_be_seen(database_url: str, tmp_path: Path) -> None:
    config = tortoise_config(database_url)
    every = {f"models.{module.name}" for module in iter_modules(models.__path__)}
    config["apps"]["models"]["models"] = [*sorted(every - {"models.webhook_events"}), "aerich.models"]

    assert 'DROP TABLE IF EXISTS "webhook_event"' in await _would_migrate(config, tmp_path / "migrations")
