"""One client is one address, however the network, a translator or a proxy spells it."""

import pytest
from starlette.types import Scope

from server.access.client_addresses import address_of, network_of, site_of


def scope_of(peer: str, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"type": "http", "client": (peer, 40_000), "headers": headers}


@pytest.mark.parametrize(
    "spelled",
    [
        "192.0.2.33",
        "::ffff:192.0.2.33",  # RFC 4291, 2.5.5.2: what a dual-stack socket sees
        "::ffff:c000:221",
        "::FFFF:C000:0221",
        "64:ff9b::192.0.2.33",  # RFC 6052, 2.4: through a translator
        "64:ff9b::c000:221",
        "192.0.2.33:5555",  # RFC 7239, 6: proxies may add the port
        "[::ffff:192.0.2.33]:443",
        "[64:ff9b::c000:221]",
    ],
)
def test_an_ipv4_client_is_its_ipv4_address(spelled: str) -> None:
    assert network_of(spelled) == "192.0.2.33"
    assert address_of(scope_of("10.0.0.1", spelled), proxies=1) == "192.0.2.33"
    assert site_of(network_of(spelled)) is None


@pytest.mark.parametrize(
    "spelled", ["2001:db8:1:2::1", "2001:DB8:1:2:ffff::9", "[2001:db8:1:2::1]:443", "[2001:db8:1:2::1]"]
)
def test_an_ipv6_client_is_its_network_within_its_site(spelled: str) -> None:
    assert network_of(spelled) == "2001:db8:1:2::/64"
    assert site_of(network_of(spelled)) == "2001:db8:1::/48"


def test_two_ipv4_clients_of_a_dual_stack_socket_are_two() -> None:
    one, other = (scope_of(f"::ffff:{address}") for address in ("192.0.2.1", "198.51.100.1"))

    assert address_of(one, proxies=0) != address_of(other, proxies=0)


@pytest.mark.parametrize("nonsense", ["unknown", "_hidden", "", "1.2.3.4:", "[::1", "[]:5", "1.2.3.4:999999"])
def test_a_proxy_that_names_no_address_leaves_the_connections_own(nonsense: str) -> None:
    assert address_of(scope_of("10.0.0.1", nonsense), proxies=1) == "10.0.0.1"


def test_what_stands_left_of_the_trusted_proxies_is_not_believed() -> None:
    said = scope_of("10.0.0.1", "203.0.113.7, 192.0.2.33:1", "[2001:db8::1]:2")

    assert address_of(said, proxies=0) == "10.0.0.1"
    assert address_of(said, proxies=1) == "2001:db8::/64"
    assert address_of(said, proxies=2) == "192.0.2.33"
    assert address_of(said, proxies=4) == "10.0.0.1"
