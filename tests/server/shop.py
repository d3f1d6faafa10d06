"""A small shop with its own schema behind the real server, and ways to call it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NewType

import httpx
import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from strawberry.schema.config import StrawberryConfig

from database.transactions import DatabaseUnavailable
from domain.caller import Caller, Scope
from domain.errors import ErrorCode, Refused
from server.access.authentication import Authenticator, sign_token
from server.graphql.http import GraphQLEndpoint
from server.graphql.query_cost import Limits
from server.graphql.subscriptions import StreamLimits
from server.graphql.websocket import GraphQLSocket
from server.http.cross_origin import AllowedOrigins
from server.http.middleware import add_middleware
from server.http.request_context import Authenticate, RequestOrigin

SECRET = "a-secret-of-the-tests-that-is-long-enough"
FRONTEND = "https://shop.example"
CARD = "4242424242424242"
CLIENT_SECRET = "pi_3Nabc_secret_9xYzQ"
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """A record of what happened behind the server."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    paid: list[str] = field(default_factory=list)
    seen: list[object] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    flooded: int = 0


@dataclass(frozen=True)
class Context:
    origin: RequestOrigin
    world: World


Info = strawberry.Info[Context, None]
Key = NewType("Key", str)


def parse_key(value: object) -> Key:
    if not isinstance(value, str):
        raise GraphQLError("A Key is a text.")
    if value == "refuse":
        raise Refused(ErrorCode("VALIDATION_FAILED"), "A Key has 1 to 255 characters.")
    if value.startswith("crash"):
        raise ValueError(f"cannot use {value}")
    return Key(value)


@strawberry.input
class Shape:
    sides: int
    key: Key | None = None
    inner: "Shape | None" = None


@strawberry.type
class Item:
    name: str

    @strawberry.field
    def parent(self) -> "Item":
        return Item(name="parent")

    @strawberry.field
    def parts(self) -> list["Item"]:
        return [Item(name="part")]


@strawberry.type
class Items:
    nodes: list[Item]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, info: Info, name: str = "you") -> str:
        info.context.world.seen.append(name)
        return f"Hello {name}"

    @strawberry.field
    def whoami(self, info: Info) -> str | None:
        caller = info.context.origin.caller
        return None if caller is None else caller.subject

    @strawberry.field
    def request_id(self, info: Info) -> str:
        return info.context.origin.request_id

    @strawberry.field
    def keyed(self, info: Info, key: Key) -> str:
        return "ok"

    @strawberry.field
    def shaped(self, info: Info, shape: Shape) -> int:
        return shape.sides

    @strawberry.field
    def item(self) -> Item:
        return Item(name="one")

    @strawberry.field
    def items(self, first: int = 10, last: int | None = None) -> Items:
        return Items(nodes=[Item(name=str(number)) for number in range(min(first, 100))])

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Item]:
        return [Item(name=identifier) for identifier in ids]

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(f"row 7 of {CLIENT_SECRET} failed for ada@example.com")

    @strawberry.field
    def leaky(self) -> str | None:
        raise GraphQLError(f"the token is {CLIENT_SECRET}")

    @strawberry.field
    def unprintable(self) -> strawberry.scalars.JSON:
        return strawberry.scalars.JSON(object())

    @strawberry.field
    def forbidden(self) -> str | None:
        raise Refused(ErrorCode("FORBIDDEN"), "You may not see this.")

    @strawberry.field
    def missing(self) -> str | None:
        raise Refused(ErrorCode("NOT_FOUND"), "There is no such order.")

    @strawberry.field
    def database(self) -> str | None:
        raise DatabaseUnavailable("postgresql://user:hunter2@db/paygraph is away", lost=True)

    @strawberry.field
    async def slow(self, info: Info) -> str:
        world = info.context.world
        world.started.set()
        try:
            await world.gate.wait()
        except asyncio.CancelledError:
            world.cancelled.append("slow")
            raise
        return "done"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def pay(self, info: Info, key: str) -> str | None:
        world = info.context.world
        world.started.set()
        try:
            await world.gate.wait()
        except asyncio.CancelledError:
            world.cancelled.append(key)
            raise
        world.paid.append(key)
        return key

    @strawberry.mutation
    async def pay_broken(self, info: Info) -> str | None:
        info.context.world.started.set()
        await info.context.world.gate.wait()
        raise RuntimeError(f"lost {CLIENT_SECRET}")

    @strawberry.mutation
    def pay_offline(self) -> str | None:
        raise DatabaseUnavailable("away", lost=False)


@strawberry.type
class Event:
    number: int

    @strawberry.field
    def context(self, info: Info) -> str:
        return str(id(info.context))

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(f"row 7 of {CLIENT_SECRET}")

    @strawberry.field
    async def slow(self, info: Info) -> str:
        await info.context.world.gate.wait()
        return "done"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, up_to: int = 1) -> AsyncGenerator[int, None]:
        for number in range(1, up_to + 1):
            yield number

    @strawberry.subscription
    async def events(self, info: Info) -> AsyncGenerator[Event, None]:
        """Yield one event at once, one when the gate opens, then nothing; records disconnected clients."""
        world = info.context.world
        try:
            yield Event(number=1)
            world.started.set()
            await world.gate.wait()
            yield Event(number=2)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)  # as returning a connection does
            world.left.set()

    @strawberry.subscription
    async def flood(self, info: Info) -> AsyncGenerator[str, None]:
        """Yield as much as the client takes, 16 KiB at a time."""
        try:
            while True:
                info.context.world.flooded += 1
                yield "x" * 16 * 1024
        finally:
            info.context.world.left.set()

    @strawberry.subscription
    async def failing(self, how: str) -> AsyncGenerator[int, None]:
        yield 1
        raise {
            "bug": RuntimeError(f"lost {CLIENT_SECRET}"),
            "leak": GraphQLError(f"the token is {CLIENT_SECRET}"),
            "database": DatabaseUnavailable("postgresql://user:hunter2@db is away", lost=True),
        }[how]

    @strawberry.subscription
    async def hidden(self) -> AsyncGenerator[int, None]:
        raise Refused(ErrorCode("FORBIDDEN"), "You may not see this.")
        yield 1

    @strawberry.subscription
    async def keyed(self, key: Key) -> AsyncGenerator[str, None]:
        yield "ok"


SCHEMA = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    config=StrawberryConfig(scalar_map={Key: strawberry.scalar(name="Key", serialize=str, parse_value=parse_key)}),
)


@dataclass(frozen=True)
class Shop:
    app: ASGIApp
    endpoint: GraphQLEndpoint
    client: httpx.AsyncClient
    world: World

    async def ask(
        self, query: str, *, accept: str | None = None, token: str | None = None, **members: object
    ) -> httpx.Response:
        """POST one operation as a well-behaved client does."""
        headers = {} if accept is None else {"Accept": accept}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self.client.post("/graphql", json={"query": query, **members}, headers=headers)

    async def post(self, body: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
        """POST raw bytes, as JSON unless a header says otherwise."""
        named = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.client.post("/graphql", content=body, headers=named)


def open_shop(
    *,
    limits: Limits | None = None,
    stream_limits: StreamLimits | None = None,
    may_introspect: Callable[[Caller | None], bool] = lambda caller: caller is not None,
    context: Callable[[RequestOrigin], object] | None = None,
    authenticate: Authenticate | None = None,
) -> Shop:
    """Make a shop without any connection."""
    world = World()
    endpoint = GraphQLEndpoint(
        SCHEMA,
        authenticate=authenticate or Authenticator(secret=SECRET).authenticate,
        context_factory=context or (lambda origin: Context(origin, world)),
        may_introspect=may_introspect,
        limits=limits,
        stream_limits=stream_limits,
    )
    origins = AllowedOrigins([FRONTEND])
    socket = GraphQLSocket(endpoint, allowed_origins=origins)
    routes = [Route("/graphql", endpoint), WebSocketRoute("/graphql", socket)]
    app = add_middleware(
        Starlette(routes=routes),
        allowed_origins=origins,
        https_only=False,
        max_body_bytes=1_000_000,
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    return Shop(app, endpoint, httpx.AsyncClient(transport=transport, base_url="http://shop"), world)


def token_for(subject: str = "ada", scopes: Iterable[str] = (), ttl: timedelta = MINUTE) -> str:
    """Sign an access token, valid unless `ttl` is over."""
    return sign_token(SECRET, subject, [Scope(scope) for scope in scopes], ttl)


def problem(response: httpx.Response) -> dict[str, Any]:
    """Return the only error of an answer, checked for the shape that every error has."""
    body = response.json()
    assert len(body["errors"]) == 1, body
    entry: dict[str, Any] = body["errors"][0]
    assert entry["extensions"]["requestId"] == response.headers["x-request-id"]
    assert entry["message"]
    return entry


# The errors that graphql-core finds, by the phase that found them.
REASONS = {
    "GRAPHQL_PARSE_FAILED": "SYNTAX_ERROR",
    "GRAPHQL_VALIDATION_FAILED": "INVALID_DOCUMENT",
    "BAD_USER_INPUT": "INVALID_INPUT",
}


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Return the status, code and reason of a request that was refused before anything ran."""
    assert "data" not in response.json()
    extensions = problem(response)["extensions"]
    return response.status_code, extensions["code"], extensions["reason"]


Message = MutableMapping[str, Any]


async def call(app: Callable[..., Awaitable[None]], scope: Message, messages: Iterable[Message]) -> list[Message]:
    """Drive an ASGI application by hand; no message arrives after these."""
    waiting = iter(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        for message in waiting:
            return message
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def post_scope(**headers: str) -> Message:
    """Return the scope of a POST to /graphql."""
    named = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 1),
        "server": ("shop", 80),
    }
