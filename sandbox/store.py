"""The offline Stripe's memory: one SQLite file that several processes may share, or none at all."""

import json
import secrets
import sqlite3
import string
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]

ALPHABET = string.ascii_letters + string.digits
TABLES = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, created INTEGER NOT NULL,
    json TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, seq);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, created INTEGER NOT NULL, status INTEGER, body TEXT, request TEXT);
CREATE TABLE IF NOT EXISTS request (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT, path TEXT, key TEXT, params TEXT, status INTEGER,
    replayed INTEGER);
CREATE TABLE IF NOT EXISTS delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, due REAL NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS timer (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fault (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, fired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    """Objects by id, in the order of their making, and everything else that Stripe remembers."""

    def __init__(self, path: Path | None) -> None:
        self._connection = sqlite3.connect(
            str(path) if path else ":memory:", isolation_level=None, check_same_thread=False, timeout=30
        )
        self._lock = threading.RLock()
        if path is not None:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(TABLES)
        self._depth = 0

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one writer at a time over all processes. May be nested."""
        with self._lock:
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            else:
                self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def forget(self) -> None:
        """Delete everything."""
        with self.transaction():
            for table in ("object", "idempotency", "request", "delivery", "timer", "fault", "meta"):
                self.rows(f"DELETE FROM {table}")  # noqa: S608 - names from the line above

    # -- time ------------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """The sandbox's clock, in seconds; it may have been moved forward."""
        found = self.rows("SELECT value FROM meta WHERE name = 'offset'")
        return int(time.time() + float(found[0][0] if found else 0))

    def move_clock(self, seconds: float) -> None:
        self.rows(
            "INSERT INTO meta VALUES ('offset', ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            seconds,
        )

    # -- objects -----------------------------------------------------------------------------------------------------

    def add(self, thing: Json) -> Json:
        self.rows(
            "INSERT INTO object (id, kind, created, json) VALUES (?, ?, ?, ?)",
            thing["id"],
            thing["object"],
            thing["created"],
            json.dumps(thing),
        )
        return thing

    def save(self, thing: Json) -> Json:
        self.rows("UPDATE object SET json = ? WHERE id = ?", json.dumps(thing), thing["id"])
        return thing

    def get(self, identity: str, kind: str) -> Json | None:
        found = self.rows("SELECT json FROM object WHERE id = ? AND kind = ?", identity, kind)
        return json.loads(found[0][0]) if found else None

    def every(self, kind: str) -> list[Json]:
        """All objects of a kind, oldest first."""
        return [json.loads(row[0]) for row in self.rows("SELECT json FROM object WHERE kind = ? ORDER BY seq", kind)]

    def newest_first(self, kind: str) -> Iterator[Json]:
        for row in self.rows("SELECT json FROM object WHERE kind = ? ORDER BY seq DESC", kind):
            yield json.loads(row[0])


def new_id(prefix: str, length: int = 24) -> str:
    """An id that looks like Stripe's."""
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(length))}"
