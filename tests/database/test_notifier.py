"""Notifications are sent after the commit, for committed changes, gathered, and on a connection of their own."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from database.connection import parse_url
from database.notifier import CHANNEL, IDS_IN_ONE, notify_order_changed, send_notifications
from database.statements import query_rows
from database.transactions import run_in_transaction
from domain.ids import new_id
from models import Customer

PATIENCE = 10.0


class Listener:
    """All notifications."""

    def __init__(self) -> None:
        self.received: list[list[UUID]] = []
        self._more = asyncio.Event()

    def receive(self, *said: object) -> None:
        self.received.append([UUID(hex=text) for text in str(said[-1]).split(",")])
        self._more.set()

    async def until(self, order_id: UUID) -> list[list[UUID]]:
        """Return all notifications up to the one with this order."""
        async with asyncio.timeout(PATIENCE):
            while not any(order_id in notified for notified in self.received):
                self._more.clear()
                await self._more.wait()
        return self.received


@pytest.fixture
async def listener(opened: str) -> AsyncIterator[Listener]:
    listening = Listener()
    connection = await asyncpg.connect(**parse_url(opened))
    await connection.add_listener(CHANNEL, listening.receive)
    async with send_notifications(opened, enabled=True):
        yield listening
    connection.terminate()


async def _notified(*order_ids: UUID) -> None:
    async def body() -> None:
        for order_id in order_ids:
            notify_order_changed(order_id)

    await run_in_transaction(body)


async def test_it_notifies_once_for_many_changes(listener: Listener) -> None:
    order_id, last = new_id(), new_id()

    await asyncio.gather(*(_notified(order_id) for _ in range(20)))
    await _notified(last)

    assert sum(notified.count(order_id) for notified in await listener.until(last)) == 1


async def test_it_does_not_notify_before_the_commit_nor_of_a_rollback(listener: Listener) -> None:
    committed, refused, meanwhile = new_id(), new_id(), new_id()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        notify_order_changed(committed)
        begun.set()
        await go_on.wait()

    async def failing() -> None:
        notify_order_changed(refused)
        raise LookupError

    running = asyncio.create_task(run_in_transaction(slow))
    await begun.wait()
    with pytest.raises(LookupError):
        await run_in_transaction(failing)
    await _notified(meanwhile)
    assert not any(committed in notified for notified in await listener.until(meanwhile))
    go_on.set()
    await running

    assert not any(refused in notified for notified in await listener.until(committed))


async def test_notifications_of_an_aborted_attempt_are_forgotten(listener: Listener, admin: asyncpg.Connection) -> None:
    """The first attempt loses its connection, the second one commits."""
    tries: list[UUID] = []

    async def body() -> None:
        tries.append(new_id())
        notify_order_changed(tries[-1])
        [own] = await query_rows("SELECT pg_backend_pid() AS pid")
        if len(tries) == 1:
            await admin.execute("SELECT pg_terminate_backend($1)", own["pid"])
        await Customer.create(external_id="ada")

    await run_in_transaction(body)

    assert len(tries) == 2
    assert await listener.until(tries[1]) == [[tries[1]]]


async def test_more_ids_than_one_notification_carries_are_several(listener: Listener) -> None:
    order_ids = [new_id() for _ in range(3 * IDS_IN_ONE)]

    await _notified(*order_ids)
    for order_id in order_ids:
        await listener.until(order_id)

    assert sorted(order_id for notified in listener.received for order_id in notified) == order_ids
    assert max(len(notified) for notified in listener.received) == IDS_IN_ONE


async def test_it_goes_on_notifying_when_its_connection_was_lost(listener: Listener, admin: asyncpg.Connection) -> None:
    first, second = new_id(), new_id()
    await _notified(first)
    await listener.until(first)

    cut_off = await admin.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'paygraph-notifier'"
    )
    await _notified(second)

    assert second in [order_id for notified in await listener.until(second) for order_id in notified]
    assert cut_off


async def test_the_last_notification_is_received_after_it_was_closed(opened: str) -> None:
    listening = Listener()
    connection = await asyncpg.connect(**parse_url(opened))
    await connection.add_listener(CHANNEL, listening.receive)
    order_id = new_id()

    async with send_notifications(opened, enabled=True):
        await _notified(order_id)

    assert await listening.until(order_id) == [[order_id]]
    connection.terminate()


async def test_switched_off_it_notifies_nobody_and_everything_commits(opened: str) -> None:
    async with send_notifications(opened, enabled=False):
        await _notified(new_id())
    await _notified(new_id())
