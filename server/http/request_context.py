"""The context of one operation: its caller, its request id, and its answer."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import orjson

from domain.caller import Caller
from server.http.errors import masked, report_bug


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOrigin:
    """The origin of an operation, from which its context is made.

    `languages` are the tags that its client accepts, best first.
    """

    caller: Caller | None
    request_id: str
    address: str = ""
    languages: tuple[str, ...] = ()


Authenticate = Callable[[str | None], Awaitable[Caller | None]]
ContextFactory = Callable[[RequestOrigin], object]
MayIntrospect = Callable[[Caller | None], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: the status and the members of the JSON object."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str]


async def make_context(factory: ContextFactory, origin: RequestOrigin) -> object:
    """Make the context of one execution; the factory may be a coroutine function."""
    context = factory(origin)
    return await context if inspect.isawaitable(context) else context


def encode_answer(answer: Answer, request_id: str) -> tuple[int, bytes]:
    """Encode an answer as status and JSON.

    A resolver or scalar that returned a value JSON cannot hold is our bug: the client gets a masked 500.
    """
    try:
        return answer.status, orjson.dumps(answer.body)
    except (TypeError, ValueError) as error:
        report_bug("graphql.answer_not_json", error)
        return 500, orjson.dumps({"errors": [masked().to_json(request_id)]})
