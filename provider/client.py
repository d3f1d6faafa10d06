"""The provider: our calls to Stripe, each with our own idempotency key, each failure classified."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

import httpx
import stripe
import structlog

from domain.api_version import STRIPE_API_VERSION
from domain.deadlines import NEVER, Deadline
from provider.breaker import Breaker
from provider.events import StripeEvent, event_from
from provider.failures import (
    LIST_TOO_LONG,
    TOO_LATE,
    UNREADABLE_ANSWER,
    Outcome,
    ProviderFailure,
    classify,
    is_replayed,
)
from provider.ids import path_of
from provider.mapping import NOT_THE_OBJECT, balance_transaction_from, dispute_from, payment_from, refund_from
from provider.objects import ProviderBalanceTransaction, ProviderDispute, ProviderPayment, ProviderRefund, Unreadable
from provider.params import EXPAND_PAYMENT, Params, expanding, made_between, ordered
from provider.request_budget import Budget, Priority
from provider.transport import LocalTransport, NetworkTransport, Transport, departing
from provider.words import id_of, word

log = structlog.get_logger(__name__)
T = TypeVar("T")
Call = Coroutine[Any, Any, T]

EXPAND_SOURCES = ["data.source"]
EXPAND_REFUND = ["charge.balance_transaction"]  # tells a refund from the released part of a hold
PAGE = 100  # Stripe's largest page
LOOKUP_PAGES = 20  # an object that is not among the newest 2,000 has to be found in another way


class Provider:
    """Stripe's API in our own words. Build it inside the running loop, close it with `close`.

    Every method raises `ProviderFailure` and no exception of Stripe's library. A method that changes something at
    Stripe takes a deadline `until`, by which its first byte leaves; later nothing is sent, and the failure's code is
    TOO_LATE.

    A whole call takes at most `timeout_seconds`. `transport` replaces the network (the offline Stripe);
    `before_request` runs before each request. `budget` limits the number of requests; None is no limit. `account` is
    the connected account of every call; None is the key's own.
    """

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

    def for_readers(self) -> "Provider":
        """Return this provider with reads that come after all requests of workers. Closing the original closes both."""
        theirs = copy(self)
        theirs._read_priority = Priority.READ
        return theirs

    async def close(self) -> None:
        await self._http.close_async()

    # -- payments ------------------------------------------------------------------------------------------------

    async def create_payment(self, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Create an intent, unconfirmed: no money moves."""
        return await self._payment(
            Priority.PAY, "POST payment_intents", self._post("/v1/payment_intents", expanding(params), key), until
        )

    async def confirm_payment(self, intent_id: str, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Confirm an intent. A 402 is `Outcome.DECLINED`, with the intent as it stands then."""
        return await self._payment(
            Priority.PAY,
            "POST payment_intents/confirm",
            self._post(path_of("payment_intents", intent_id, "/confirm"), expanding(params), key),
            until,
        )

    async def capture_payment(self, intent_id: str, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Capture money that is held."""
        return await self._payment(
            Priority.PAY,
            "POST payment_intents/capture",
            self._post(path_of("payment_intents", intent_id, "/capture"), expanding(params), key),
            until,
        )

    async def cancel_payment(self, intent_id: str, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Cancel an intent and release what it holds."""
        return await self._payment(
            Priority.PAY,
            "POST payment_intents/cancel",
            self._post(path_of("payment_intents", intent_id, "/cancel"), expanding(params), key),
            until,
        )

    async def retrieve_payment(self, intent_id: str) -> ProviderPayment:
        """Retrieve an intent."""
        call = self._get(path_of("payment_intents", intent_id), {"expand": EXPAND_PAYMENT})
        return await self._payment(self._read_priority, "GET payment_intents/id", call)

    async def find_payment(self, *, metadata: Mapping[str, str], created_since: datetime) -> ProviderPayment | None:
        """Find the intent with this metadata, by listing: Stripe's lists are read-after-write, its search is not.

        Raises `ProviderFailure(UNKNOWN)` when the list is too long to say that there is none.
        """
        params = {"created": {"gte": int(created_since.timestamp())}}
        async for item in self._pages(Priority.LOOK_UP, "/v1/payment_intents", params):
            found = item.get("metadata") or {}
            if all(found.get(name) == value for name, value in metadata.items()):
                return await self.retrieve_payment(str(item["id"]))
        return None

    async def payments(
        self, *, created_from: datetime, created_before: datetime, after: str | None = None
    ) -> AsyncIterator[ProviderPayment | Unreadable]:
        """List every intent created in a span of time, newest first; `after` continues behind an id.

        Their charges are not expanded.
        """
        params = made_between(created_from, created_before, after)
        async for payment in self._listed("/v1/payment_intents", params, payment_from):
            yield payment

    # -- refunds and disputes --------------------------------------------------------------------------------------

    async def create_refund(self, params: Params, *, key: str, until: Deadline) -> ProviderRefund:
        """Refund money."""
        return await self._refund(
            Priority.REFUND, "POST refunds", self._post("/v1/refunds", ordered(params), key), until
        )

    async def retrieve_refund(self, refund_id: str) -> ProviderRefund:
        """Retrieve a refund."""
        call = self._get(path_of("refunds", refund_id), {"expand": EXPAND_REFUND})
        return await self._refund(Priority.LOOK_UP, "GET refunds/id", call)

    async def list_refunds(self, intent_id: str) -> list[ProviderRefund]:
        """List every refund of an intent, newest first, whoever made it."""
        expand = [f"data.{path}" for path in EXPAND_REFUND]
        params = {"payment_intent": intent_id, "expand": expand}
        items = [item async for item in self._pages(self._read_priority, "/v1/refunds", params)]
        return _translated(lambda: [refund_from(item) for item in items], None)

    async def refunds(
        self, *, created_from: datetime, created_before: datetime, after: str | None = None
    ) -> AsyncIterator[ProviderRefund | Unreadable]:
        """List every refund created in a span of time, newest first; `after` continues behind an id."""
        params = made_between(created_from, created_before, after)
        async for refund in self._listed("/v1/refunds", params, refund_from):
            yield refund

    async def list_disputes(self, intent_id: str) -> list[ProviderDispute]:
        """List every dispute of an intent."""
        params = {"payment_intent": intent_id}
        items = [item async for item in self._pages(self._read_priority, "/v1/disputes", params)]
        return _translated(lambda: [dispute_from(item) for item in items], None)

    async def retrieve_dispute(self, dispute_id: str) -> ProviderDispute:
        """Retrieve a dispute."""
        answer, request_id = await self._ask(
            Priority.LOOK_UP, "GET disputes/id", self._get(path_of("disputes", dispute_id))
        )
        return _translated(lambda: dispute_from(answer), request_id)

    async def disputes(
        self, *, created_from: datetime, created_before: datetime, after: str | None = None
    ) -> AsyncIterator[ProviderDispute | Unreadable]:
        """List every dispute opened in a span of time, newest first; `after` continues behind an id."""
        params = made_between(created_from, created_before, after)
        async for dispute in self._listed("/v1/disputes", params, dispute_from):
            yield dispute

    # -- the balance -----------------------------------------------------------------------------------------------

    async def balance_transactions(
        self, *, created_from: datetime, created_before: datetime, after: str | None = None
    ) -> AsyncIterator[ProviderBalanceTransaction | Unreadable]:
        """List every balance transaction of a span of time, newest first; `after` continues behind an id."""
        params = {**made_between(created_from, created_before, after), "expand": EXPAND_SOURCES}
        async for booking in self._listed("/v1/balance_transactions", params, balance_transaction_from):
            yield booking

    async def retrieve_balance_transaction(self, transaction_id: str) -> ProviderBalanceTransaction:
        """Retrieve a balance transaction."""
        call = self._get(path_of("balance_transactions", transaction_id), {"expand": ["source"]})
        answer, request_id = await self._ask(Priority.LOOK_UP, "GET balance_transactions/id", call)
        return _translated(lambda: balance_transaction_from(answer), request_id)

    # -- events ------------------------------------------------------------------------------------------------------

    async def events(
        self, types: Collection[str], *, created_since: datetime, after: str | None = None
    ) -> AsyncIterator[StripeEvent]:
        """List every event of these types since a moment, newest first; `after` continues behind an id.

        Stripe keeps events for 30 days. An unreadable event is logged and left out, so that it does not hide the
        others.
        """
        async for event in self.events_and_unreadable(types, created_since=created_since, after=after):
            if not isinstance(event, Unreadable):
                yield event

    async def events_and_unreadable(
        self,
        types: Collection[str],
        *,
        created_since: datetime,
        created_before: datetime | None = None,
        after: str | None = None,
    ) -> AsyncIterator[StripeEvent | Unreadable]:
        """List events as `events` does, with an `Unreadable` in place of each unreadable one."""
        params = {**made_between(created_since, created_before, after), "types": sorted(types)}
        async for event in self._listed("/v1/events", params, self._own_event):
            yield event

    async def retrieve_event(self, event_id: str) -> StripeEvent:
        """Retrieve an event; Stripe keeps it for 30 days."""
        answer, request_id = await self._ask(Priority.LOOK_UP, "GET events/id", self._get(path_of("events", event_id)))
        return _translated(lambda: self._own_event(answer), request_id)

    def _own_event(self, data: dict[str, Any]) -> StripeEvent:
        """Build an event of our own account, which Stripe need not name then."""
        event = event_from(data)
        return replace(event, account=event.account or self.account)

    async def payment_of(self, kind: str, identity: str) -> str | None:
        """Return the id of the payment that an object belongs to, or None. `kind` is Stripe's name of its type."""
        match kind:
            case "payment_intent":
                return identity
            case "refund":
                return (await self.retrieve_refund(identity)).payment_intent_id
            case "dispute":
                return (await self.retrieve_dispute(identity)).payment_intent_id
            case "charge":
                answer, _ = await self._ask(Priority.LOOK_UP, "GET charges/id", self._get(path_of("charges", identity)))
                return id_of(answer.get("payment_intent"))
            case _:
                return None

    # -- below the fence -----------------------------------------------------------------------------------------------

    # Plain data: converting the library's objects into ours costs a fifth of a call.

    def _post(self, path: str, params: Params, key: str) -> Call[Any]:
        return self._client.raw_request_async("post", path, **params, idempotency_key=key)

    def _get(self, path: str, params: Params | None = None) -> Call[Any]:
        return self._client.raw_request_async("get", path, **(params or {}))

    async def _payment(
        self, priority: Priority, endpoint: str, call: Call[Any], until: Deadline = NEVER
    ) -> ProviderPayment:
        answer = await self._send(priority, endpoint, call, until)
        (thing, request_id), again = _plain(answer), is_replayed(answer.headers)
        return _translated(lambda: payment_from(thing, request_id=request_id, is_replayed=again), request_id)

    async def _refund(
        self, priority: Priority, endpoint: str, call: Call[Any], until: Deadline = NEVER
    ) -> ProviderRefund:
        answer = await self._send(priority, endpoint, call, until)
        (thing, request_id), again = _plain(answer), is_replayed(answer.headers)
        return _translated(lambda: refund_from(thing, request_id=request_id, is_replayed=again), request_id)

    async def _ask(self, priority: Priority, endpoint: str, call: Call[Any]) -> tuple[dict[str, Any], str | None]:
        """Make one call of the library; return plain data and the request's id. Raises as `_send` does."""
        return _plain(await self._send(priority, endpoint, call))

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


def _plain(answer: Any) -> tuple[dict[str, Any], str | None]:
    """Return the library's parsed body, and the id of the request."""
    return answer.data, word(answer.request_id)


def _translated(build: Callable[[], T], request_id: str | None) -> T:
    """Build our object; a 200 with any other object says nothing about money: UNKNOWN."""
    with suppress(*NOT_THE_OBJECT):
        return build()
    raise ProviderFailure(Outcome.UNKNOWN, http_status=200, code=UNREADABLE_ANSWER, request_id=request_id)
