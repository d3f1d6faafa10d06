"""Connection quotas: a maximum in all, and a smaller one for each client address."""

import asyncio
from collections import Counter
from typing import Final

import structlog

from server.access.client_addresses import SITE_SHARES, site_of

log = structlog.stdlib.get_logger("server.quotas")

SHARES: Final = (1, SITE_SHARES)
QUIET_SECONDS: Final = 10.0  # between two log lines about refusals: a flood must not fill the log


class Place:
    """One connection's share of a quota, held until `release`."""

    __slots__ = ("_names", "_quota")

    def __init__(self, quota: "AddressQuota", names: tuple[str, ...]) -> None:
        self._quota = quota
        self._names = names

    def release(self) -> None:
        """Return the place to the quota. A second call does nothing."""
        names, self._names = self._names, ()
        if names:
            self._quota.release(names)


class AddressQuota:
    """A quota in all, for each address, and for the site around an address (four times an address's quota).

    `per_address` None bounds no address: behind a proxy, all connections have the proxy's. `of` names the counted thing
    in the log.
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
        """The number of places in use."""
        return self._taken[""]

    def acquire(self, address: str) -> Place | None:
        """Take a place for this address, as `network_of` returns it; None when the quota is used up.

        An empty text counts for no address.
        """
        names = self._names(address)
        for name, share in zip(names[1:], SHARES, strict=False):
            if self._per_address is not None and self._taken[name] >= self._per_address * share:
                self._log_refusal("one address")
                return None
        if self._taken[""] >= self._total:
            self._log_refusal("all")
            return None
        self._taken.update(names)
        return Place(self, names)

    def release(self, names: tuple[str, ...]) -> None:
        """Return a place to the quota."""
        for name in names:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]

    def _names(self, address: str) -> tuple[str, ...]:
        """List the names a place counts under: all, its address, the site around the address."""
        if not address or self._per_address is None:
            return ("",)
        site = site_of(address)
        return ("", address) if site is None else ("", address, site)

    def _log_refusal(self, bound: str) -> None:
        """Log that a client was refused, at most once in `QUIET_SECONDS`, without the client's address."""
        self._refused += 1
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            log.warning("quota.refused", of=self._of, bound=bound, refused=self._refused, taken=self.taken)
            self._quiet_until, self._refused = now + QUIET_SECONDS, 0
