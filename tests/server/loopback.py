"""The shop behind uvicorn on loopback, and persistent clients: WebSockets and streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from server.graphql.uvicorn_protocols import ConnectionLimits, options
from tests.server.shop import Shop

Json = dict[str, Any]
TRANSPORT_WS = "graphql-transport-ws"
PATIENCE = 10.0  # of every wait; longer than a slow machine needs


@dataclass
class Served:
    """A running server."""

    shop: Shop
    port: int
    server: uvicorn.Server
    serving: "asyncio.Task[None]"
    http: httpx.AsyncClient

    @asynccontextmanager
    async def socket(
        self,
        *,
        token: str | None = None,
        init: bool = True,
        protocol: str | None = TRANSPORT_WS,
        origin: str | None = None,
        query: str = "",
        **named: Any,
    ) -> AsyncIterator["Socket"]:
        """Open a WebSocket, acknowledged unless `init` is false."""
        subprotocols = None if protocol is None else [Subprotocol(protocol)]
        async with connect(
            f"ws://127.0.0.1:{self.port}/graphql{query}",
            subprotocols=subprotocols,
            origin=None if origin is None else Origin(origin),
            compression=None,
            proxy=None,
            close_timeout=1,
            **named,
        ) as connection:
            opened = Socket(connection)
            if init:
                await opened.say(
                    type="connection_init", payload={} if token is None else {"Authorization": f"Bearer {token}"}
                )
                assert await opened.hear() == {"type": "connection_ack"}
            yield opened

    @asynccontextmanager
    async def stream(
        self, query: str, accept: str, *, token: str | None = None, method: str = "POST", **members: object
    ) -> AsyncIterator[httpx.Response]:
        """Open the answer to one operation while it is still being sent."""
        headers = {"Accept": accept} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        given: Json = {"query": query, **members}
        body: Json = {"json": given} if method == "POST" else {"params": given}
        async with self.http.stream(method, "/graphql", headers=headers, **body) as response:
            yield response

    async def leave(self) -> None:
        """Shut down as SIGTERM does."""
        self.server.should_exit = True
        await self.serving


class Socket:
    """A client's end of one WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: object) -> None:
        await self.connection.send(json.dumps(message))

    async def send(self, frame: str | bytes) -> None:
        await self.connection.send(frame)

    async def subscribe(self, query: str, id: str = "1", **members: object) -> None:
        await self.say(id=id, type="subscribe", payload={"query": query, **members})

    async def hear(self) -> Json:
        async with asyncio.timeout(PATIENCE):
            message: Json = json.loads(await self.connection.recv())
        return message

    async def answer(self, query: str, id: str = "1", **members: object) -> Json:
        """Return the first message about a new operation."""
        await self.subscribe(query, id, **members)
        message = await self.hear()
        assert message["id"] == id
        return message

    async def is_alive(self) -> bool:
        """Return True when the server answers a ping, after its other messages."""
        try:
            await self.say(type="ping")
            while (await self.hear())["type"] != "pong":
                pass
        except ConnectionClosed:
            return False
        return True

    async def closing(self) -> tuple[int, str]:
        """Return the code and reason of the server's close; earlier messages are dropped."""
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as closed:
                return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")


def next_of(data: object, id: str = "1") -> Json:
    return {"id": id, "type": "next", "payload": {"data": data}}


def failure(message: Json) -> tuple[str, str | None]:
    """Return the code and reason of an `error` message about one problem."""
    assert message["type"] == "error", message
    (entry,) = message["payload"]
    assert entry["extensions"]["requestId"].startswith("req_")
    return entry["extensions"]["code"], entry["extensions"].get("reason")


@asynccontextmanager
async def served(shop: Shop, *, limits: ConnectionLimits | None = None, **more: Any) -> AsyncIterator[Served]:
    """Serve the shop as `cli serve` would, in this process, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(shop.app, lifespan="off", **{**options(limits), **more}))
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as http:
            yield Served(shop, port, server, serving, http)
    finally:
        server.should_exit = True
        async with asyncio.timeout(PATIENCE):
            await serving
