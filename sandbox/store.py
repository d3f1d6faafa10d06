"""The storage: one SQLite file that several processes may share, or memory alone."""

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
LAYOUT = 2  # of the file; a file of an older layout is migrated
BUSY_SECONDS = 30  # in which one process waits for another's transaction
TABLES = """
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, created INTEGER NOT NULL,
    json TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, seq);
CREATE INDEX IF NOT EXISTS object_intent ON object (kind, json_extract(json, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS object_charge ON object (kind, json_extract(json, '$.charge'));
CREATE TABLE IF NOT EXISTS hidden (id TEXT PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, created INTEGER NOT NULL, status INTEGER, body TEXT, request TEXT);
CREATE TABLE IF NOT EXISTS busy (key TEXT PRIMARY KEY, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS request (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT, path TEXT, key TEXT, params TEXT, status INTEGER,
    replayed INTEGER);
CREATE TABLE IF NOT EXISTS delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, due REAL NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due, seq) WHERE done = 0;
CREATE TABLE IF NOT EXISTS timer (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS timer_due ON timer (due, seq);
CREATE TABLE IF NOT EXISTS fault (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, matched INTEGER NOT NULL DEFAULT 0,
    fired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
EVERYTHING = ("object", "hidden", "idempotency", "busy", "request", "delivery", "timer", "fault", "meta")


class Store:
    """Objects by id, in order of creation, and all other state of the offline Stripe."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._connection = sqlite3.connect(
            str(path) if path else ":memory:", isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
        )
        self._lock = threading.RLock()
        self._depth = 0
        if path is not None:
            _use_wal(self._connection)
            self._connection.execute("PRAGMA synchronous = NORMAL")
        with self.transaction():
            if self.rows("PRAGMA user_version")[0][0] < LAYOUT:
                self.rows("DROP TABLE IF EXISTS fault")  # gained a column; faults are not worth keeping
                self.rows(f"PRAGMA user_version = {LAYOUT}")
            for statement in TABLES.split(";"):
                self.rows(statement)

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a block as a transaction: one writer at a time over all processes. May be nested."""
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
        """Execute one statement."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def forget(self) -> None:
        """Delete everything."""
        with self.transaction():
            for table in EVERYTHING:
                self.rows(f"DELETE FROM {table}")  # noqa: S608 - names from the line above

    # -- time ------------------------------------------------------------------------------------------------------

    def clock(self) -> float:
        """The sandbox's clock, in seconds since 1970; it may have been moved forward."""
        found = self.rows("SELECT value FROM meta WHERE name = 'offset'")
        return time.time() + float(found[0][0] if found else 0)

    def now(self) -> int:
        """The sandbox's clock in whole seconds, as Stripe tells time."""
        return int(self.clock())

    def move_clock(self, seconds: float) -> None:
        """Move the clock forward for all processes on this file. Raises ValueError for a negative step."""
        if seconds < 0:
            raise ValueError("seconds must not be negative")
        self.rows(
            "INSERT INTO meta VALUES ('offset', ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            seconds,
        )

    def setting(self, name: str, default: str) -> str:
        """Return a setting of the account, or its default."""
        found = self.rows("SELECT value FROM meta WHERE name = ?", f"setting.{name}")
        return str(found[0][0]) if found else default

    def set_up(self, name: str, value: str) -> None:
        """Change a setting for all processes on this file."""
        self.rows("INSERT OR REPLACE INTO meta VALUES (?, ?)", f"setting.{name}", value)

    # -- objects -----------------------------------------------------------------------------------------------------

    def add(self, thing: Json) -> Json:
        self.rows(
            "INSERT INTO object (id, kind, created, json) VALUES (?, ?, ?, ?)",
            thing["id"],
            thing["object"],
            thing.get("created", self.now()),  # a mandate shows no time
            json.dumps(thing),
        )
        return thing

    def save(self, thing: Json) -> Json:
        self.rows("UPDATE object SET json = ? WHERE id = ?", json.dumps(thing), thing["id"])
        return thing

    def remove(self, identity: str) -> None:
        """Delete an object, and keep its tombstone."""
        self.rows("DELETE FROM object WHERE id = ?", identity)
        self.remember(identity, deleted=True)

    def get(self, identity: str, kind: str) -> Json | None:
        found = self.rows("SELECT json FROM object WHERE id = ? AND kind = ?", identity, kind)
        return json.loads(found[0][0]) if found else None

    def every(self, kind: str) -> list[Json]:
        """List all objects of a kind, oldest first."""
        return [json.loads(row[0]) for row in self.rows("SELECT json FROM object WHERE kind = ? ORDER BY seq", kind)]

    def of_charge(self, kind: str, charge_id: str) -> list[Json]:
        """List the refunds or disputes of one charge, oldest first."""
        where = "kind = ? AND json_extract(json, '$.charge') = ?"
        found = self.rows(f"SELECT json FROM object WHERE {where} ORDER BY seq", kind, charge_id)  # noqa: S608
        return [json.loads(row[0]) for row in found]

    def hide(self, identity: str, facts: Json) -> None:
        """Store data of an object that Stripe does not show."""
        self.rows("INSERT OR REPLACE INTO hidden VALUES (?, ?)", identity, json.dumps(facts))

    def remember(self, identity: str, **facts: Any) -> None:
        """Add to the data of an object that Stripe does not show."""
        self.hide(identity, self.hidden(identity) | facts)

    def hidden(self, identity: str) -> Json:
        """Return the hidden data of an object, or nothing."""
        found = self.rows("SELECT json FROM hidden WHERE id = ?", identity)
        return json.loads(found[0][0]) if found else {}


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; two processes that open a new file together block each other for a moment."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def new_id(prefix: str, length: int = 24) -> str:
    """Make an id in Stripe's format."""
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(length))}"
