"""Live status of one process: the followed orders, the payment feed, and the notifications that wake them.

A notification starts a query at once; a poll every few seconds makes up for a lost notification.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from uuid import UUID

from database.notifier import listen
from services.live.order_stream import OrderStream
from services.live.payment_feed import PaymentFeed


class Live:
    """Everything that is followed in this process: orders one by one, and the feed of all payments."""

    def __init__(self, *, poll_seconds: float = 3.0) -> None:
        self.orders = OrderStream(poll_seconds=poll_seconds)
        self.feed = PaymentFeed(poll_seconds=poll_seconds)
        self._has_followers = asyncio.Event()

    @asynccontextmanager
    async def run(self, url: str | None) -> AsyncIterator[None]:
        """Poll, and listen to notifications of the database at `url`, if any; at the end close every stream."""
        tasks = [asyncio.create_task(self.orders.poll_loop.run()), asyncio.create_task(self.feed.poll_loop.run())]
        if url is not None:
            tasks.append(asyncio.create_task(self._listen(url)))
        try:
            yield
        finally:
            self.orders.close()
            self.feed.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def start_listening(self) -> None:
        """Begin to listen. A process without followers spends no connection on it."""
        self._has_followers.set()

    async def _listen(self, url: str) -> None:
        await self._has_followers.wait()
        await listen(url, on_notification=self._on_notification, connected=self._connected)

    def _on_notification(self, order_ids: Iterable[UUID]) -> None:
        self.orders.on_notification(order_ids)
        self.feed.on_notification(order_ids)

    def _connected(self) -> None:
        self.orders.poll_loop.notify_all()
        self.feed.poll_loop.notify_all()
