"""Admission of WebSockets: tokens, pages, and quotas."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from domain.caller import LEEWAY
from server.graphql.subscriptions import StreamLimits
from tests.server.loopback import PATIENCE, Json, Served, failure, next_of, served
from tests.server.shop import FRONTEND, Shop, open_shop, token_for

EVENTS = "subscription { events { number } }"
ALMOST_EXPIRED = timedelta(seconds=2) - LEEWAY  # a token's end is in whole seconds


@pytest.fixture
async def server(shop: Shop) -> AsyncIterator[Served]:
    async with served(shop) as opened:
        yield opened


@pytest.mark.parametrize(
    "payload",
    [
        {"Authorization": "Bearer nonsense"},
        {"authorization": "Basic YTpi"},
        {"Authorization": 7},
        {"Authorization": f"Bearer {token_for(ttl=timedelta(hours=-1))}"},
        {"Authorization": f"Bearer {token_for('ada')}", "authorization": f"Bearer {token_for('bob')}"},
    ],
)
async def test_a_bad_token_is_4403(server: Served, payload: Json) -> None:
    async with server.socket(init=False) as socket:
        await socket.say(type="connection_init", payload=payload)

        assert await socket.closing() == (4403, "Forbidden")


async def test_the_token_may_come_in_lower_case_or_as_a_header_but_not_twice(server: Served) -> None:
    header = {"Authorization": f"Bearer {token_for('ada')}"}
    async with server.socket(init=False) as socket:
        await socket.say(type="connection_init", payload={"authorization": header["Authorization"]})
        assert await socket.hear() == {"type": "connection_ack"}
        assert await socket.answer("{ whoami }") == next_of({"whoami": "ada"})
    async with server.socket(additional_headers=header) as socket:
        assert await socket.answer("{ whoami }") == next_of({"whoami": "ada"})
    async with server.socket(init=False, additional_headers=header) as socket:
        await socket.say(type="connection_init", payload=header)
        assert await socket.closing() == (4403, "Forbidden")


async def test_the_socket_ends_with_its_token(server: Served) -> None:
    async with server.socket(token=token_for(ttl=ALMOST_EXPIRED)) as socket:
        await socket.answer(EVENTS)

        assert await socket.closing() == (4403, "Token expired")
        async with asyncio.timeout(PATIENCE):
            await server.shop.world.left.wait()


@pytest.mark.parametrize("origin", [None, FRONTEND, "http://127.0.0.1:{port}", "https://127.0.0.1:{port}"])
async def test_our_own_pages_and_the_allowed_ones_get_a_socket(server: Served, origin: str | None) -> None:
    page = origin and origin.format(port=server.port)
    async with server.socket(origin=page) as socket:
        assert await socket.is_alive()


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:99999", "https://shop.example.evil.example",
     "file://127.0.0.1", "http://[", "127.0.0.1:{port}", ""],
)  # fmt: skip
async def test_a_page_from_elsewhere_gets_no_socket(server: Served, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with server.socket(origin=origin.format(port=server.port)):
            raise AssertionError("it was let in")

    assert refused.value.response.status_code == 403


async def test_each_caller_and_the_process_have_so_many_sockets_and_no_more() -> None:
    shop = open_shop(stream_limits=StreamLimits(connections=4, connections_per_caller=2, anonymous_connections=2))
    async with (
        served(shop) as server,
        server.socket(token=token_for("ada")),
        server.socket(token=token_for("ada")),
    ):
        assert await _begin(server, "ada") == (1013, "Too many sockets")
        async with server.socket(token=token_for("bob")), server.socket(token=token_for("cleo")):
            assert shop.endpoint.connections.taken == 4
            assert await _begin(server, "dora") == (1013, "Too many sockets")
        async with asyncio.timeout(PATIENCE):
            while shop.endpoint.connections.taken > 2:
                await asyncio.sleep(0.01)
        async with server.socket(), server.socket():
            assert await _begin(server, "bob") == (1013, "Too many sockets")


async def _begin(server: Served, subject: str) -> tuple[int, str]:
    async with server.socket(init=False) as socket:
        with contextlib.suppress(ConnectionClosed):  # without a place in the quota it is closed at once
            await socket.say(type="connection_init", payload={"Authorization": f"Bearer {token_for(subject)}"})
        return await socket.closing()


async def test_each_caller_and_the_process_have_so_many_subscriptions_and_no_more() -> None:
    shop = open_shop(stream_limits=StreamLimits(subscriptions=3, subscriptions_per_caller=2))
    async with (
        served(shop) as server,
        server.socket(token=token_for("ada")) as first,
        server.socket(token=token_for("ada")) as second,
        server.socket(token=token_for("bob")) as other,
    ):
        assert (await first.answer(EVENTS))["type"] == "next"
        assert (await second.answer(EVENTS))["type"] == "next"
        assert failure(await second.answer(EVENTS, id="2")) == ("BAD_REQUEST", "TOO_MANY_STREAMS")
        assert (await other.answer(EVENTS))["type"] == "next"
        assert failure(await other.answer(EVENTS, id="2")) == ("BAD_REQUEST", "TOO_MANY_STREAMS")
        assert (await second.answer("{ hello }", id="3"))["type"] == "next"

        await first.say(id="1", type="complete")
        async with asyncio.timeout(PATIENCE):
            while shop.endpoint.subscriptions.places.taken == 3:
                await asyncio.sleep(0.01)
        assert await second.hear() == {"id": "3", "type": "complete"}
        assert (await second.answer(EVENTS, id="2"))["type"] == "next"
