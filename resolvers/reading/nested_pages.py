"""Pages below many rows at once: the payments of fifty orders are one statement, not fifty."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar
from uuid import UUID

from tortoise.models import Model

from database.row_reader import rows_below
from database.statements import query_rows
from domain.money import Money
from models import Customer, Order, Payment, PaymentEvent, Refund, SavedPaymentMethod
from resolvers.context import RequestContext
from resolvers.reading.cursors import SortKey
from resolvers.reading.loaders import Loader
from resolvers.reading.pagination import COUNTED, NEWEST, Page, PageWindow, Paging, Sort
from resolvers.reading.relations import ORDER_OF_PAYMENT, PAYMENTS_OF_ORDER, REFUNDS_OF_PAYMENT
from resolvers.reading.search import NOBODY
from resolvers.visibility import order_of_payment, visibility, visible_payment

Row = TypeVar("Row", bound=Model)
Found = TypeVar("Found")
Parent = Literal["order_id", "customer_id"]

CHRONICLE = Sort(SortKey.SEQUENCE, descending=False)
EVENTS_BELOW = 10  # twenty payments with their timelines are within what a buyer may ask for

PAYMENTS = """
SELECT child.id FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT p.id FROM payment p
  WHERE p.{parent} = parent.id AND ($2::uuid IS NULL OR coalesce(p.customer_id, '{nobody}') = $2)
    AND ($3::timestamptz IS NULL OR (p.created_at, p.id) < ($3, $4::uuid))
    AND ($5::timestamptz IS NULL OR (p.created_at, p.id) > ($5, $6::uuid))
  ORDER BY p.created_at {direction}, p.id {direction} LIMIT $7
) AS child
"""
PAYMENTS_COUNT = """
SELECT parent.id, counted.total FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT count(*) AS total FROM (
    SELECT 1 FROM payment p
    WHERE p.{parent} = parent.id AND ($2::uuid IS NULL OR coalesce(p.customer_id, '{nobody}') = $2) LIMIT $3
  ) AS few
) AS counted
"""
# Rows below a customer, newest first; of orders and of methods a caller sees all below a customer whom they see.
BELOW_CUSTOMER = """
SELECT child.id FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT p.id FROM {table} p
  WHERE p.customer_id = parent.id {also}
    AND ($2::timestamptz IS NULL OR (p.created_at, p.id) < ($2, $3::uuid))
    AND ($4::timestamptz IS NULL OR (p.created_at, p.id) > ($4, $5::uuid))
  ORDER BY p.created_at {direction}, p.id {direction} LIMIT $6
) AS child
"""
BELOW_CUSTOMER_COUNT = """
SELECT parent.id, counted.total FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT count(*) AS total FROM (
    SELECT 1 FROM {table} p WHERE p.customer_id = parent.id {also} LIMIT $2
  ) AS few
) AS counted
"""
EVENTS = """
SELECT child.id FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT e.id FROM payment_event e
  WHERE e.payment_id = parent.id AND ($2::bigint IS NULL OR e.sequence > $2)
    AND ($3::bigint IS NULL OR e.sequence < $3)
  ORDER BY e.sequence {direction} LIMIT $4
) AS child
"""
EVENTS_COUNT = """
SELECT parent.id, counted.total FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT count(*) AS total FROM (SELECT 1 FROM payment_event e WHERE e.payment_id = parent.id LIMIT $2) AS few
) AS counted
"""

# Of an order: the events of the payments that are the owner's ($2, null for all), and those of the order alone from the
# time when it was, if it is now.
EVENTS_OF_ORDER = """
SELECT child.id FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT e.id FROM payment_event e
  WHERE e.order_id = parent.id AND ($3::bigint IS NULL OR e.sequence > $3)
    AND ($4::bigint IS NULL OR e.sequence < $4) AND {theirs}
  ORDER BY e.sequence {direction} LIMIT $5
) AS child
"""
EVENTS_OF_ORDER_COUNT = """
SELECT parent.id, counted.total FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT count(*) AS total FROM (
    SELECT 1 FROM payment_event e WHERE e.order_id = parent.id AND {theirs} LIMIT $3
  ) AS few
) AS counted
"""
THEIRS = f"""($2::uuid IS NULL OR CASE
  WHEN e.payment_id IS NOT NULL THEN EXISTS (
    SELECT 1 FROM payment p WHERE p.id = e.payment_id AND coalesce(p.customer_id, '{NOBODY}') = $2)
  ELSE e.after ? 'customer_id' AND coalesce(e.after ->> 'customer_id', '{NOBODY}')::uuid = $2 AND EXISTS (
    SELECT 1 FROM orders o WHERE o.id = e.order_id AND coalesce(o.customer_id, '{NOBODY}') = $2)
END)"""  # noqa: S608 - our own words


async def payments_below(
    context: RequestContext, parent: Parent, row: Order | Customer, paging: Paging
) -> Page[Payment]:
    """Return a page of an order's or a customer's payments, newest first. A buyer sees only their own."""
    window = paging.window(NEWEST)
    parent_id, owner = row.id, (await visibility(context)).owner

    async def load(parent_ids: list[UUID]) -> list[list[Payment]]:
        places = [
            part for place in (window.after, window.before) for part in (place and place.value, place and place.id)
        ]
        direction = "ASC" if window.backward else "DESC"
        statement = PAYMENTS.format(parent=parent, nobody=NOBODY, direction=direction)
        found = await query_rows(statement, [parent_ids, owner, *places, window.size + 1])
        payments = await Payment.filter(id__in=_ids(found)).order_by(*window.order())
        return _grouped(payments, parent_ids, parent)

    async def load_counts(parent_ids: list[UUID]) -> list[int | None]:
        found = await query_rows(PAYMENTS_COUNT.format(parent=parent, nobody=NOBODY), [parent_ids, owner, COUNTED + 1])
        return _capped(found, parent_ids)

    async def count() -> int | None:
        return await _loader(context, (f"count by {parent}", None), load_counts).load(parent_id)

    read: list[Payment] | None = rows_below(row, PAYMENTS_OF_ORDER.key_of(window))
    if read is not None and window.after is None and window.before is None:
        return Page.of(read, window, count=count)
    found = await _loader(context, (parent, window), load).load(parent_id)
    for payment in found:
        context.loaders.payment.prime(payment.id, payment)
    return Page.of(found, window, count=count)


async def orders_of(context: RequestContext, customer: Customer, paging: Paging) -> Page[Order]:
    """Return a page of a customer's orders, newest first."""
    return await _below_customer(context, Order, "orders", "", customer, paging)


async def methods_of(context: RequestContext, customer: Customer, paging: Paging) -> Page[SavedPaymentMethod]:
    """Return a page of the payment methods that a customer keeps, newest first."""
    kept = "AND p.detached_at IS NULL"
    return await _below_customer(context, SavedPaymentMethod, "saved_payment_method", kept, customer, paging)


async def _below_customer(
    context: RequestContext, table: type[Row], name: str, also: str, customer: Customer, paging: Paging
) -> Page[Row]:
    window = paging.window(NEWEST)

    async def load(parent_ids: list[UUID]) -> list[list[Row]]:
        places = [
            part for place in (window.after, window.before) for part in (place and place.value, place and place.id)
        ]
        direction = "ASC" if window.backward else "DESC"
        statement = BELOW_CUSTOMER.format(table=name, also=also, direction=direction)
        found = await query_rows(statement, [parent_ids, *places, window.size + 1])
        rows = await table.filter(id__in=_ids(found)).order_by(*window.order())
        return _grouped(rows, parent_ids, "customer_id")

    async def load_counts(parent_ids: list[UUID]) -> list[int | None]:
        statement = BELOW_CUSTOMER_COUNT.format(table=name, also=also)
        return _capped(await query_rows(statement, [parent_ids, COUNTED + 1]), parent_ids)

    async def count() -> int | None:
        return await _loader(context, (f"count of {name}", None), load_counts).load(customer.id)

    found = await _loader(context, (name, window), load).load(customer.id)
    return Page.of(found, window, count=count)


async def payable(context: RequestContext, order: Order) -> Money:
    """Return the amount that a new payment of the order may ask for."""
    if hasattr(order, "locked_payments"):
        return order.payable
    return order.payable_beside(await context.loaders.open_payments_of_order.load(order.id))


async def order_of(context: RequestContext, payment: Payment) -> Order:
    """Return the order that is paid."""
    read: Order | None = ORDER_OF_PAYMENT.preloaded(payment)
    if read is not None:
        return read
    row = await context.loaders.order.load(payment.order_id)
    assert row is not None, "a payment without its order"
    return await order_of_payment(context, payment, row)


async def superseded_by(context: RequestContext, payment: Payment) -> Payment | None:
    """Return the order's payment before this one, if the caller may see it."""
    earlier = payment.supersedes_id
    return await visible_payment(context, await context.loaders.payment.load(earlier)) if earlier is not None else None


async def payment_of_refund(context: RequestContext, refund: Refund) -> Payment:
    """Return the payment that a refund belongs to."""
    row = await context.loaders.payment.load(refund.payment_id)
    assert row is not None, "a refund without its payment"
    return row


async def order_of_event(context: RequestContext, event: PaymentEvent) -> Order:
    """Return the order whose chain an event is part of, as far as the caller may see it."""
    row = await context.loaders.order.load(event.order_id)
    assert row is not None, "an event without its order"
    payment = await context.loaders.payment.load(event.payment_id) if event.payment_id is not None else None
    return await order_of_payment(context, payment, row) if payment is not None else row


async def refunds_of(context: RequestContext, payment: Payment) -> list[Refund]:
    """Return the payment's refunds, oldest first."""
    read: list[Refund] | None = REFUNDS_OF_PAYMENT.preloaded(payment)
    return read if read is not None else await context.loaders.refunds_of_payment.load(payment.id)


async def timeline(context: RequestContext, payment_id: UUID, paging: Paging) -> Page[PaymentEvent]:
    """Return a page of a payment's events, oldest first."""
    window = paging.window(CHRONICLE)

    async def load(payment_ids: list[UUID]) -> list[list[PaymentEvent]]:
        places = [place and place.value for place in (window.after, window.before)]
        statement = EVENTS.format(direction="DESC" if window.backward else "ASC")
        found = await query_rows(statement, [payment_ids, *places, window.size + 1])
        events = await PaymentEvent.filter(id__in=_ids(found)).order_by(*window.order())
        return _grouped(events, payment_ids, "payment_id")

    async def load_counts(payment_ids: list[UUID]) -> list[int | None]:
        return _capped(await query_rows(EVENTS_COUNT, [payment_ids, COUNTED + 1]), payment_ids)

    async def count() -> int | None:
        return await _loader(context, ("count of timeline", None), load_counts).load(payment_id)

    found = await _loader(context, ("timeline", window), load).load(payment_id)
    return Page.of(found, window, count=count)


async def timeline_of_order(context: RequestContext, order_id: UUID, paging: Paging) -> Page[PaymentEvent]:
    """Return a page of the events of an order and its payments, oldest first. A buyer sees only what was theirs."""
    window, owner = paging.window(CHRONICLE), (await visibility(context)).owner

    async def load(order_ids: list[UUID]) -> list[list[PaymentEvent]]:
        places = [place and place.value for place in (window.after, window.before)]
        statement = EVENTS_OF_ORDER.format(theirs=THEIRS, direction="DESC" if window.backward else "ASC")
        found = await query_rows(statement, [order_ids, owner, *places, window.size + 1])
        events = await PaymentEvent.filter(id__in=_ids(found)).order_by(*window.order())
        return _grouped(events, order_ids, "order_id")

    async def load_counts(order_ids: list[UUID]) -> list[int | None]:
        statement = EVENTS_OF_ORDER_COUNT.format(theirs=THEIRS)
        return _capped(await query_rows(statement, [order_ids, owner, COUNTED + 1]), order_ids)

    async def count() -> int | None:
        return await _loader(context, ("count of order's timeline", None), load_counts).load(order_id)

    found = await _loader(context, ("order's timeline", window), load).load(order_id)
    return Page.of(found, window, count=count)


def _loader(
    context: RequestContext, name: tuple[str, PageWindow | None], load: Callable[[list[UUID]], Awaitable[list[Found]]]
) -> Loader[UUID, Found]:
    """Return the request's loader for these arguments, made at its first use."""
    known = context.loaders.children
    if name not in known:

        async def batch(keys: list[UUID]) -> list[Found]:
            return await load(keys)

        known[name] = Loader(batch)
    return known[name]


def _ids(found: Iterable[dict[str, Any]]) -> list[UUID]:
    return [row["id"] for row in found]


def _capped(counted: Iterable[dict[str, Any]], parent_ids: Sequence[UUID]) -> list[int | None]:
    """Return the count of each parent, None for more than anyone should wait for."""
    totals = {row["id"]: row["total"] for row in counted}
    return [totals[parent_id] if totals[parent_id] <= COUNTED else None for parent_id in parent_ids]


def _grouped(found: Sequence[Row], parent_ids: Sequence[UUID], parent: str) -> list[list[Row]]:
    """Return the rows of each parent, in their order."""
    groups: defaultdict[UUID, list[Row]] = defaultdict(list)
    for row in found:
        groups[getattr(row, parent)].append(row)
    return [groups[parent_id] for parent_id in parent_ids]
