"""The poll loop: polls as soon as a notification comes, and every few seconds anyway."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final
from uuid import UUID

import structlog

from database.transactions import DatabaseUnavailable

log = structlog.get_logger(__name__)

AFTER_TROUBLE_SECONDS: Final = 0.5

Poll = Callable[[Sequence[UUID], bool], Awaitable[None]]


class PollLoop:
    """Calls `poll` with the notified orders, and with True when it is time to check all of them.

    Notifications that come during a call are gathered for the next one. After a failure they are kept.
    """

    def __init__(self, poll: Poll, *, seconds: float) -> None:
        self._poll = poll
        self._seconds = seconds
        self._notified: dict[UUID, None] = {}  # in the order in which they were notified
        self._all = False
        self._awake = asyncio.Event()

    def notify(self, order_ids: Iterable[UUID]) -> None:
        """Check these orders at once."""
        self._notified.update(dict.fromkeys(order_ids))
        self._awake.set()

    def notify_all(self) -> None:
        """Check everything at once."""
        self._all = True
        self._awake.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        clock = asyncio.get_running_loop()
        round_ = clock.call_later(self._seconds, self.notify_all)
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                notified, everything = self._notified, self._all
                self._notified, self._all = {}, False
                try:
                    await self._poll(list(notified), everything)
                except Exception as error:  # noqa: BLE001 - whatever it was, the other followers go on
                    report = log.warning if isinstance(error, DatabaseUnavailable) else log.error
                    report("live.not_looked", reason=type(error).__name__)
                    self._notified = {**notified, **self._notified}
                    self._all = self._all or everything
                    self._awake.set()
                    await asyncio.sleep(AFTER_TROUBLE_SECONDS)
                if everything:  # notifications do not put it off: another one may have been lost
                    round_.cancel()
                    round_ = clock.call_later(self._seconds, self.notify_all)
        finally:
            round_.cancel()
