"""Idempotency keys, as Stripe keeps them. Source: docs.stripe.com/api/idempotent_requests."""

import time
from dataclasses import dataclass

from sandbox.errors import StripeError
from sandbox.store import Store

KEY_LIFE_SECONDS = 24 * 3600
MAX_KEY = 255
BUSY_SECONDS = 120  # a process that dies while it holds a request does not block the key for ever


@dataclass(frozen=True, slots=True)
class Kept:
    """The stored answer of a key: always the same one."""

    status: int
    body: str
    request_id: str


class Keys:
    """The answers of each key in the last 24 hours."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def kept(self, key: str, fingerprint: str) -> Kept | None:
        """Return the answer stored under this key.

        Raises StripeError when the key is in use at this moment, or was used for another request.
        """
        if len(key) > MAX_KEY:
            raise _refusal(400, f"An idempotency key has at most {MAX_KEY} characters.")
        self._store.rows("DELETE FROM idempotency WHERE created <= ?", self._store.now() - KEY_LIFE_SECONDS)
        if self._store.rows("SELECT 1 FROM busy WHERE key = ? AND until > ?", key, time.time()):
            raise in_use()
        found = self._store.rows("SELECT fingerprint, status, body, request FROM idempotency WHERE key = ?", key)
        if not found:
            return None
        known, status, body, request_id = found[0]
        if known != fingerprint:
            raise _refusal(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
                f" Try using a key other than '{key}' if you meant to execute a different request.",
            )
        return Kept(status, body, request_id)

    def keep(self, key: str, fingerprint: str, answer: Kept) -> None:
        """Store the answer of this key."""
        self._store.rows(
            "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            key,
            fingerprint,
            self._store.now(),
            answer.status,
            answer.body,
            answer.request_id,
        )

    def take(self, key: str) -> bool:
        """Mark the key as in use, while a request waits for its execution; False if it already is."""
        with self._store.transaction():
            self._store.rows("DELETE FROM busy WHERE until <= ?", time.time())
            if self._store.rows("SELECT 1 FROM busy WHERE key = ?", key):
                return False
            self._store.rows("INSERT INTO busy VALUES (?, ?)", key, time.time() + BUSY_SECONDS)
            return True

    def taken(self, key: str) -> bool:
        """Return True while the key, or the lock of this name, is in use."""
        return bool(self._store.rows("SELECT 1 FROM busy WHERE key = ? AND until > ?", key, time.time()))

    def give_back(self, key: str) -> None:
        """Mark the key as free: its waiting request continues, or has ended."""
        self._store.rows("DELETE FROM busy WHERE key = ?", key)


def in_use() -> StripeError:
    """Make the error for a key that another running request uses."""
    error = _refusal(
        409,
        "There is currently another in-progress request using this idempotency key (that probably means you submitted"
        " twice, and the other request is still going through). Please try again later.",
    )
    error.body["error"]["code"] = "idempotency_key_in_use"
    return error


def _refusal(status: int, message: str) -> StripeError:
    return StripeError(status, {"type": "idempotency_error", "message": message})
