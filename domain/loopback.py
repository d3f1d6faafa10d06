"""Hosts of this machine, in any spelling."""

from ipaddress import IPv6Address, ip_address
from typing import Final

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(host: str) -> bool:
    """Return True for this machine, in any spelling."""
    name = host.rstrip(".").lower()
    if name in LOOPBACK or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
