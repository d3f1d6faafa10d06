"""The newest entries of a list that only grows: read by many at once, each at a place of their own, kept once."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class StreamEnded(Exception):
    """A stream cannot go on. The client subscribes again, from where it was."""


class ConsumerLagged(StreamEnded):
    """The subscriber takes less than comes; what it has not taken is not kept for it."""


class StreamClosed(StreamEnded):
    """The process is going."""


class ReplayBuffer(Generic[Entry]):
    """The last `kept` entries, numbered without a gap up to `head`, whatever number the list began with.

    A reader costs nothing but its place, so a slow one cannot fill the memory: it falls off the end.
    """

    def __init__(self, head: int, *, kept: int) -> None:
        self.head = head
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._grown = asyncio.Event()
        self._is_closed = False

    @property
    def start(self) -> int:
        """The number before the first entry that is still here."""
        return self.head - len(self._entries)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries and wake whoever waits for them."""
        self._entries.extend(entries)
        self.head += len(entries)
        self._wake()

    def close(self) -> None:
        """Let every reader end."""
        self._is_closed = True
        self._wake()

    def from_place(self, place: int) -> list[Entry]:
        """All entries after this place, of those that are still here."""
        return [self._entries[n] for n in range(max(place - self.start, 0), len(self._entries))]

    async def after(self, place: int) -> Entry:
        """The entry that follows this place, waiting for it. Raises ConsumerLagged when it has been dropped, and
        Closed."""
        while True:
            if self._is_closed:
                raise StreamClosed
            if place < self.start:
                raise ConsumerLagged
            if place < self.head:
                return self._entries[place - self.start]
            await self._grown.wait()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
