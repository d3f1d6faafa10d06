"""Limits of a connection: time for a header, a body and between requests; bytes of a header; quotas by address."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from websockets.exceptions import ConnectionClosed

from server.graphql import uvicorn_protocols
from server.graphql.subscriptions import StreamLimits
from server.graphql.uvicorn_protocols import ConnectionLimits
from tests.server.loopback import PATIENCE, Served, served
from tests.server.shop import Shop, open_shop, token_for

SHORT = 0.3  # seconds that a test waits for
PACE = 0.02  # seconds between two bytes of a client that sends one at a time
HELLO = b"GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nHost: shop\r\n"
ANOTHER = "127.0.0.2"


class Line:
    """A TCP connection to the server, written by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def trickle(self, data: bytes) -> None:
        """Send one byte at a time, for as long as the server listens."""
        for byte in data:
            if self.writer.is_closing():
                return
            await self.write(bytes([byte]))
            await asyncio.sleep(PACE)

    async def answer(self) -> tuple[int, str]:
        """Read the status and the body of one answer."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            [length] = [header for header in head.lower().splitlines() if header.startswith("content-length:")]
            body = await self.reader.readexactly(int(length.partition(":")[2]))
        return int(head.split()[1]), body.decode()

    async def refusal(self) -> tuple[int, str]:
        """Read the status and the reason of an answer that is the last."""
        status, body = await self.answer()
        assert await self.rest() == b""
        [error] = json.loads(body)["errors"]
        assert error["extensions"]["requestId"].startswith("req_")
        return status, error["extensions"]["reason"]

    async def rest(self) -> bytes:
        """Read until the server disconnects."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def line(server: Served, address: str = "127.0.0.1") -> AsyncIterator[Line]:
    plug = socket.create_connection(("127.0.0.1", server.port), source_address=(address, 0))
    reader, writer = await asyncio.open_connection(sock=plug)
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()


async def until_free(server: Served) -> None:
    """Wait until the server holds no connection any more."""
    async with asyncio.timeout(PATIENCE):
        while server.server.server_state.connections:
            await asyncio.sleep(0.01)


@pytest.fixture
async def server(shop: Shop) -> AsyncIterator[Served]:
    async with served(shop, limits=ConnectionLimits(header_seconds=SHORT, idle_seconds=SHORT)) as opened:
        yield opened


# -- time ------------------------------------------------------------------------------------------------------------


async def test_a_connection_that_says_nothing_is_closed(server: Served) -> None:
    async with line(server) as silent:
        assert await silent.rest() == b""


@pytest.mark.parametrize("half", [HELLO, b"G", HELLO + b"X-Half: of a head", b"\r\n"])
async def test_half_a_header_is_closed(server: Served, half: bytes) -> None:
    async with line(server) as slow:
        await slow.write(half)

        assert await slow.refusal() == (408, "HEADER_TIMEOUT")


@pytest.mark.parametrize("text", [HELLO + b"X: " + b"y" * 1_000, b"\r\n" * 500])
async def test_a_header_that_trickles_has_the_same_time_as_one_that_stops(server: Served, text: bytes) -> None:
    async with line(server) as slow, asyncio.timeout(PATIENCE / 2):  # a timer restarted by each byte took 20 s
        trickling = asyncio.create_task(slow.trickle(text))
        with suppress(ConnectionError):
            assert await slow.refusal() == (408, "HEADER_TIMEOUT")
        trickling.cancel()


@pytest.mark.parametrize("next_one", [b"", b"GET", HELLO, b"\r\n"])
async def test_what_is_half_a_request_after_an_answered_one_is_closed(server: Served, next_one: bytes) -> None:
    async with line(server) as slow:
        await slow.write(HELLO + b"\r\n")
        assert (await slow.answer())[0] == 200
        await slow.write(next_one)

        assert (await slow.rest())[:12] == (b"HTTP/1.1 408" if next_one else b"")


async def test_a_body_that_trickles_after_its_answer_is_closed(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_protocols, "BODY_SECONDS", SHORT)
    async with line(server) as slow, asyncio.timeout(PATIENCE):
        await slow.write(HELLO + b"Content-Length: 100000\r\n\r\n")
        assert (await slow.answer())[0] == 200
        trickling = asyncio.create_task(slow.trickle(b"b" * 10_000))

        assert await slow.rest() == b""
        trickling.cancel()


async def test_an_answer_that_takes_longer_than_a_header_may_is_given(server: Served) -> None:
    world = server.shop.world
    body = json.dumps({"query": 'mutation { pay(key: "k") }'}).encode()
    async with line(server) as patient, line(server) as silent:
        await patient.write(
            b"POST /graphql HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        async with asyncio.timeout(PATIENCE):
            await world.started.wait()
        assert await silent.rest() == b""  # its time, as long as a header's, is over
        world.gate.set()

        assert (await patient.answer())[0] == 200


async def test_a_websocket_lives_longer_than_a_header_may(server: Served) -> None:
    async with server.socket() as websocket, line(server) as silent:
        assert await silent.rest() == b""
        assert await websocket.is_alive()


# -- bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        b"X-Large: " + b"x" * (64 * 1024) + b"\r\n\r\n",
        b"X-Endless: " + b"x" * (64 * 1024 + 512),
        b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1_000) for number in range(70)) + b"\r\n",
        b"".join(b"X-%d: 1\r\n" % number for number in range(101)) + b"\r\n",
        b"x" * (64 * 1024 + 512),
    ],
)
@pytest.mark.parametrize("piece", [1_000, 1_000_000])
async def test_a_header_that_is_too_large_is_431(shop: Shop, fields: bytes, piece: int) -> None:
    async with served(shop) as server, line(server) as large:
        text = HELLO + fields
        for start in range(0, len(text), piece):
            await large.write(text[start : start + piece])

        assert await large.refusal() == (431, "HEADER_TOO_LARGE")


async def test_a_header_of_common_size_is_read(shop: Shop) -> None:
    async with served(shop) as server, line(server) as usual:
        await usual.write(HELLO + b"Cookie: " + b"x" * 16_000 + b"\r\n\r\n")

        assert (await usual.answer())[0] == 200


async def test_an_address_that_is_too_long_is_414(shop: Shop) -> None:
    async with served(shop) as server, line(server) as long:
        await long.write(b"GET /graphql?query=" + b"x" * 200_000)

        assert await long.refusal() == (414, "TARGET_TOO_LONG")


async def test_what_is_no_http_is_told_so(server: Served) -> None:
    async with line(server) as broken:
        await broken.write(b"\x16\x03\x01 hello over TLS\r\n\r\n")

        assert await broken.refusal() == (400, "INVALID_HTTP")


async def test_a_handshake_with_a_line_that_no_websocket_may_have_is_refused_and_keeps_no_place(shop: Shop) -> None:
    async with served(shop) as server, line(server) as large:
        await large.write(
            b"GET /graphql HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Cookie: " + b"c" * 10_000 + b"\r\n\r\n"
        )

        assert await large.refusal() == (400, "INVALID_HANDSHAKE")
        await until_free(server)


async def test_trailers_are_bounded_and_are_no_headers(shop: Shop) -> None:
    begin = (
        b"POST /graphql HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'13\r\n{"query":"{whoami}"}\r\n0\r\n'.replace(b"13", b"%x" % len(b'{"query":"{whoami}"}'))
    )
    async with served(shop) as server, line(server) as honest, line(server) as flood:
        await honest.write(begin + f"Authorization: Bearer {token_for('ada')}\r\n\r\n".encode())
        await flood.write(begin + b"X-Endless: " + b"x" * 1_000_000)

        assert json.loads((await honest.answer())[1])["data"] == {"whoami": None}
        await flood.rest()  # the server disconnects, though the body never ended


async def test_a_thousand_requests_at_once_on_one_connection_are_not_queued(server: Served) -> None:
    async with line(server) as greedy, line(server) as other:
        await greedy.write((HELLO + b"\r\n") * 1_000)
        assert (await greedy.rest()).count(b"HTTP/1.1 200") <= uvicorn_protocols.PIPELINED + 1

        await other.write((HELLO + b"\r\n") * 3)
        assert [(await other.answer())[0] for _ in range(3)] == [200] * 3


# -- places ----------------------------------------------------------------------------------------------------------


async def test_an_address_has_so_many_connections_and_others_do_not_notice(shop: Shop) -> None:
    async with (
        served(shop, limits=ConnectionLimits(connections=5, per_address=2)) as server,
        AsyncExitStack() as stack,
    ):
        mine = [await stack.enter_async_context(line(server)) for _ in range(2)]
        third = await stack.enter_async_context(line(server))
        assert await third.refusal() == (429, "TOO_MANY_CONNECTIONS")

        other = await stack.enter_async_context(line(server, ANOTHER))
        await other.write(HELLO + b"\r\n")
        assert (await other.answer())[0] == 200

        mine[0].writer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            while len(server.server.server_state.connections) > 2:
                await asyncio.sleep(0.01)
        again = await stack.enter_async_context(line(server))
        await again.write(HELLO + b"\r\n")
        assert (await again.answer())[0] == 200


async def test_a_process_has_so_many_connections_in_all(shop: Shop) -> None:
    async with (
        served(shop, limits=ConnectionLimits(connections=3, per_address=2)) as server,
        AsyncExitStack() as stack,
    ):
        for address in ("127.0.0.3", "127.0.0.4", "127.0.0.5"):
            await stack.enter_async_context(line(server, address))
        late = await stack.enter_async_context(line(server))

        assert await late.refusal() == (429, "TOO_MANY_CONNECTIONS")


async def test_behind_a_proxy_no_address_is_bounded(shop: Shop) -> None:
    async with served(shop, limits=ConnectionLimits(per_address=None)) as server, AsyncExitStack() as stack:
        for _ in range(300):
            last = await stack.enter_async_context(line(server))
        await last.write(HELLO + b"\r\n")

        assert (await last.answer())[0] == 200


async def test_three_hundred_idle_connections_of_one_address_leave_others_served_at_once(shop: Shop) -> None:
    async with served(shop) as server, AsyncExitStack() as stack:
        for _ in range(300):
            await stack.enter_async_context(line(server))

        other = await stack.enter_async_context(line(server, ANOTHER))
        await other.write(HELLO + b"\r\n")
        assert (await other.answer())[0] == 200
        async with server.socket(local_addr=(ANOTHER, 0)) as websocket:
            assert await websocket.is_alive()


async def test_a_websocket_keeps_the_place_of_its_connection_and_gives_it_back(shop: Shop) -> None:
    async with served(shop, limits=ConnectionLimits(per_address=1)) as server:
        for _ in range(3):
            async with server.socket() as websocket:
                async with line(server) as second:
                    assert await second.refusal() == (429, "TOO_MANY_CONNECTIONS")
                assert await websocket.is_alive()
            await until_free(server)


@pytest.mark.parametrize("init", [False, True])
async def test_idle_strangers_of_one_address_lock_nobody_out_of_websockets(init: bool) -> None:
    limits = StreamLimits(connections=10, anonymous_connections=4, connections_per_address=3)
    async with served(open_shop(stream_limits=limits)) as server, AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(server.socket(init=init))
        if not init:
            async with asyncio.timeout(PATIENCE):
                while server.shop.endpoint.unauthenticated.taken < 3:
                    await asyncio.sleep(0.01)

        refused = await stack.enter_async_context(server.socket(init=False))
        with suppress(ConnectionClosed):
            await refused.say(type="connection_init", payload={})
        assert await refused.closing() == (1013, "Too many sockets")
        for bearer in (None, token_for("ada")):
            other = await stack.enter_async_context(server.socket(token=bearer, local_addr=(ANOTHER, 0)))
            assert await other.is_alive()


async def test_streams_over_http_have_places_by_address_too() -> None:
    limits = StreamLimits(connections_per_address=1)
    query, accept = "subscription { events { number } }", "text/event-stream"
    async with served(open_shop(stream_limits=limits)) as server, server.stream(query, accept) as first:
        assert first.status_code == 200
        async with server.stream(query, accept, token=token_for("ada")) as second:
            assert second.status_code == 429
        staff = token_for("clerk", ["payments:read"])
        async with server.stream(query, accept, token=staff) as third:
            assert third.status_code == 200
