"""Calls to Stripe through its library: in turn, within the budget, by the deadline, each failure classified."""

import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from copy import copy
from itertools import count
from typing import Any, Protocol, Self, TypeVar

import httpx
import stripe
import structlog

from domain.api_version import STRIPE_API_VERSION
from domain.deadlines import NEVER, Deadline
from provider.connection.breaker import Breaker
from provider.connection.request_budget import Budget, Priority
from provider.connection.transport import LocalTransport, NetworkTransport, Transport, departing
from provider.failures import (
    LIST_TOO_LONG,
    TOO_LATE,
    UNREADABLE_ANSWER,
    Outcome,
    ProviderFailure,
    classify,
    repeats_answer,
)
from provider.mapping import NOT_THE_OBJECT
from provider.objects import Unreadable
from provider.params import Params
from provider.words import Json, id_of, word

log = structlog.get_logger(__name__)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Call = Coroutine[Any, Any, T]

PAGE = 100  # Stripe's largest page
LOOKUP_PAGES = 20  # an object that is not among the newest 2,000 has to be found in another way


class Build(Protocol[T_co]):
    """A mapping of one of Stripe's objects, with the request that answered with it and whether that was a replay."""

    def __call__(self, thing: Json, /, *, request_id: str | None, is_replayed: bool) -> T_co:
        """Raise KeyError, TypeError or ValueError for any other JSON."""


class StripeCalls:
    """The connection to Stripe, and one call of its library."""

    def __init__(
        self,
        *,
        secret_key: str,
        livemode: bool,
        timeout_seconds: float = 20.0,
        api_base: str | None = None,
        account: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        before_request: Callable[[], None] = lambda: None,
        budget: Budget | None = None,
    ) -> None:
        stripe.enable_telemetry = False  # it would write a file under $HOME
        logging.getLogger("stripe").setLevel(logging.WARNING)  # at DEBUG it writes bodies, client secrets included
        self.livemode = livemode
        self.account = account
        self._http: Transport = (
            NetworkTransport(timeout_seconds=timeout_seconds, before_request=before_request)
            if transport is None
            else LocalTransport(transport, timeout_seconds=timeout_seconds, before_request=before_request)
        )
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else {},
            stripe_account=account,
            stripe_version=STRIPE_API_VERSION,
            max_network_retries=0,  # the run loop owns retries: it knows which requests may be sent again
            http_client=self._http,
        )
        self._breaker = Breaker()
        self._budget = budget or Budget()
        self._read_priority = Priority.LOOK_UP

    @property
    def clock_skew_seconds(self) -> float:
        """The lead of this machine's clock over Stripe's, at Stripe's last answer."""
        return self._http.clock_skew_seconds

    @property
    def breaker_open_seconds(self) -> float:
        """The seconds for which the open circuit breaker sends nothing to Stripe; 0 when it is closed."""
        return self._breaker.open_seconds

    def for_readers(self) -> Self:
        """Return this provider with reads that come after all requests of workers. Closing the original closes both."""
        theirs = copy(self)
        theirs._read_priority = Priority.READ
        return theirs

    async def close(self) -> None:
        await self._http.close_async()

    # Plain data: converting the library's objects into ours costs a fifth of a call.

    def _post(self, path: str, params: Params, key: str, *, version: str = STRIPE_API_VERSION) -> Call[Any]:
        return self._client.raw_request_async("post", path, **params, idempotency_key=key, stripe_version=version)

    def _get(self, path: str, params: Params | None = None, *, version: str = STRIPE_API_VERSION) -> Call[Any]:
        return self._client.raw_request_async("get", path, **(params or {}), stripe_version=version)

    async def _ask(self, priority: Priority, endpoint: str, call: Call[Any]) -> tuple[dict[str, Any], str | None]:
        """Make one call of the library; return plain data and the request's id. Raises as `_send` does."""
        return plain(await self._send(priority, endpoint, call))

    async def _object(
        self, priority: Priority, endpoint: str, call: Call[Any], build: Build[T], until: Deadline = NEVER
    ) -> T:
        """Make one call of the library, and map the object that it answers with. Raises as `_send` does."""
        answer = await self._send(priority, endpoint, call, until)
        (thing, request_id), again = plain(answer), repeats_answer(answer.headers)
        return translated(lambda: build(thing, request_id=request_id, is_replayed=again), request_id)

    async def _send(self, priority: Priority, endpoint: str, call: Call[T], until: Deadline = NEVER) -> T:
        """Make one call of the library, in its turn; its first byte leaves before the deadline or not at all.

        Raises ProviderFailure, without Stripe's body in its trace; nothing was sent when the circuit is open or the
        turn does not come in time.
        """
        try:
            self._breaker.check()
            await self._budget.take(priority, endpoint)
            self._breaker.enter()
        except BaseException:
            call.close()
            raise
        try:
            with departing(until):
                answer = await call
        except stripe.StripeError as error:
            failure = classify(error)
        except BaseException:
            self._breaker.abandoned()
            raise
        else:
            self._breaker.answered()
            return answer
        if failure.code == TOO_LATE:
            self._breaker.abandoned()
        elif failure.is_no_answer:
            self._breaker.not_answered()
        else:
            self._breaker.answered()
        raise failure

    async def _listed(
        self, path: str, params: dict[str, Any], build: Callable[[dict[str, Any]], T]
    ) -> AsyncIterator[T | Unreadable]:
        """List all objects. A malformed one is logged and yielded as `Unreadable`: it does not hide the others."""
        async for item in self._pages(Priority.POLL, path, params, most=None):
            try:
                thing: T | Unreadable = build(item)
            except NOT_THE_OBJECT:
                thing = Unreadable(str(item["id"]), id_of(item.get("payment_intent")))
                log.error("stripe.object_unreadable", object=str(item.get("object"))[:64], id=thing.id[:255])
            yield thing

    async def _pages(
        self, priority: Priority, path: str, params: dict[str, Any], *, most: int | None = LOOKUP_PAGES
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the items of all pages. Raises UNKNOWN beyond `most` pages, because absence is not proven then."""
        for _ in count() if most is None else range(most):
            response = await self._send(priority, f"GET {path}", self._get(path, {**params, "limit": PAGE}))
            page, request_id = response.data, word(response.request_id)
            items = page.get("data")
            if not isinstance(items, list) or not all(isinstance(item, dict) and "id" in item for item in items):
                raise ProviderFailure(Outcome.UNKNOWN, http_status=200, code=UNREADABLE_ANSWER, request_id=request_id)
            for item in items:
                yield item
            if not page.get("has_more") or not items:
                return
            params = {**params, "starting_after": items[-1]["id"]}
        raise ProviderFailure(Outcome.UNKNOWN, code=LIST_TOO_LONG)


def plain(answer: Any) -> tuple[dict[str, Any], str | None]:
    """Return the library's parsed body, and the id of the request."""
    return answer.data, word(answer.request_id)


def translated(build: Callable[[], T], request_id: str | None) -> T:
    """Build our object; a 200 with any other object says nothing about money: UNKNOWN."""
    with suppress(*NOT_THE_OBJECT):
        return build()
    raise ProviderFailure(Outcome.UNKNOWN, http_status=200, code=UNREADABLE_ANSWER, request_id=request_id)
