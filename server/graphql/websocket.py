"""GraphQL over WebSocket: the subprotocol graphql-transport-ws, for subscriptions and queries.

Protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md. Mutations must use POST: when a socket
breaks, its client cannot know whether the mutation ran. Plain ASGI; the server handles pings of the connection and the
size of frames (see server/graphql/uvicorn_protocols.py).
"""

import asyncio
import time
from collections.abc import Collection, Container, Mapping
from contextlib import ExitStack, aclosing, suppress
from typing import Final, NoReturn
from urllib.parse import urlsplit

import orjson
import structlog
from graphql import OperationType
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from domain.caller import Caller
from server.graphql.http import GraphQLEndpoint
from server.graphql.request import request_of
from server.graphql.subscriptions import ConnectionQuota, run_until_one_ends, wait_until_expired
from server.http.errors import Problem, RequestRefused, masked, refuse, report_bug
from server.http.middleware import new_request_id
from server.http.request_context import RequestOrigin, encode_answer

log = structlog.stdlib.get_logger("server.sockets")

SUBPROTOCOL: Final = "graphql-transport-ws"
LONGEST_ID: Final = 255
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class SocketClosed(Exception):
    """Ends the socket with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


class Gone(Exception):
    """The client closed the socket, or the connection broke."""


class GraphQLSocket:
    """The ASGI application behind WebSockets at `/graphql`: runs the operations that `endpoint` answers over HTTP.

    A browser names the page that opened the socket; only pages of the API's own origin and of `allowed_origins` may
    open one.
    """

    def __init__(self, endpoint: GraphQLEndpoint, *, allowed_origins: Container[str]) -> None:
        self._endpoint = endpoint
        self._allowed_origins = allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        if not self._is_welcome(Headers(scope=scope)):
            log.info("socket.refused", reason="ORIGIN_NOT_ALLOWED", setting="ALLOWED_ORIGINS")
            await send({"type": "websocket.close"})  # before the handshake: HTTP 403
            return
        spoken = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": spoken})
        connection = _Connection(self._endpoint, scope, receive, send)
        started = time.perf_counter()
        code = await connection.serve(is_understood=spoken is not None)
        log.info(
            "socket.closed",
            code=code,
            operations=connection.served,
            seconds=round(time.perf_counter() - started, 1),
        )

    def _is_welcome(self, headers: Headers) -> bool:
        origins = headers.getlist("origin")
        if not origins:
            return True
        if len(origins) > 1:
            return False
        return origins[0] in self._allowed_origins or _is_of_host(origins[0], headers.get("host", ""))


class _Connection:
    """One socket, from its acceptance to its end."""

    def __init__(self, endpoint: GraphQLEndpoint, scope: Scope, receive: Receive, send: Send) -> None:
        self.served = 0
        self._endpoint = endpoint
        self._limits = endpoint.stream_limits
        self._scope = scope
        self._receive = receive
        self._send = send
        self._address = endpoint.address_of(scope)
        self._caller: Caller | None = None
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()  # Also completed ones that still end.

    async def serve(self, *, is_understood: bool) -> int | None:
        """Serve the socket until a side closes it; returns our close code, None when the client closed it."""
        try:
            await self._run_protocol(is_understood)
        except Gone:
            return None
        except SocketClosed as closed:
            await self._close(closed)
            return closed.code
        except Exception as error:  # noqa: BLE001 - the edge of this route: a bug closes this socket only
            report_bug("socket.crashed", error)
            await self._close(SocketClosed(1011, "Internal error"))
            return 1011

    async def _run_protocol(self, is_understood: bool) -> NoReturn:
        if not is_understood:
            raise SocketClosed(4406, "Subprotocol not acceptable")
        with ExitStack() as places:
            self._take_place(places, self._endpoint.unauthenticated)
            try:
                async with asyncio.timeout(self._limits.init_seconds):
                    message = await self._receive_connection_init()
            except TimeoutError:
                raise SocketClosed(4408, "Connection initialisation timeout") from None
            self._caller = await self._authenticate(message)
            places.close()
            self._take_place(places, self._endpoint.connections)
            await self._send_message({"type": "connection_ack"})
            try:
                await run_until_one_ends(self._listen(), self._expire())
            finally:
                await self._stop()

    def _take_place(self, places: ExitStack, of: ConnectionQuota) -> None:
        try:
            places.enter_context(of.take(self._caller, self._address))
        except RequestRefused:
            raise SocketClosed(1013, "Too many sockets") from None

    async def _receive_connection_init(self) -> Mapping[str, object]:
        """Wait for the `connection_init`, before which only pings and pongs may come."""
        while True:
            message = await self._receive_message()
            match message["type"]:
                case "connection_init":
                    return message
                case "subscribe":
                    raise SocketClosed(4401, "Unauthorized")
                case _:
                    await self._handle_control_message(message)

    async def _authenticate(self, message: Mapping[str, object]) -> Caller | None:
        """Authenticate by `Authorization` (or `authorization`) in the payload, which has the form of the header."""
        payload = _object(message, "payload")
        authorizations = [payload[name] for name in ("Authorization", "authorization") if payload.get(name) is not None]
        words = [word for word in authorizations if isinstance(word, str)]
        if len(words) < len(authorizations):
            raise SocketClosed(4403, "Forbidden")
        try:
            return await self._endpoint.authenticate([*Headers(scope=self._scope).getlist("authorization"), *words])
        except RequestRefused as refused:
            if refused.status == 401:
                raise SocketClosed(4403, "Forbidden") from None
            raise SocketClosed(1013, "Try again later") from None

    async def _expire(self) -> NoReturn:
        await wait_until_expired(self._caller)
        raise SocketClosed(4403, "Token expired")

    async def _listen(self) -> NoReturn:
        while True:
            message = await self._receive_message()
            match message["type"]:
                case "connection_init":
                    raise SocketClosed(4429, "Too many initialisation requests")
                case "subscribe":
                    await self._subscribe(message)
                case _:
                    await self._handle_control_message(message)

    async def _handle_control_message(self, message: Mapping[str, object]) -> None:
        match message["type"]:
            case "ping":
                _object(message, "payload")
                await self._send_message({"type": "pong"})
            case "pong":
                _object(message, "payload")
            case "complete":
                running = self._operations.pop(_identity(message), None)
                if running is not None:
                    running.cancel()
            case _:
                raise SocketClosed(4400, "Invalid message")

    async def _subscribe(self, message: Mapping[str, object]) -> None:
        identity = _identity(message)
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise SocketClosed(4400, "Invalid message")
        if identity in self._operations:
            raise SocketClosed(4409, "Subscriber for this id already exists")
        if len(self._running) >= self._limits.operations:
            refused = refuse(
                "Too many operations run on this socket. Complete one first.", reason="TOO_MANY_OPERATIONS"
            )
            await self._fail(identity, refused.problems, new_request_id())
            return
        self.served += 1
        running = asyncio.create_task(self._run_operation(identity, payload))
        self._operations[identity] = running
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _run_operation(self, identity: str, payload: dict[str, object]) -> None:
        """Run one operation; a failure ends the operation, not the socket."""
        request_id = new_request_id()
        with structlog.contextvars.bound_contextvars(request_id=request_id), suppress(Gone):
            problems = await self._run_safely(identity, payload, request_id)
            self._forget(identity)
            if problems:
                await self._fail(identity, problems, request_id)
            else:
                await self._send_message({"id": identity, "type": "complete"})

    async def _run_safely(self, identity: str, payload: dict[str, object], request_id: str) -> Collection[Problem]:
        """Run the operation and return the problems that ended it, none after a success. Raises Gone."""
        try:
            await self._execute(identity, payload, self._endpoint.origin(self._scope, self._caller, request_id))
        except Gone:
            raise
        except RequestRefused as refused:
            reasons = sorted({problem.reason or problem.code.value for problem in refused.problems})
            log.info("graphql.refused", reasons=reasons)
            return refused.problems
        except Exception as error:  # noqa: BLE001 - a bug ends this operation only
            report_bug("graphql.crashed", error)
            return [masked()]
        return []

    async def _execute(self, identity: str, payload: dict[str, object], origin: RequestOrigin) -> None:
        request = request_of(payload, self._endpoint.limits)
        executable = await self._endpoint.admit(request, origin, _check_kind)
        start = b'{"id":' + orjson.dumps(identity) + b',"type":"next","payload":'
        if executable.operation.operation is OperationType.QUERY:
            answer = await self._endpoint.run(executable, request, origin)
            await self._send_text(start + encode_answer(answer, origin.request_id)[1] + b"}")
            return
        async with aclosing(await self._endpoint.subscribe(executable, request, origin)) as answers:
            async for response in answers:
                await self._send_text(start + response + b"}")

    def _forget(self, identity: str) -> None:
        """Free the id before the client is told that the operation has ended."""
        if self._operations.get(identity) is asyncio.current_task():
            del self._operations[identity]

    async def _fail(self, identity: str, problems: Collection[Problem], request_id: str) -> None:
        errors = [problem.to_json(request_id) for problem in problems]
        await self._send_message({"id": identity, "type": "error", "payload": errors})

    async def _receive_message(self) -> Mapping[str, object]:
        """Receive the next message: an object with a type. Raises Gone, or SocketClosed for anything else."""
        frame = await self._receive()
        if frame["type"] == "websocket.disconnect":
            raise Gone
        text = frame.get("text")
        try:
            message: object = None if text is None else orjson.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise SocketClosed(4400, "Invalid message")
        return message

    async def _send_message(self, message: Mapping[str, object]) -> None:
        await self._send_text(orjson.dumps(message))

    async def _send_text(self, message: bytes) -> None:
        """Send a message, waiting while the client is slow. Raises Gone."""
        try:
            await self._send({"type": "websocket.send", "text": message.decode()})
        except (OSError, RuntimeError):  # a disconnected client, in ASGI and in uvicorn
            raise Gone from None

    async def _close(self, closed: SocketClosed) -> None:
        message: Message = {"type": "websocket.close", "code": closed.code, "reason": closed.reason}
        try:
            await self._send(message)
        except (OSError, RuntimeError):
            return

    async def _stop(self) -> None:
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _check_kind(operation: OperationType) -> None:
    if operation is OperationType.MUTATION:
        raise refuse("Send mutations by POST.", reason="METHOD_NOT_ALLOWED")


def _object(message: Mapping[str, object], member: str) -> Mapping[str, object]:
    """Return a member that is an object; empty when it is absent or null. Raises SocketClosed for other values."""
    value = message.get(member)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SocketClosed(4400, "Invalid message")
    return value


def _identity(message: Mapping[str, object]) -> str:
    value = message.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
        raise SocketClosed(4400, "Invalid message")
    return value


def _is_of_host(origin: str, host: str) -> bool:
    """Return True when the page of this origin was served under this host. The scheme may differ behind a TLS proxy."""
    try:
        page = urlsplit(origin)
        here = urlsplit(f"{page.scheme}://{host}")
        default = DEFAULT_PORTS.get(page.scheme)
        return (
            default is not None
            and bool(page.hostname)
            and page.hostname == here.hostname
            and (page.port or default) == (here.port or default)
        )
    except ValueError:
        return False
