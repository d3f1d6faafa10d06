"""GraphQL over HTTP, written for money: one operation per request, and a started mutation always finishes.

Plain ASGI. A mutation runs in a task of its own: a client that disconnects, a middleware that cancels or a server that
shuts down leaves it running to its end. Queries have a time limit. Specification:
https://graphql.github.io/graphql-over-http/draft/
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from typing import Final

import strawberry
import structlog
from graphql import ExecutionResult, OperationDefinitionNode, OperationType
from starlette.types import Receive, Scope, Send

from database.transactions import DatabaseUnavailable
from domain.caller import Caller
from domain.errors import DomainError
from execution import CompiledOperation, Execution
from server.access.authentication import KeysUnavailable, Unauthenticated
from server.access.client_addresses import address_of
from server.graphql.anonymous_requests import AnonymousAccess, AnonymousRefused
from server.graphql.cost_limits import Rates, has_buyer_limits
from server.graphql.documents import Documents, ExecutableOperation
from server.graphql.event_stream import send_stream, stream_one
from server.graphql.query_cost import Limits
from server.graphql.request import ClientGone, GraphQLRequest, read_request
from server.graphql.subscriptions import ConnectionQuota, StreamLimits, Subscriptions
from server.graphql.trusted_documents import ManifestRefused, TrustedDocuments
from server.http.errors import (
    Code,
    RequestRefused,
    execution_problems,
    is_unavailable,
    masked,
    refuse,
    report_bug,
    unavailable,
)
from server.http.middleware import RAW_REQUEST_ID_HEADER, request_id_of
from server.http.negotiation import (
    Acceptable,
    Media,
    StreamMedia,
    header_values,
    not_acceptable,
    read_accept,
    read_languages,
)
from server.http.request_context import (
    Answer,
    Authenticate,
    ContextFactory,
    MayIntrospect,
    RequestOrigin,
    encode_answer,
    make_context,
)

log = structlog.stdlib.get_logger("server.graphql")

DRAIN_SECONDS: Final = 30.0
HEADERS: Final = {
    media: tuple(
        (name, (name.encode(), value.encode()))
        for name, value in {
            "content-type": f"{media.value}; charset=utf-8",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "vary": "Accept, Accept-Language",
        }.items()
    )
    for media in Media
}


class GraphQLEndpoint:
    """The ASGI application behind `/graphql` for one Strawberry schema.

    `context_factory` makes `info.context` for each request and may be a coroutine function. `may_introspect` decides
    who reads the schema. Without `rates` nobody is limited; `proxies` is the number of trusted proxies in front.
    `planned` False leaves all executing to graphql-core. Without `anonymous_access` an anonymous request is read like
    any other. Strawberry's own HTTP view, its extensions and its error handling are not used. Raises ManifestRefused
    when one of the trusted documents could not run.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        authenticate: Authenticate,
        context_factory: ContextFactory,
        may_introspect: MayIntrospect,
        limits: Limits | None = None,
        stream_limits: StreamLimits | None = None,
        trusted: TrustedDocuments | None = None,
        rates: Rates | None = None,
        proxies: int = 0,
        planned: bool = True,
        anonymous_access: AnonymousAccess | None = None,
    ) -> None:
        self._schema = schema
        self._authenticate = authenticate
        self._context_factory = context_factory
        self._may_introspect = may_introspect
        self.limits = limits or Limits()
        self.stream_limits = stream_limits or StreamLimits()
        self.execution = Execution(
            schema,
            planned=planned,
            coercion_errors=self.limits.coercion_errors,
            report=partial(report_bug, "graphql.plan_failed"),
            on_fallback=_log_fallback,
        )
        self._documents = Documents(schema._schema, self.limits, self.execution, anonymous_access or AnonymousAccess())
        self._trusted = trusted or TrustedDocuments()
        for name, text in self._trusted.texts.items():
            self._trust(name, text)
        self._rates = rates
        self._proxies = proxies
        self.subscriptions = Subscriptions(self.execution, context_factory, self.limits, self.stream_limits)
        self.connections = ConnectionQuota(
            self.stream_limits.connections,
            each=self.stream_limits.connections_per_caller,
            anonymous=self.stream_limits.anonymous_connections,
            per_address=self.stream_limits.connections_per_address,
        )
        # A socket that has not sent its token yet uses the quota of its address, never that of known callers.
        everybody = self.stream_limits.connections
        self.unauthenticated = ConnectionQuota(
            everybody, each=everybody, anonymous=everybody, per_address=self.stream_limits.connections_per_address
        )
        self._running: set[asyncio.Task[Answer]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request_id_of(scope)
        accepted = Acceptable(Media.JSON)
        try:
            accepted = read_accept(header_values(scope, b"accept"))
            answer = await self._answer(scope, receive, send, request_id, accepted)
        except ClientGone:
            return
        except RequestRefused as refused:
            answer = _refusal(refused, accepted, request_id)
        except Exception as error:  # noqa: BLE001 - the edge of this route: a bug becomes a masked 500
            report_bug("graphql.crashed", error)
            answer = Answer(status=500, body={"errors": [masked().to_json(request_id)]}, headers={})
        if answer is not None:
            await _send(send, answer, accepted.single or Media.JSON, request_id)

    async def drain(self, seconds: float = DRAIN_SECONDS) -> int:
        """Wait for mutations whose clients have disconnected; returns how many still run after `seconds`.

        Call it at shutdown, before the database closes. Unfinished mutations are resumed through their leases.
        """
        if self._running:
            await asyncio.wait(set(self._running), timeout=seconds)
        return len(self._running)

    async def authenticate(self, authorizations: Sequence[str]) -> Caller | None:
        """Return the caller of these Authorization values, None for none. Raises RequestRefused."""
        try:
            if len(authorizations) > 1:
                raise Unauthenticated
            return await self._authenticate(authorizations[0] if authorizations else None)
        except Unauthenticated as error:
            raise refuse(
                str(error),
                reason="INVALID_TOKEN",
                code=Code.UNAUTHENTICATED,
                status=401,
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            ) from None
        except (KeysUnavailable, DatabaseUnavailable):
            raise unavailable() from None

    async def admit(
        self, request: GraphQLRequest, origin: RequestOrigin, check_transport: Callable[[OperationType], None]
    ) -> ExecutableOperation:
        """Draw the price of reading the document, and return its operation when this caller may run it.

        Raises RequestRefused.
        """
        caller = origin.caller
        query = self._trusted.query_of(request, caller)
        points = self._documents.price_of_reading(query, caller)
        if points and self._rates is not None:
            await self._rates.draw(points, origin)
        try:
            return self._documents.prepare(
                query,
                request.operation_name,
                request.variables,
                caller=caller,
                may_introspect=self._may_introspect(caller),
                buyer_limits=has_buyer_limits(caller),
                check_transport=check_transport,
            )
        except AnonymousRefused:
            if not points and self._rates is not None:
                await self._rates.draw(1, origin)
            raise

    def _trust(self, name: str, text: str) -> None:
        try:
            self._documents.pin(text)
        except RequestRefused as refused:
            raise ManifestRefused(f"{name}: {refused.problems[0].message}") from None

    def origin(self, scope: Scope, caller: Caller | None, request_id: str) -> RequestOrigin:
        """Describe the origin of a request, or of an operation on a socket: caller, id, address and languages."""
        languages = read_languages(header_values(scope, b"accept-language"))
        return RequestOrigin(caller=caller, request_id=request_id, address=self.address_of(scope), languages=languages)

    def address_of(self, scope: Scope) -> str:
        """Return the address of a request or socket as the limits count it."""
        return address_of(scope, proxies=self._proxies)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, accepted: Acceptable
    ) -> Answer | None:
        """Return the one answer, or None when a stream was sent instead."""
        if scope["method"] not in ("GET", "POST"):
            raise refuse(
                "Use POST, or GET for queries.",
                reason="METHOD_NOT_ALLOWED",
                status=405,
                headers={"Allow": "GET, POST"},
            )
        caller = await self.authenticate(header_values(scope, b"authorization"))
        request = await read_request(scope, receive, self.limits)
        origin = self.origin(scope, caller, request_id)
        executable = await self.admit(request, origin, partial(_check_method, scope["method"], accepted))
        beat = self.stream_limits.heartbeat_seconds
        if executable.operation.operation is OperationType.SUBSCRIPTION:
            assert accepted.stream is not None
            with self.connections.take(caller, origin.address):
                stream = await self.subscribe(executable, request, origin)
                await send_stream(scope, receive, send, stream, accepted.stream, origin, beat)
            return None
        answer = await self.run(executable, request, origin)
        if not accepted.events_first:
            return answer
        _, payload = encode_answer(answer, request_id)
        await send_stream(scope, receive, send, stream_one(payload), StreamMedia.EVENTS, origin, beat)
        return None

    async def run(self, executable: ExecutableOperation, request: GraphQLRequest, origin: RequestOrigin) -> Answer:
        """Run a query or mutation and return its answer. A mutation continues when this call is cancelled.

        Raises RequestRefused.
        """
        if self._rates is None:
            return await self._finish(executable, request, origin)
        admission = await self._rates.admit(executable, origin)
        return await self._rates.attach_cost(admission, await self._finish(executable, request, origin))

    async def subscribe(
        self, executable: ExecutableOperation, request: GraphQLRequest, origin: RequestOrigin
    ) -> AsyncGenerator[bytes, None]:
        """Open the stream of a subscription, whose cost is drawn once, now. Raises RequestRefused."""
        if self._rates is not None:
            await self._rates.admit(executable, origin)
        return await self.subscriptions.open(executable.planned, request, origin)

    async def _finish(self, executable: ExecutableOperation, request: GraphQLRequest, origin: RequestOrigin) -> Answer:
        running = self._execute(executable.planned, request, origin)
        if executable.operation.operation is OperationType.MUTATION:
            task = asyncio.create_task(running)
            self._running.add(task)
            task.add_done_callback(self._finished)
            return await asyncio.shield(task)
        try:
            async with asyncio.timeout(self.limits.query_seconds):
                return await running
        except TimeoutError:
            log.warning("graphql.query_timed_out", seconds=self.limits.query_seconds)
            raise refuse(
                "The query took too long. Ask for less, or again later.",
                reason="TIMED_OUT",
                code=Code.INTERNAL_SERVER_ERROR,
                status=503,
                retryable=True,
            ) from None

    async def _execute(self, planned: CompiledOperation, request: GraphQLRequest, origin: RequestOrigin) -> Answer:
        """Run the operation and classify its result inside the task: a disconnected client must not hide a bug."""
        operation = planned.operation
        try:
            context = await make_context(self._context_factory, origin)
            result = await self.execution.run(planned, request.variables, context, request.extensions or {})
            return _to_answer(result, operation, origin)
        except RequestRefused:
            raise
        except DatabaseUnavailable:
            raise unavailable() from None
        except Exception as error:  # noqa: BLE001 - reported here because the request may be gone already
            report_bug("graphql.crashed", error, operation=operation.operation.value)
            raise RequestRefused([masked()], status=500) from None

    def _finished(self, running: asyncio.Task[Answer]) -> None:
        self._running.discard(running)
        if running.cancelled():
            log.error("graphql.mutation_cancelled")
        else:
            running.exception()  # Marks the exception as retrieved: the request that would raise it may be gone.


def _log_fallback(error: Exception) -> None:
    """Log that graphql-core had to answer; a refusal is no news, anything else may be a plan of ours that is wrong."""
    write = log.debug if isinstance(error, DomainError) else log.info
    write("graphql.plan_fell_back", error=f"{type(error).__module__}.{type(error).__qualname__}")


def _to_answer(result: ExecutionResult, operation: OperationDefinitionNode, origin: RequestOrigin) -> Answer:
    if not result.errors:
        return Answer(status=200, body={"data": result.data}, headers={})
    problems = execution_problems(result.errors, anonymous=origin.caller is None, operation=operation.operation.value)
    if result.data is None and all(error.path is None for error in result.errors):
        # The variables do not match their types: nothing ran.
        raise RequestRefused(problems, status=400, json_status=200)
    if is_unavailable(problems) and _nothing_answered(result.data):
        raise unavailable()
    body = {"errors": [problem.to_json(origin.request_id) for problem in problems], "data": result.data}
    return Answer(status=200, body=body, headers={})


def _check_method(method: str, accepted: Acceptable, operation: OperationType) -> None:
    if operation is OperationType.SUBSCRIPTION:
        if accepted.stream is None:
            raise refuse(
                "A subscription needs a stream: graphql-transport-ws over WebSocket, or an Accept header with "
                "text/event-stream or multipart/mixed;subscriptionSpec=1.0.",
                reason="SUBSCRIPTION_NOT_SUPPORTED",
                status=400,
            )
        return
    if accepted.single is None and not accepted.events_first:
        raise not_acceptable()
    if method == "GET" and operation is not OperationType.QUERY:
        raise refuse(
            "Only queries may be sent by GET; send a mutation by POST.",
            reason="METHOD_NOT_ALLOWED",
            status=405,
            headers={"Allow": "POST"},
        )


def _nothing_answered(data: Mapping[str, object] | None) -> bool:
    return data is None or all(value is None for value in data.values())


def _refusal(refused: RequestRefused, accepted: Acceptable, request_id: str) -> Answer:
    legacy = accepted.single is Media.JSON and not accepted.events_first
    status = refused.json_status if legacy else refused.status
    log.info("graphql.refused", status=status, reasons=sorted({problem.reason for problem in refused.problems}))
    body: dict[str, object] = {"errors": [problem.to_json(request_id) for problem in refused.problems]}
    if refused.has_data:
        body["data"] = refused.data
    if refused.extensions is not None:
        body["extensions"] = refused.extensions
    return Answer(status=status, body=body, headers=refused.headers)


async def _send(send: Send, answer: Answer, media: Media, request_id: str) -> None:
    status, body = encode_answer(answer, request_id)
    own = {name.lower(): value for name, value in answer.headers.items()}
    raw = [
        *(header for name, header in HEADERS[media] if name not in own),
        (b"content-length", str(len(body)).encode()),
        (RAW_REQUEST_ID_HEADER, request_id.encode()),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in own.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
