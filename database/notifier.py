"""The notifier: processes notify each other of changed orders, by PostgreSQL's NOTIFY.

A notification carries only ids. A lost, doubled or late one changes only how soon a follower reads the change.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from database.connection import SESSION, parse_url
from database.errors import OF_THE_DRIVER, reason_of
from database.keepalive import connect
from database.transactions import after_commit

log = structlog.get_logger(__name__)

CHANNEL: Final = "paygraph_order"
NOTIFY: Final = "SELECT pg_notify($1, text) FROM unnest($2::text[]) AS text"
GATHER_SECONDS: Final = 0.02  # one payment changes several times within a few milliseconds
IDS_IN_ONE: Final = 200  # a NOTIFY carries less than 8,000 bytes, an id and its comma are 33
MOST_UNSENT: Final = 10_000  # orders; followers poll every few seconds anyway
ANSWER_SECONDS: Final = 5.0
LAST_NOTIFY_SECONDS: Final = 1.0
ALIVE_SECONDS: Final = 5.0  # how often a silent connection is checked
FIRST_WAIT_SECONDS: Final = 0.05
LONGEST_WAIT_SECONDS: Final = 10.0
TROUBLE: Final = (*OF_THE_DRIVER, OSError)

_open: "Notifier | None" = None


def notify_order_changed(order_id: UUID) -> None:
    """Notify the followers of this order once the running transaction has committed."""
    after_commit(partial(_queue, order_id))


def _queue(order_id: UUID) -> None:
    if _open is not None:
        _open.queue(order_id)


class Notifier:
    """Sends notifications on a connection of its own: NOTIFY inside a transaction delays its commit.

    The notifications of 20 ms are sent as one.
    """

    def __init__(self, url: str) -> None:
        self._address = _address(url, "paygraph-notifier")
        self._pending: set[UUID] = set()
        self._has_pending = asyncio.Event()
        self._connection: asyncpg.Connection | None = None

    def queue(self, order_id: UUID) -> None:
        """Send a notification of this order within 20 ms."""
        if len(self._pending) < MOST_UNSENT:
            self._pending.add(order_id)
            self._has_pending.set()

    async def run(self) -> None:
        """Send the pending notifications until cancelled."""
        while True:
            await self._has_pending.wait()
            await asyncio.sleep(GATHER_SECONDS)
            await self._send()

    async def close(self) -> None:
        """Send the pending notifications, and disconnect."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_NOTIFY_SECONDS):
                await self._send()
        self._disconnect()

    async def _send(self) -> None:
        """Send all pending notifications; a connection that was lost meanwhile is replaced once."""
        self._has_pending.clear()
        ids = [order_id.hex for order_id in self._pending]
        self._pending.clear()
        texts = [",".join(ids[n : n + IDS_IN_ONE]) for n in range(0, len(ids), IDS_IN_ONE)]
        if not texts:
            return
        for is_last in (self._connection is None, True):
            try:
                if self._connection is None:
                    self._connection = await connect(self._address, timeout=ANSWER_SECONDS)
                await self._connection.execute(NOTIFY, CHANNEL, texts, timeout=ANSWER_SECONDS)
                return
            except TROUBLE as error:
                self._disconnect()
                if is_last:
                    log.warning("notifier.not_sent", orders=len(ids), reason=reason_of(error))
                    return

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


@asynccontextmanager
async def send_notifications(url: str, *, enabled: bool) -> AsyncIterator[None]:
    """Send this process's notifications while the context is open.

    If not `enabled`, nothing is sent, and followers only poll.
    """
    global _open
    if not enabled:
        yield
        return
    notifier = Notifier(url)
    sending = asyncio.create_task(notifier.run())
    _open = notifier
    try:
        yield
    finally:
        _open = None
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await notifier.close()


async def listen(
    url: str, *, on_notification: Callable[[frozenset[UUID]], None], connected: Callable[[], None]
) -> None:
    """Receive notifications until cancelled, on one connection that reconnects after growing waits.

    `connected` is called whenever it begins to receive: earlier notifications are lost.
    """
    address, wait = _address(url, "paygraph-listener"), FIRST_WAIT_SECONDS
    while True:
        try:
            connection = await connect(address, timeout=ANSWER_SECONDS)
            try:
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await connection.add_listener(CHANNEL, lambda *arguments: on_notification(_ids(arguments[-1])))
                connected()
                wait = FIRST_WAIT_SECONDS
                await _wait_until_lost(connection, lost)
            finally:
                connection.terminate()
        except TROUBLE as error:
            log.warning("notifier.not_received", reason=reason_of(error))
        await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - jitter, not a secret
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)


async def _wait_until_lost(connection: asyncpg.Connection, lost: asyncio.Event) -> None:
    """Return when the connection is lost. A network that drops all packets is detected by a query."""
    while not lost.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(ALIVE_SECONDS):
                await lost.wait()
                return
        await connection.execute("SELECT 1", timeout=ANSWER_SECONDS)


def _ids(payload: object) -> frozenset[UUID]:
    """Return the ids in a notification; other text is left out, because any session may send one."""
    found = set()
    for text in str(payload).split(","):
        with suppress(ValueError):
            found.add(UUID(hex=text))
    return frozenset(found)


def _address(url: str, name: str) -> dict[str, Any]:
    address = parse_url(url)
    session = {**SESSION, "application_name": name, **address.get("server_settings", {})}
    return {**address, "server_settings": session}
