"""The events of an order and its payments: each once and in order, whatever the connection does."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import httpx

from paygraph_client import texts
from paygraph_client.results import PaygraphError

SILENCE_SECONDS: Final = 30.0  # the server sends a comment every twelve, so a longer silence is a dead connection
FIRST_WAIT_SECONDS: Final = 0.2
LONGEST_WAIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Event:
    """One change. The statuses are at least as new as the event; those of a payment are None for the order's own."""

    sequence: int
    type: str
    order_status: str
    payment_id: str | None
    payment_status: str | None


class Interrupted(Exception):
    """The stream ended before its time: open another one, after this many seconds if the server said so."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__("subscribe again")
        self.seconds = seconds


class Bearer(httpx.Auth):
    """Sends the token that `token` returns, and asks it for a new one when the server takes the old one no longer.

    `token(renew)` is called for every request: keep the token, and fetch another only if `renew` is true.
    """

    def __init__(self, token: Callable[[bool], Awaitable[str]]) -> None:
        self._token = token

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {await self._token(False)}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {await self._token(True)}"
            yield request


async def follow(
    http: httpx.AsyncClient, order_id: str, *, after: int | None, silence_seconds: float = SILENCE_SECONDS
) -> AsyncGenerator[Event, None]:
    """Yield the order's events after this sequence, or from the newest one on, over as many streams as it takes.

    An event that comes twice is left out. One that is missing is asked for once more: what the server leaves out twice
    is not for this caller. Raises PaygraphError when the caller may not follow the order.
    """
    seen, asked_again, failures = after, None, 0
    while True:
        pause: float | None = None
        try:
            async with aclosing(stream(http, order_id, after=seen, silence_seconds=silence_seconds)) as events:
                async for event in events:
                    failures = 0
                    if seen is not None and event.sequence <= seen:
                        continue
                    if seen is not None and event.sequence > seen + 1 and asked_again != seen:
                        asked_again = seen
                        break
                    seen = event.sequence
                    yield event
                else:
                    return
        except Interrupted as interrupted:
            pause = interrupted.seconds
        wait = min(FIRST_WAIT_SECONDS * 2**failures, LONGEST_WAIT_SECONDS)
        await asyncio.sleep(max(random.uniform(wait / 2, wait), pause or 0.0))  # noqa: S311 - jitter, not a secret
        failures = min(failures + 1, 10)


async def stream(
    http: httpx.AsyncClient, order_id: str, *, after: int | None, silence_seconds: float = SILENCE_SECONDS
) -> AsyncGenerator[Event, None]:
    """Yield the events of one connection, as they come. Raises Interrupted when it breaks, and PaygraphError."""
    request = {"query": texts.FOLLOW, "variables": {"order": order_id, "after": after}}
    timeout = httpx.Timeout(http.timeout.connect or silence_seconds, read=silence_seconds)
    accept = {"Accept": "text/event-stream"}
    try:
        async with http.stream("POST", "/graphql", json=request, headers=accept, timeout=timeout) as response:
            if response.status_code != 200:
                raise _refusal(response.status_code, await response.aread(), response.headers.get("Retry-After"))
            async for line in response.aiter_lines():
                if line == "event: complete":
                    return
                if line.startswith("data: {"):
                    yield _event(json.loads(line.removeprefix("data: ")))
    except httpx.TransportError:
        raise Interrupted from None
    raise Interrupted  # a stream that ends without `complete` was cut: the server restarts, or a proxy closed it


def _event(answer: dict[str, Any]) -> Event:
    """Read one answer of the stream. Raises Interrupted, and PaygraphError for the end of a stream that has errors."""
    if errors := answer.get("errors"):
        raise _ending(200, errors)
    told = answer["data"]["orderPaymentUpdated"]
    payment = told["payment"] or {"id": None, "status": None}
    return Event(told["sequence"], told["type"], told["order"]["paymentStatus"], payment["id"], payment["status"])


def _refusal(status: int, body: bytes, retry_after: str | None) -> Exception:
    """Return why no stream was opened."""
    try:
        errors = json.loads(body).get("errors") or []
    except (ValueError, AttributeError):
        errors = []  # a proxy's page
    if status in (408, 429) or status >= 500:
        return Interrupted(float(retry_after) if retry_after is not None and retry_after.isdigit() else None)
    return _ending(status, errors)


def _ending(status: int, errors: list[dict[str, Any]]) -> Exception:
    """Return what errors mean for the stream: a token that ended meanwhile is renewed by the next request."""
    extensions = [error.get("extensions") or {} for error in errors]
    if any(one.get("retryable") or one.get("reason") == "TOKEN_EXPIRED" for one in extensions) and status == 200:
        return Interrupted()
    return PaygraphError(status, errors)
