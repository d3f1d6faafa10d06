"""What every endpoint of the API knows of one operation: who asks, under which request id, and what the answer is."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import orjson

from domain.caller import Caller
from server.http.errors import masked, report_bug


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOrigin:
    """Who asks, under which request id and from where: all that a context is made from."""

    caller: Caller | None
    request_id: str
    address: str = ""


Authenticate = Callable[[str | None], Awaitable[Caller | None]]
ContextFactory = Callable[[RequestOrigin], object]
MayIntrospect = Callable[[Caller | None], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back: the status and the members of the JSON object."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str]


async def context_for(factory: ContextFactory, origin: RequestOrigin) -> object:
    """The context of one execution; the factory may be a coroutine function."""
    context = factory(origin)
    return await context if inspect.isawaitable(context) else context


def encoded(answer: Answer, request_id: str) -> tuple[int, bytes]:
    """Status and JSON of an answer.

    A resolver or scalar that produced something that is no JSON is our bug, not an excuse for a broken body.
    """
    try:
        return answer.status, orjson.dumps(answer.body)
    except (TypeError, ValueError) as error:
        report_bug("graphql.answer_not_json", error)
        return 500, orjson.dumps({"errors": [masked().to_json(request_id)]})
