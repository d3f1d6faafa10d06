"""Subscribers over WebSocket, and a shop that serves them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from database.connection import parse_url
from database.unit_of_work import UnitOfWork, transact
from domain.ids import decode
from models import Order, Payment
from server.graphql.uvicorn_protocols import ConnectionLimits, options
from services.audit.trail import SYSTEM, Cause, Change, record
from tests.support.shop import Json, token

PATIENCE: Final = 15.0  # of every wait; longer than a slow machine needs
STREAMS_EACH: Final = 50
EVENT: Final = "sequence type toStatus payment { id status version } order { id paymentStatus }"
PAYMENT: Final = f"""
subscription P($id: ID!, $after: Int) {{ on: paymentUpdated(paymentId: $id, afterSequence: $after) {{ {EVENT} }} }}
"""
ORDER: Final = f"""
subscription O($id: ID!, $after: Int) {{ on: orderPaymentUpdated(orderId: $id, afterSequence: $after) {{ {EVENT} }} }}
"""
FEED: Final = f"""
subscription F($filter: PaymentFilter, $after: String) {{
  on: paymentsFeed(filter: $filter, after: $after) {{ cursor {EVENT} }}
}}
"""


class Ended(Exception):
    """The server ended the subscription; `errors` says why."""

    def __init__(self, errors: Sequence[Json]) -> None:
        super().__init__(errors)
        self.errors = errors
        self.reasons = [(error["extensions"]["code"], error["extensions"].get("reason")) for error in errors]


@dataclass
class Subscriber:
    """One subscription on a socket of its own. `seen` are all events it received."""

    connection: ClientConnection
    seen: list[Json] = field(default_factory=list)

    async def next(self) -> Json:
        """Return the next event. Raises Ended."""
        async with asyncio.timeout(PATIENCE):
            while (message := json.loads(await self.connection.recv()))["type"] in ("ping", "connection_ack"):
                if message["type"] == "ping":
                    await self.connection.send('{"type": "pong"}')
        if message["type"] == "error":
            raise Ended(message["payload"])
        assert message["type"] == "next", message
        if "errors" in message["payload"]:
            raise Ended(message["payload"]["errors"])
        event: Json = message["payload"]["data"]["on"]
        self.seen.append(event)
        return event

    async def until(self, sequence: int) -> list[Json]:
        """Return all events up to the one with this sequence."""
        while not self.seen or self.seen[-1]["sequence"] < sequence:
            await self.next()
        return self.seen

    @property
    def sequences(self) -> list[int]:
        return [event["sequence"] for event in self.seen]


@asynccontextmanager
async def following(address: str, bearer: str | None, query: str, **variables: Any) -> AsyncIterator[Subscriber]:
    """Open a subscription; its first message is not read yet."""
    async with following_in("en", address, bearer, query, variables) as subscriber:
        yield subscriber


@asynccontextmanager
async def following_in(
    language: str, address: str, bearer: str | None, query: str, variables: Mapping[str, Any]
) -> AsyncIterator[Subscriber]:
    """Open a subscription on a socket whose handshake accepts this language."""
    async with connect(
        f"{address}/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers={"Accept-Language": language},
        compression=None,
        proxy=None,
        close_timeout=1,
        open_timeout=PATIENCE,
    ) as connection:
        given = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        await connection.send(json.dumps({"type": "connection_init", "payload": given}))
        payload = {"query": query, "variables": variables}
        acknowledged = json.loads(await connection.recv())
        assert acknowledged["type"] == "connection_ack", acknowledged
        await connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield Subscriber(connection)


@asynccontextmanager
async def follow_many(count: int, address: str, query: str, **variables: Any) -> AsyncIterator[list[Subscriber]]:
    """Open so many subscriptions of the staff to one subject; by several callers, each within its stream limit."""
    async with AsyncExitStack() as stack:
        tokens = [token(f"clerk-{n}", "payments:read") for n in range(count // STREAMS_EACH + 1)]
        yield [
            await stack.enter_async_context(following(address, tokens[n // STREAMS_EACH], query, **variables))
            for n in range(count)
        ]


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application whose lifespan runs elsewhere, on loopback; returns its address for WebSockets."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", **options(ConnectionLimits(per_address=None))))
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        async with asyncio.timeout(PATIENCE):
            await serving


async def note(payment: Json, times: int = 1, *, held: asyncio.Event | None = None) -> None:
    """Append events to the payment's order, in one transaction, which stays open until it is released."""

    async def body(work: UnitOfWork) -> None:
        order = await Order.select_for_update(no_key=True).get(id=row_id(payment["order"]["id"]))
        row = await Payment.get(id=row_id(payment["id"]))
        for _ in range(times):
            facts = row.facts()
            await record(work, order, Change("payment.noted", facts, facts, payment_id=row.id), Cause(actor=SYSTEM))
        if held is not None:
            await held.wait()

    await transact(body)


async def chain(database_url: str, order_id: str) -> list[tuple[int, str]]:
    """Return the order's audit trail in the database: sequence and type of each event."""
    statement = "SELECT sequence, type FROM payment_event WHERE order_id = $1 ORDER BY sequence"
    return [(row["sequence"], row["type"]) for row in await fetch(database_url, statement, row_id(order_id))]


def row_id(text: str) -> UUID:
    """Return the row id in a public id."""
    decoded = decode(text)
    assert decoded is not None
    return decoded[1]


async def fetch(database_url: str, statement: str, *values: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(**parse_url(database_url))
    try:
        return list(await connection.fetch(statement, *values))
    finally:
        await connection.close()
