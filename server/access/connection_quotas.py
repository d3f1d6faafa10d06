"""How many of something there may be at once: in all, and before that of one address."""

import asyncio
from collections import Counter
from typing import Final

import structlog

from server.access.client_addresses import SITE_SHARES, site_of

log = structlog.stdlib.get_logger("server.quotas")

SHARES: Final = (1, SITE_SHARES)
QUIET_SECONDS: Final = 10.0  # between two lines about refusals: a flood must not fill the log


class Place:
    """One place that is taken, until `release`."""

    __slots__ = ("_names", "_quota")

    def __init__(self, quota: "AddressQuota", names: tuple[str, ...]) -> None:
        self._quota = quota
        self._names = names

    def release(self) -> None:
        """Give the place back. A second time does nothing."""
        names, self._names = self._names, ()
        if names:
            self._quota.release(names)


class AddressQuota:
    """So many places, of which each address may hold so many, and the site around it four times as many.

    `per_address` None bounds no address: behind a proxy, all connections have the proxy's. `of` names what is counted,
    for the log.
    """

    def __init__(self, total: int, *, per_address: int | None, of: str) -> None:
        self._total = total
        self._per_address = per_address
        self._of = of
        self._taken: Counter[str] = Counter()
        self._refused = 0
        self._quiet_until = 0.0

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken[""]

    def acquire(self, address: str) -> Place | None:
        """A place for this address, as `network_of` gives it; None when there is none. Empty is no address."""
        names = self._names(address)
        for name, share in zip(names[1:], SHARES, strict=False):
            if self._per_address is not None and self._taken[name] >= self._per_address * share:
                self._tell("one address")
                return None
        if self._taken[""] >= self._total:
            self._tell("all")
            return None
        self._taken.update(names)
        return Place(self, names)

    def release(self, names: tuple[str, ...]) -> None:
        """Give a place back."""
        for name in names:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]

    def _names(self, address: str) -> tuple[str, ...]:
        """What a place counts for: all, its address, the site around it."""
        if not address or self._per_address is None:
            return ("",)
        site = site_of(address)
        return ("", address) if site is None else ("", address, site)

    def _tell(self, bound: str) -> None:
        """Log that somebody was refused, once in a while, without whose address it was."""
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            log.warning("quota.refused", of=self._of, bound=bound, refused=self._refused, taken=self.taken)
            self._quiet_until, self._refused = now + QUIET_SECONDS, 0
