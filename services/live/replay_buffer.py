"""The newest entries of a list that only grows: stored once, read by many, each at an offset of its own."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class StreamEnded(Exception):
    """A stream that cannot go on. The client subscribes again, from its last position."""


class ConsumerLagged(StreamEnded):
    """The subscriber is slower than the changes, and the buffer has dropped some that it has not read."""


class StreamClosed(StreamEnded):
    """The process is stopping."""


class ReplayBuffer(Generic[Entry]):
    """The last `kept` entries, numbered without a gap up to `head`, whatever number the list began with.

    A reader costs only its offset, so a slow one cannot fill the memory: it is dropped.
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
        """Add entries and wake all readers that wait for them."""
        self._entries.extend(entries)
        self.head += len(entries)
        self._wake()

    def close(self) -> None:
        """End every reader."""
        self._is_closed = True
        self._wake()

    def from_offset(self, offset: int) -> list[Entry]:
        """Return all entries after this offset that are still here."""
        return [self._entries[n] for n in range(max(offset - self.start, 0), len(self._entries))]

    async def read_after(self, offset: int) -> Entry:
        """Wait for the entry after this offset. Raises ConsumerLagged if it was dropped, and StreamClosed."""
        while True:
            if self._is_closed:
                raise StreamClosed
            if offset < self.start:
                raise ConsumerLagged
            if offset < self.head:
                return self._entries[offset - self.start]
            await self._grown.wait()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
