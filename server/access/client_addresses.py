"""Client addresses as the limits count them: one customer's network, however the address is spelled.

An IPv4 address inside an IPv6 one is that IPv4 address: a socket that listens to both protocols sees `::ffff:1.2.3.4`
(RFC 4291, 2.5.5.2), and a translator `64:ff9b::102:304` (RFC 6052). Of an IPv6 address the /64 counts, for its customer
chooses the rest freely. The /48 around it counts as well: one customer may be assigned that much (RFC 6177).
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.types import Scope

from server.http.negotiation import header_values

NETWORK_BITS: Final = 64
SITE_BITS: Final = 48
SITE_SHARES: Final = 4  # a /48 has the quota of only four addresses, though 65,536 networks are in it
IPV6_BITS: Final = 128
TRANSLATED: Final = IPv6Network("64:ff9b::/96")
WITH_PORT: Final = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?|(?P<v4>[0-9.]{7,15}):[0-9]{1,5}")
LONGEST: Final = 100  # characters kept of a peer name that is no IP address


def address_of(scope: Scope, *, proxies: int) -> str:
    """Return the client's address as the outermost of `proxies` trusted proxies saw it.

    `1.2.3.4`, or the network of an IPv6 address, `2001:db8:0:1::/64`. Entries further left in X-Forwarded-For are the
    client's own claims, and are ignored.
    """
    peer: str = (scope.get("client") or ("", 0))[0]
    if proxies == 0:
        return network_of(peer)
    forwarded = [part.strip() for value in header_values(scope, b"x-forwarded-for") for part in value.split(",")]
    claimed = forwarded[-proxies] if proxies <= len(forwarded) else ""
    return _network(claimed) or network_of(peer)


def network_of(text: str) -> str:
    """Return the network that counts as one address; a text that is no IP address is returned itself, cut short."""
    return _network(text) or text[:LONGEST]


@lru_cache(maxsize=4096)
def site_of(network: str) -> str | None:
    """Return the /48 around the network of an IPv6 address; None for anything else."""
    base, _, bits = network.partition("/")
    return _prefix(IPv6Address(base), SITE_BITS) if bits == str(NETWORK_BITS) else None


@lru_cache(maxsize=4096)  # parsing one costs 3 µs, and most clients return
def _network(text: str) -> str | None:
    address = _parsed(text)
    if address is None:
        return None
    return str(address) if isinstance(address, IPv4Address) else _prefix(address, NETWORK_BITS)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    if (found := WITH_PORT.fullmatch(text)) is not None:
        text = found["v6"] or found["v4"]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in TRANSLATED else address


def _prefix(address: IPv6Address, bits: int) -> str:
    base = int(address) >> (IPV6_BITS - bits) << (IPV6_BITS - bits)
    return f"{IPv6Address(base)}/{bits}"
