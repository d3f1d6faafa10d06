"""Loaders of one request: rows that many fields ask for one by one are read in one statement."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from aiodataloader import DataLoader
from tortoise.models import Model

from database.statements import read
from domain.states import PAYMENT_OPEN
from models import (
    Customer,
    Discrepancy,
    Operation,
    Order,
    Payment,
    PaymentEvent,
    ReconciliationRun,
    Refund,
    SavedPaymentMethod,
    SetupIntent,
    WebhookEvent,
)

Row = TypeVar("Row", bound=Model)
Numbered = TypeVar("Numbered", Order, Customer)  # by the shop, beside our ids
Key = TypeVar("Key")
Found = TypeVar("Found")

LARGEST_BATCH = 1000  # ids in one statement
OPEN = [status.value for status in PAYMENT_OPEN]


class Loader(DataLoader[Key, Found]):
    """A loader whose value several fields wait for.

    graphql-core cancels the fields beside one that failed, which must not take the value from the others.
    """

    def load(self, key: Key) -> "asyncio.Future[Found]":
        return asyncio.shield(super().load(key))


class Loaders:
    """The loaders of one request, one for each way of asking.

    They keep their rows until the request ends, so a mutation asks them only after its service has written.
    """

    def __init__(self) -> None:
        self._at_hand: dict[type[Model], Model] = {}

    def hand_over(self, *rows: Order | Payment | None) -> None:
        """Keep an order or a payment for fields that may ask for it: most answers ask for none, and need no loader.

        Of each table one row, before any field asks.
        """
        self._at_hand.update({type(row): row for row in rows if row is not None})

    @cached_property
    def order(self) -> Loader[UUID, Order | None]:
        return self._primed(_loader(_by_id(Order)), Order)

    @cached_property
    def payment(self) -> Loader[UUID, Payment | None]:
        return self._primed(_loader(_by_id(Payment)), Payment)

    @cached_property
    def refund(self) -> Loader[UUID, Refund | None]:
        return _loader(_by_id(Refund))

    @cached_property
    def customer(self) -> Loader[UUID, Customer | None]:
        return _loader(_by_id(Customer))

    @cached_property
    def saved_method(self) -> Loader[UUID, SavedPaymentMethod | None]:
        return _loader(_by_id(SavedPaymentMethod))

    @cached_property
    def setup_intent(self) -> Loader[UUID, SetupIntent | None]:
        return _loader(_by_id(SetupIntent))

    @cached_property
    def operation(self) -> Loader[UUID, Operation | None]:
        return _loader(_by_id(Operation))

    @cached_property
    def event(self) -> Loader[UUID, PaymentEvent | None]:
        return _loader(_by_id(PaymentEvent))

    @cached_property
    def webhook_event(self) -> Loader[UUID, WebhookEvent | None]:
        return _loader(_by_id(WebhookEvent))

    @cached_property
    def reconciliation_run(self) -> Loader[UUID, ReconciliationRun | None]:
        return _loader(_by_id(ReconciliationRun))

    @cached_property
    def discrepancy(self) -> Loader[UUID, Discrepancy | None]:
        return _loader(_by_id(Discrepancy))

    @cached_property
    def order_by_external_id(self) -> Loader[str, Order | None]:
        return _loader(_by_external_id(Order))

    @cached_property
    def customer_by_external_id(self) -> Loader[str, Customer | None]:
        return _loader(_by_external_id(Customer))

    @cached_property
    def refunds_of_payment(self) -> Loader[UUID, list[Refund]]:
        return _loader(_refunds_of_payments)

    @cached_property
    def open_payments_of_order(self) -> Loader[UUID, list[Payment]]:
        return _loader(_open_payments_of_orders)

    @cached_property
    def children(self) -> dict[Any, Loader[UUID, Any]]:
        """Loaders of pages below a row, one for each set of paging arguments; see `resolvers.reading.nested_pages`."""
        return {}

    def _primed(self, loader: Loader[UUID, Row | None], table: type[Row]) -> Loader[UUID, Row | None]:
        row = self._at_hand.get(table)
        return loader.prime(row.pk, row) if isinstance(row, table) else loader


def _loader(load: Callable[[list[Key]], Awaitable[list[Found]]]) -> Loader[Key, Found]:
    async def batch(keys: list[Key]) -> list[Found]:
        return await load(keys)

    return Loader(batch, max_batch_size=LARGEST_BATCH)


def _by_id(table: type[Row]) -> Callable[[list[UUID]], Awaitable[list[Row | None]]]:
    async def load(ids: list[UUID]) -> list[Row | None]:
        found = {row.pk: row for row in await read(table, f'WHERE "{table._meta.db_pk_column}" = ANY($1)', ids)}
        return [found.get(identity) for identity in ids]

    return load


def _by_external_id(table: type[Numbered]) -> Callable[[list[str]], Awaitable[list[Numbered | None]]]:
    async def load(external_ids: list[str]) -> list[Numbered | None]:
        found = {row.external_id: row for row in await read(table, "WHERE external_id = ANY($1)", external_ids)}
        return [found.get(external_id) for external_id in external_ids]

    return load


async def _refunds_of_payments(payment_ids: list[UUID]) -> list[list[Refund]]:
    """Each payment's refunds, oldest first."""
    found: defaultdict[UUID, list[Refund]] = defaultdict(list)
    oldest_first = "WHERE payment_id = ANY($1) ORDER BY created_at, id"
    for refund in await read(Refund, oldest_first, payment_ids):
        found[refund.payment_id].append(refund)
    return [found[payment_id] for payment_id in payment_ids]


async def _open_payments_of_orders(order_ids: list[UUID]) -> list[list[Payment]]:
    """Each order's payments that have not ended."""
    found: defaultdict[UUID, list[Payment]] = defaultdict(list)
    for payment in await read(Payment, "WHERE order_id = ANY($1) AND status = ANY($2)", order_ids, OPEN):
        found[payment.order_id].append(payment)
    return [found[order_id] for order_id in order_ids]
