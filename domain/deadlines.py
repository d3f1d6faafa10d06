"""Deadlines by clocks that run on while a process is frozen: stopped by a signal, asleep or paused with its machine."""

import time
from dataclasses import dataclass
from math import inf
from typing import Final

# Linux counts the machine's sleep in this clock; elsewhere the monotonic clock is the closest.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment after which an action must not begin, in seconds of two clocks; it is over when either clock says so.

    The clock since the machine's start cannot be set, but it may stand still while a virtual machine is paused; the
    wall clock is corrected right after the pause.
    """

    elapsed: float
    wall: float

    @classmethod
    def within(cls, seconds: float) -> "Deadline":
        """Return the deadline `seconds` from now."""
        return cls(time.clock_gettime(_CLOCK) + seconds, time.time() + seconds)

    @property
    def is_over(self) -> bool:
        return time.clock_gettime(_CLOCK) >= self.elapsed or time.time() >= self.wall

    def or_earlier(self, other: "Deadline") -> "Deadline":
        """Return the earlier of two deadlines, by each clock."""
        return Deadline(min(self.elapsed, other.elapsed), min(self.wall, other.wall))


NEVER: Final = Deadline(inf, inf)
PAST: Final = Deadline(-inf, -inf)
