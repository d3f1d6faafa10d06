"""The provider: our calls to Stripe, each with our own idempotency key, each failure classified."""

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from provider.calls import translated
from provider.connection.request_budget import Priority
from provider.customer_calls import CustomerCalls
from provider.events import StripeEvent, event_from
from provider.granted_tokens import GrantedTokenCalls
from provider.ids import path_of
from provider.mapping import balance_transaction_from
from provider.objects import ProviderBalanceTransaction, Unreadable
from provider.params import made_between
from provider.payment_calls import PaymentCalls
from provider.words import id_of

EXPAND_SOURCES = ["data.source"]


class Provider(PaymentCalls, CustomerCalls, GrantedTokenCalls):
    """Stripe's API in our own words. Build it inside the running loop, close it with `close`.

    Every method raises `ProviderFailure` and no exception of Stripe's library. A method that changes something at
    Stripe takes a deadline `until`, by which its first byte leaves; later nothing is sent, and the failure's code is
    TOO_LATE.

    A whole call takes at most `timeout_seconds`. `transport` replaces the network (the offline Stripe);
    `before_request` runs before each request. `budget` limits the number of requests; None is no limit. `account` is
    the connected account of every call; None is the key's own.
    """

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
        return translated(lambda: balance_transaction_from(answer), request_id)

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
        return translated(lambda: self._own_event(answer), request_id)

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
