"""Subscriptions, independent of the transport: a stream of answers, one for each event, resolved when it comes.

A transport takes a place in the quota, opens a stream, sends its answers and closes it. The stream is no faster than
its client: the next event is read when the last answer has been sent.
"""

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable, Coroutine, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
    create_source_event_stream,
    located_error,
)
from graphql.execution.async_iterables import aclosing

from database.transactions import DatabaseUnavailable
from domain.caller import Caller
from execution import CompiledOperation, Events, Execution
from server.access.connection_quotas import AddressQuota
from server.graphql.fragments import fragments_of
from server.graphql.query_cost import Limits
from server.graphql.request import GraphQLRequest
from server.http.errors import Code, Problem, RequestRefused, execution_problems, is_unavailable, refuse, unavailable
from server.http.request_context import Answer, ContextFactory, RequestOrigin, encode_answer, make_context

Ended = TypeVar("Ended")

SHARED_AT_ONCE: Final = 64  # answers: many subscribers read one event within a moment, in which few other events come
LONGEST_SHARED: Final = 16 * 1024
LONGEST_SLEEP_SECONDS: Final = 86_400.0  # Timers take no infinity.
TOKEN_EXPIRED: Final = Problem(
    message="The token has expired. Subscribe again with a new one.",
    code=Code.UNAUTHENTICATED,
    reason="TOKEN_EXPIRED",
)
RESTARTING: Final = Problem(
    message="The server is restarting. Subscribe again.",
    code=Code.INTERNAL_SERVER_ERROR,
    reason="SERVER_RESTARTING",
    retryable=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """The limits on concurrent streams, and their timeouts."""

    connections: int = 1_000  # Of this process, that carry streams: WebSockets, and streaming HTTP requests.
    connections_per_caller: int = 100  # A service that subscribes for its own users is one caller.
    anonymous_connections: int = 250  # Of all anonymous clients together.
    connections_per_address: int = 100  # For all but staff and services, also before the token came.
    subscriptions: int = 5_000  # Of this process, over all connections.
    subscriptions_per_caller: int = 500
    operations: int = 50  # On one WebSocket.
    init_seconds: float = 10.0
    heartbeat_seconds: float = 12.0  # Proxies close connections that are silent for 15 s or more.


class ConnectionQuota:
    """A quota in all, for each caller, and for all anonymous callers together.

    `per_address` comes first and bounds all but staff and services: one address cannot use up the quota of others.
    """

    def __init__(self, total: int, *, each: int, anonymous: int, per_address: int | None = None) -> None:
        self._total = total
        self._each = each
        self._anonymous = anonymous
        self._taken: Counter[str | None] = Counter()
        self._addresses = AddressQuota(total, per_address=per_address, of="streams")

    @property
    def taken(self) -> int:
        """The number of places in use."""
        return self._taken.total()

    @contextmanager
    def take(self, caller: Caller | None, address: str = "") -> Iterator[None]:
        """Hold a place for this caller, None for an anonymous one.

        Raises RequestRefused (429) when the quota is used up.
        """
        whose = None if caller is None else caller.principal
        place = self._addresses.acquire("" if caller is not None and caller.is_staff else address)
        if place is None:
            raise _no_place()
        if self._taken[whose] >= (self._anonymous if whose is None else self._each):
            place.release()
            raise _no_place()
        self._taken[whose] += 1
        try:
            yield
        finally:
            place.release()
            self._taken[whose] -= 1
            if not self._taken[whose]:
                del self._taken[whose]


class Subscriptions:
    """Opens the streams of subscriptions that `execution` runs."""

    def __init__(
        self, execution: Execution, context_factory: ContextFactory, limits: Limits, stream_limits: StreamLimits
    ) -> None:
        each = stream_limits.subscriptions_per_caller
        self.places = ConnectionQuota(stream_limits.subscriptions, each=each, anonymous=each)
        self.execution = execution
        self._shared: OrderedDict[Hashable, bytes] = OrderedDict()
        self._context_factory = context_factory
        self._limits = limits

    async def open(
        self, planned: CompiledOperation, request: GraphQLRequest, origin: RequestOrigin
    ) -> AsyncGenerator[bytes, None]:
        """Open a subscription: a stream of answers, each the JSON of one GraphQL response. Close it when done.

        Raises RequestRefused when it cannot begin; the stream raises it when it cannot continue.
        """
        try:
            async with asyncio.timeout(self._limits.query_seconds):
                executor = await self._begin_execution(planned, request, origin)
                source = create_source_event_stream(executor)
                stream = source if isinstance(source, AsyncIterable | ExecutionResult) else await source
        except Exception as error:  # noqa: BLE001 - whatever failed, it ends this operation only
            raise _ending_of(error, planned, origin) from None
        if isinstance(stream, ExecutionResult):
            raise _refusal(execution_problems(stream.errors or (), **_error_context(origin)))
        events = self.execution.events(planned, request.variables, request.extensions or {}, executor)
        return self._stream_answers(events, stream, planned, origin)

    async def _begin_execution(
        self, planned: CompiledOperation, request: GraphQLRequest, origin: RequestOrigin
    ) -> Executor[Any]:
        context = await make_context(self._context_factory, origin)
        begun = self.execution.begin(planned, request.variables, context, request.extensions or {})
        if isinstance(begun, list):
            raise RequestRefused(execution_problems(begun, **_error_context(origin)), status=400, json_status=200)
        return begun

    async def _stream_answers(
        self, events: Events, source: AsyncIterable[Any], planned: CompiledOperation, origin: RequestOrigin
    ) -> AsyncGenerator[bytes, None]:
        try:
            with self.places.take(origin.caller):
                async with aclosing(source) as source_events:
                    async for event in source_events:
                        yield await self._answer(events, event, origin)
                        await asyncio.sleep(0)  # lets other tasks run between events, and notices cancellation
        except Exception as error:  # noqa: BLE001 - whatever failed, it ends this operation only
            raise _ending_of(error, planned, origin) from None

    async def _answer(self, events: Events, event: Any, origin: RequestOrigin) -> bytes:
        """Answer one event. The answer is made once where it is the same for all subscribers of the event."""
        name = events.shared_key(event)
        shared = self._shared.get(name)
        if shared is not None:
            return shared
        # A context of its own: loaders cache rows, and the next event is about newer ones.
        result = events.answer(event, await make_context(self._context_factory, origin))
        if not isinstance(result, ExecutionResult):
            async with asyncio.timeout(self._limits.query_seconds):
                result = await result
        response = _response(result, origin)
        if name is not None and not result.errors and len(response) <= LONGEST_SHARED:
            self._shared[name] = response
            if len(self._shared) > SHARED_AT_ONCE:
                self._shared.popitem(last=False)
        return response


def _no_place() -> RequestRefused:
    return refuse(
        "Too many streams are open. Close one, or try again later.",
        reason="TOO_MANY_STREAMS",
        status=429,
        headers={"Retry-After": "10"},
        retryable=True,
    )


async def wait_until_expired(caller: Caller | None) -> None:
    """Return when the caller's token expires; never for an anonymous caller."""
    while True:
        left = _seconds_left(caller)
        if left <= 0:
            return
        await asyncio.sleep(min(left, LONGEST_SLEEP_SECONDS))


async def run_until_one_ends(*parts: Coroutine[Any, Any, Ended]) -> Ended:
    """Run all until one ends, then cancel the others and wait for them. Returns or raises as the first one did."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        first = next(task for task in tasks if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return first.result()


def _seconds_left(caller: Caller | None) -> float:
    end = caller.ends_at if caller is not None else None
    return (end - datetime.now(UTC)).total_seconds() if end is not None else math.inf


def _response(result: ExecutionResult, origin: RequestOrigin) -> bytes:
    body: dict[str, object] = {"data": result.data}
    if result.errors:
        problems = execution_problems(result.errors, **_error_context(origin))
        body = {"errors": [problem.to_json(origin.request_id) for problem in problems], "data": result.data}
    return encode_answer(Answer(status=200, body=body, headers={}), origin.request_id)[1]


def _ending_of(error: Exception, planned: CompiledOperation, origin: RequestOrigin) -> RequestRefused:
    """Turn the error that ended a stream into one for the client; an unexpected one is logged."""
    if isinstance(error, RequestRefused):
        return error
    if isinstance(error, TimeoutError):
        return refuse(
            "An event took too long to resolve.",
            reason="TIMED_OUT",
            code=Code.INTERNAL_SERVER_ERROR,
            status=503,
            retryable=True,
        )
    if isinstance(error, DatabaseUnavailable):
        return unavailable()
    field = _root_field(planned.operation.selection_set, planned.document)
    place = located_error(error, [field], [field.alias.value if field.alias else field.name.value])
    return _refusal(execution_problems([place], **_error_context(origin)))


def _refusal(problems: list[Problem]) -> RequestRefused:
    return unavailable() if is_unavailable(problems) else RequestRefused(problems)


def _error_context(origin: RequestOrigin) -> dict[str, Any]:
    return {"anonymous": origin.caller is None, "operation": "subscription"}


def _root_field(selected: SelectionSetNode, document: DocumentNode) -> FieldNode:
    """Return the one root field of a valid subscription, which may stand in a fragment."""
    selection = selected.selections[0]
    if isinstance(selection, FieldNode):
        return selection
    if isinstance(selection, InlineFragmentNode):
        return _root_field(selection.selection_set, document)
    assert isinstance(selection, FragmentSpreadNode)
    return _root_field(fragments_of(document)[selection.name.value].selection_set, document)
