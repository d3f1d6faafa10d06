"""Customers, their payment methods and their setups at Stripe."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from functools import partial

from domain.deadlines import Deadline
from provider.calls import StripeCalls, plain, translated
from provider.connection.request_budget import Priority
from provider.customer_mapping import customer_from, funds_from, method_from, session_from
from provider.ids import path_of
from provider.mapping import setup_from
from provider.objects import (
    ProviderCustomer,
    ProviderCustomerSession,
    ProviderFunds,
    ProviderMethod,
    ProviderSetup,
    Unreadable,
)
from provider.params import EXPAND_SETUP, Params, expanding, made_between, ordered


class CustomerCalls(StripeCalls):
    """Stripe's calls about customers and the payment methods that they keep."""

    async def create_customer(self, params: Params, *, key: str, until: Deadline) -> ProviderCustomer:
        """Create a customer."""
        call = self._post("/v1/customers", ordered(params), key)
        return await self._object(Priority.PAY, "POST customers", call, customer_from, until)

    async def update_customer(self, customer_id: str, params: Params, *, key: str, until: Deadline) -> ProviderCustomer:
        """Change a customer, such as the payment method that is used where none is named."""
        call = self._post(path_of("customers", customer_id), ordered(params), key)
        return await self._object(Priority.PAY, "POST customers/id", call, customer_from, until)

    async def retrieve_customer(self, customer_id: str) -> ProviderCustomer:
        """Retrieve a customer; of a deleted one, only that it is deleted."""
        call = self._get(path_of("customers", customer_id))
        return await self._object(self._read_priority, "GET customers/id", call, customer_from)

    async def retrieve_funds(self, customer_id: str) -> ProviderFunds:
        """Retrieve what a customer has transferred and what pays nothing."""
        call = self._get(path_of("customers", customer_id, "/cash_balance"))
        return await self._object(self._read_priority, "GET customers/cash_balance", call, funds_from)

    async def find_customer(self, *, customer_id: str, created_since: datetime) -> ProviderCustomer | None:
        """Find the customer that was made for ours, by listing. Raises UNKNOWN when the list is too long."""
        params = {"created": {"gte": int(created_since.timestamp())}}
        async for item in self._pages(Priority.LOOK_UP, "/v1/customers", params):
            if (item.get("metadata") or {}).get("customer_id") == customer_id:
                return translated(partial(customer_from, item), None)
        return None

    async def create_customer_session(self, params: Params, *, key: str, until: Deadline) -> ProviderCustomerSession:
        """Open a session in which Stripe's elements show a customer what they keep."""
        call = self._post("/v1/customer_sessions", ordered(params), key)
        thing, request_id = plain(await self._send(Priority.PAY, "POST customer_sessions", call, until))
        return translated(lambda: session_from(thing), request_id)

    async def list_methods(self, customer_id: str) -> list[ProviderMethod]:
        """List every payment method that a customer keeps, newest first."""
        path = path_of("customers", customer_id, "/payment_methods")
        items = [item async for item in self._pages(self._read_priority, path, {})]
        return translated(lambda: [method_from(item) for item in items], None)

    async def retrieve_method(self, method_id: str) -> ProviderMethod:
        """Retrieve a payment method."""
        call = self._get(path_of("payment_methods", method_id))
        return await self._object(Priority.LOOK_UP, "GET payment_methods/id", call, method_from)

    async def detach_method(self, method_id: str, *, key: str, until: Deadline) -> ProviderMethod:
        """Detach a payment method from its customer: it can never be used again."""
        call = self._post(path_of("payment_methods", method_id, "/detach"), {}, key)
        return await self._object(Priority.PAY, "POST payment_methods/detach", call, method_from, until)

    # -- setups ------------------------------------------------------------------------------------------------------

    async def create_setup(self, params: Params, *, key: str, until: Deadline) -> ProviderSetup:
        """Create a setup, unconfirmed: the customer confirms it in their browser or app."""
        call = self._post("/v1/setup_intents", expanding(params, EXPAND_SETUP), key)
        return await self._object(Priority.PAY, "POST setup_intents", call, setup_from, until)

    async def retrieve_setup(self, setup_id: str) -> ProviderSetup:
        """Retrieve a setup with its payment method."""
        call = self._get(path_of("setup_intents", setup_id), {"expand": EXPAND_SETUP})
        return await self._object(self._read_priority, "GET setup_intents/id", call, setup_from)

    async def find_setup(
        self, *, customer_id: str, metadata: Mapping[str, str], created_since: datetime
    ) -> ProviderSetup | None:
        """Find a customer's setup with this metadata, by listing. Raises UNKNOWN when the list is too long."""
        params = {"customer": customer_id, "created": {"gte": int(created_since.timestamp())}}
        async for item in self._pages(Priority.LOOK_UP, "/v1/setup_intents", params):
            found = item.get("metadata") or {}
            if all(found.get(name) == value for name, value in metadata.items()):
                return await self.retrieve_setup(str(item["id"]))
        return None

    async def setups(
        self, *, created_from: datetime, created_before: datetime, after: str | None = None
    ) -> AsyncIterator[ProviderSetup | Unreadable]:
        """List every setup created in a span of time, newest first; `after` continues behind an id.

        Their methods are not expanded.
        """
        params = made_between(created_from, created_before, after)
        async for setup in self._listed("/v1/setup_intents", params, setup_from):
            yield setup
