"""The limits of uvicorn's connections: slow clients, floods, broken frames, and random frames."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from server.graphql import uvicorn_protocols
from tests.server.conftest import Logs
from tests.server.loopback import PATIENCE, Served, served
from tests.server.shop import Shop, open_shop

FLOOD = "subscription { flood }"
FLOODED_AT_MOST = 2_000  # times 16 KiB; the kernel's buffers of a loopback connection hold half of it
INIT = b'{"type":"connection_init"}'


@pytest.fixture
async def server(shop: Shop) -> AsyncIterator[Served]:
    async with served(shop) as opened:
        yield opened


class Wire:
    """A TCP connection to the server, written by hand: it reads only when told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def frame(self, payload: bytes, opcode: int = 1, *, last: bool = True) -> None:
        """Build one WebSocket frame, masked with zeros."""
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2, "big")
        await self.write(bytes([(0x80 if last else 0) | opcode]) + size + bytes(4) + payload)

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self._reader.readexactly(count)

    async def rest(self) -> bytes:
        """Read until the server disconnects."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""


@asynccontextmanager
async def wire(server: Served, *, upgraded: bool = False) -> AsyncIterator[Wire]:
    plug = socket.create_connection(("127.0.0.1", server.port))
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    reader, writer = await asyncio.open_connection(sock=plug, limit=64 * 1024)
    opened = Wire(reader, writer)
    try:
        if upgraded:
            key = base64.b64encode(bytes(16)).decode()
            await opened.write(
                b"GET /graphql HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
                b"Sec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
            )
            async with asyncio.timeout(PATIENCE):
                assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        yield opened
    finally:
        writer.transport.abort()


async def subscribe_and_not_read(server: Served, opened: Wire, *, over: str) -> None:
    if over == "websocket":
        await opened.frame(INIT)
        await opened.frame(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": FLOOD}}).encode())
        return
    body = json.dumps({"query": FLOOD}).encode()
    await opened.write(
        b"POST /graphql HTTP/1.1\r\nHost: shop\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )


async def until_still(server: Served) -> None:
    """Wait until the flood has been idle for a while."""
    world = server.shop.world
    async with asyncio.timeout(PATIENCE):
        before = 0
        while not before or world.flooded > before:
            before = world.flooded
            assert before < FLOODED_AT_MOST
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("over", ["websocket", "events"])
async def test_a_client_that_does_not_read_holds_its_stream_up(server: Served, over: str) -> None:
    async with wire(server, upgraded=over == "websocket") as slow, server.socket() as other:
        await subscribe_and_not_read(server, slow, over=over)
        await until_still(server)
        flooded = server.shop.world.flooded

        assert await other.is_alive()
        while server.shop.world.flooded <= flooded:  # it continues as the client continues
            await slow.read(16 * 1024)


@pytest.mark.parametrize("over", ["websocket", "events"])
async def test_a_client_that_does_not_read_for_long_is_cut_off(
    server: Served, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    monkeypatch.setattr(uvicorn_protocols, "STALLED_SECONDS", 0.2)
    async with wire(server, upgraded=over == "websocket") as slow:
        await subscribe_and_not_read(server, slow, over=over)
        async with asyncio.timeout(PATIENCE):
            await server.shop.world.left.wait()
            while server.server.server_state.connections or server.shop.endpoint.connections.taken:
                await asyncio.sleep(0.01)


async def test_a_client_that_goes_on_reading_is_not_cut_off(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_protocols, "STALLED_SECONDS", 0.5)
    async with wire(server) as slow:
        await subscribe_and_not_read(server, slow, over="events")
        await until_still(server)
        began = time.monotonic()
        while time.monotonic() < began + 1.5:
            await slow.read(64 * 1024)

        assert not server.shop.world.left.is_set()


async def test_a_client_that_is_silent_is_asked_and_then_cut_off(shop: Shop) -> None:
    async with (
        served(shop, ws_ping_interval=0.1, ws_ping_timeout=0.2) as server,
        server.socket() as awake,
        wire(server, upgraded=True) as asleep,
    ):
        await asleep.frame(INIT)
        assert (await asleep.rest()).endswith(b"\x03\xf3keepalive ping timeout")  # 1011

        assert await awake.is_alive()


async def test_a_client_that_neither_answers_nor_reads_is_cut_off_though_something_waits_for_it(shop: Shop) -> None:
    async with (
        served(shop, ws_ping_interval=0.1, ws_ping_timeout=0.2) as server,
        wire(server, upgraded=True) as asleep,
    ):
        await subscribe_and_not_read(server, asleep, over="websocket")

        async with asyncio.timeout(PATIENCE):
            await shop.world.left.wait()
            while server.server.server_state.connections:
                await asyncio.sleep(0.01)


async def test_pings_of_a_client_that_does_not_read_do_not_pile_up(server: Served) -> None:
    async with wire(server, upgraded=True) as flooder, server.socket() as other:
        await subscribe_and_not_read(server, flooder, over="websocket")
        await until_still(server)
        (connection,) = [
            entry
            for entry in server.server.server_state.connections
            if isinstance(entry, uvicorn_protocols.WebSocketConnection) and not entry.writable.is_set()
        ]
        held = connection.transport.get_write_buffer_size()
        for _ in range(1_000):
            await flooder.frame(b"p" * 125, opcode=9)

        assert await other.is_alive()
        assert connection.transport.get_write_buffer_size() == held


@pytest.mark.parametrize("split", [False, True])
async def test_text_that_is_not_utf8_is_1007_and_no_alarm(server: Served, logs: Logs, split: bool) -> None:
    async with wire(server, upgraded=True) as broken, server.socket() as other:
        if split:
            await broken.frame(b'{"type":', last=False)
        await broken.frame(b'"\xff"}', opcode=0 if split else 1)

        assert (await broken.rest())[2:4] == (1007).to_bytes(2, "big")
        assert await other.is_alive()
    assert [entry for entry in logs.events if entry["level"] in ("error", "warning")] == []


async def test_fragments_are_counted_together(server: Served) -> None:
    async with wire(server, upgraded=True) as broken, server.socket() as other:
        await broken.frame(b" " * 60_000, last=False)
        await broken.frame(b" " * 60_000, opcode=0, last=False)

        assert (await broken.rest())[2:4] == (1009).to_bytes(2, "big")
        assert await other.is_alive()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
QUERIES = st.sampled_from(
    ["{ hello }", "{ broken }", "{ unprintable }", "subscription { ticks }", 'subscription { failing(how: "bug") }',
     "subscription { hidden }", "mutation { payBroken }", "{", "", "query A { hello } query B { hello }"]
)  # fmt: skip
PAYLOADS = VALUES | st.fixed_dictionaries(
    {"query": QUERIES | VALUES}, optional={"variables": VALUES, "operationName": VALUES, "extensions": VALUES}
)
MESSAGES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["connection_init", "subscribe", "complete", "ping", "pong", "next", "error"]) | VALUES,
    },
    optional={"id": st.sampled_from(["1", "2"]) | VALUES, "payload": PAYLOADS},
)
FRAMES = st.one_of(
    MESSAGES.map(lambda message: json.dumps(message)),
    VALUES.map(lambda value: json.dumps(value)),
    st.text(max_size=40),
    st.binary(max_size=40),
)
CODES = {4400, 4401, 4403, 4409, 4429}


@pytest.fixture(scope="module")
async def shared_server() -> AsyncIterator[Served]:
    shop = open_shop()
    async with served(shop) as opened:
        yield opened
    await shop.client.aclose()


@settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begun=st.booleans(), frames=st.lists(FRAMES, max_size=6))
async def test_no_frame_harms_the_server_or_another_socket(
    shared_server: Served, logs: Logs, begun: bool, frames: list[str | bytes]
) -> None:
    logs.forget()
    async with shared_server.socket() as other, shared_server.socket(init=begun) as fuzzed:
        try:
            for frame in frames:
                await fuzzed.send(frame)
        except ConnectionClosed:
            pass
        if not await fuzzed.is_alive():
            assert (await fuzzed.closing())[0] in CODES

        assert await other.is_alive()
    assert logs.named("socket.crashed") == []
    assert logs.named("graphql.crashed") == []
    assert [entry for entry in logs.events if entry["logger"].startswith("uvicorn") and entry["level"] == "error"] == []


@settings(max_examples=75, deadline=None)
@given(garbage=st.binary(min_size=1, max_size=200), begun=st.booleans())
async def test_no_bytes_harm_the_server_or_another_socket(shared_server: Served, garbage: bytes, begun: bool) -> None:
    async with shared_server.socket() as other, wire(shared_server, upgraded=begun) as broken:
        await broken.write(garbage)

        assert await other.is_alive()
