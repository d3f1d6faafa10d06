"""Payments, refunds and disputes at Stripe."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from domain.api_version import STRIPE_API_VERSION, STRIPE_PREVIEW_VERSION
from domain.deadlines import Deadline
from provider.calls import StripeCalls, translated
from provider.connection.request_budget import Priority
from provider.failures import ProviderFailure
from provider.granted_tokens import granted_token_in, name_the_token
from provider.ids import path_of
from provider.mapping import dispute_from, payment_from, refund_from
from provider.objects import ProviderDispute, ProviderPayment, ProviderRefund, Unreadable
from provider.params import EXPAND_CAPTURED, Params, expanding, made_between, ordered

EXPAND_REFUND = ["charge.balance_transaction"]  # tells a refund from the released part of a hold


class PaymentCalls(StripeCalls):
    """Stripe's calls about payments, refunds and disputes."""

    # -- payments ------------------------------------------------------------------------------------------------

    async def create_payment(self, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Create an intent. No money moves, unless `params` say `confirm`: then it is an attempt as well, as below."""
        call = self._post("/v1/payment_intents", expanding(params), key)
        return await self._object(Priority.PAY, "POST payment_intents", call, payment_from, until)

    async def update_payment(self, intent_id: str, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Update an unconfirmed intent: its amount, and what describes it."""
        call = self._post(path_of("payment_intents", intent_id), expanding(params), key)
        return await self._object(Priority.PAY, "POST payment_intents/id", call, payment_from, until)

    async def confirm_payment(self, intent_id: str, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Confirm an intent. A 402 is `Outcome.DECLINED`, with the intent as it stands then."""
        is_granted = granted_token_in(params) is not None
        version = STRIPE_PREVIEW_VERSION if is_granted else STRIPE_API_VERSION
        path = path_of("payment_intents", intent_id, "/confirm")
        call = self._post(path, expanding(params), key, version=version)
        try:
            return await self._object(Priority.PAY, "POST payment_intents/confirm", call, payment_from, until)
        except ProviderFailure as failure:
            if is_granted:
                name_the_token(failure)
            raise

    async def capture_payment(self, intent_id: str, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Capture money that is held."""
        call = self._post(path_of("payment_intents", intent_id, "/capture"), expanding(params, EXPAND_CAPTURED), key)
        return await self._object(Priority.PAY, "POST payment_intents/capture", call, payment_from, until)

    async def cancel_payment(self, intent_id: str, params: Params, *, key: str, until: Deadline) -> ProviderPayment:
        """Cancel an intent and release what it holds."""
        call = self._post(path_of("payment_intents", intent_id, "/cancel"), expanding(params), key)
        return await self._object(Priority.PAY, "POST payment_intents/cancel", call, payment_from, until)

    async def retrieve_payment(self, intent_id: str) -> ProviderPayment:
        """Retrieve an intent."""
        call = self._get(path_of("payment_intents", intent_id), {"expand": EXPAND_CAPTURED})
        return await self._object(self._read_priority, "GET payment_intents/id", call, payment_from)

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
        call = self._post("/v1/refunds", ordered(params), key)
        return await self._object(Priority.REFUND, "POST refunds", call, refund_from, until)

    async def retrieve_refund(self, refund_id: str) -> ProviderRefund:
        """Retrieve a refund."""
        call = self._get(path_of("refunds", refund_id), {"expand": EXPAND_REFUND})
        return await self._object(Priority.LOOK_UP, "GET refunds/id", call, refund_from)

    async def list_refunds(self, intent_id: str) -> list[ProviderRefund]:
        """List every refund of an intent, newest first, whoever made it."""
        expand = [f"data.{path}" for path in EXPAND_REFUND]
        params = {"payment_intent": intent_id, "expand": expand}
        items = [item async for item in self._pages(self._read_priority, "/v1/refunds", params)]
        return translated(lambda: [refund_from(item) for item in items], None)

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
        return translated(lambda: [dispute_from(item) for item in items], None)

    async def retrieve_dispute(self, dispute_id: str) -> ProviderDispute:
        """Retrieve a dispute."""
        answer, request_id = await self._ask(
            Priority.LOOK_UP, "GET disputes/id", self._get(path_of("disputes", dispute_id))
        )
        return translated(lambda: dispute_from(answer), request_id)

    async def disputes(
        self, *, created_from: datetime, created_before: datetime, after: str | None = None
    ) -> AsyncIterator[ProviderDispute | Unreadable]:
        """List every dispute opened in a span of time, newest first; `after` continues behind an id."""
        params = made_between(created_from, created_before, after)
        async for dispute in self._listed("/v1/disputes", params, dispute_from):
            yield dispute
