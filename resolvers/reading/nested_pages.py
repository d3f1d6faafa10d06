"""Pages below many rows at once: the payments of fifty orders are one statement, not fifty."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from tortoise.models import Model

from database.row_reader import rows_below
from database.statements import query_rows, read
from domain.money import Money
from models import Customer, Order, Payment, PaymentEvent, Refund, SavedPaymentMethod, SetupIntent
from resolvers.context import RequestContext
from resolvers.reading.cursors import SortKey
from resolvers.reading.loaders import Loader
from resolvers.reading.pagination import COUNTED, NEWEST, Page, PageWindow, Paging, Sort
from resolvers.reading.relations import ORDER_OF_PAYMENT, PAYMENTS_OF_ORDER, REFUNDS_OF_PAYMENT
from resolvers.reading.search import NOBODY
from resolvers.visibility import order_of_payment, visibility, visible_payment

Row = TypeVar("Row", bound=Model)
Found = TypeVar("Found")

CHRONICLE = Sort(SortKey.SEQUENCE, descending=False)
EVENTS_BELOW = 10  # twenty payments with their timelines are within what a buyer may ask for

BELOW = """WHERE id IN (
  SELECT child.id FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
    SELECT c.id FROM {table} c WHERE {conditions} ORDER BY {order} LIMIT {size}
  ) AS child
) ORDER BY {order}"""
COUNT = """
SELECT parent.id, counted.total FROM unnest($1::uuid[]) AS parent(id) CROSS JOIN LATERAL (
  SELECT count(*) AS total FROM (SELECT 1 FROM {table} c WHERE {conditions} LIMIT {size}) AS few
) AS counted
"""


@dataclass(frozen=True, slots=True)
class Children(Generic[Row]):
    """The rows of a table that belong to a row of another, which is named in the column `parent`, in their order.

    `condition` says which of them are shown, of a row `c`. With `by_owner` its `$2` is the customer whose rows alone
    the caller may see, or null for all.
    """

    table: type[Row]
    parent: str
    sort: Sort = NEWEST
    condition: str = "true"
    by_owner: bool = False

    async def load(self, window: PageWindow, owner: UUID | None, parent_ids: list[UUID]) -> list[list[Row]]:
        """Return the page below each parent, in the window's order, with one row more if there is one."""
        values, descending = self._values(parent_ids, owner), self.sort.descending
        kind = "timestamptz" if self.sort.key.is_time else "bigint"
        conditions = [f"c.{self.parent} = parent.id", self.condition]
        for place, beyond in ((window.after, "<" if descending else ">"), (window.before, ">" if descending else "<")):
            if place is not None:
                values += [place.value, place.id]
                conditions.append(f"({self.sort.key}, id) {beyond} (${len(values) - 1}::{kind}, ${len(values)})")
        direction = "DESC" if descending != window.backward else "ASC"
        rest = BELOW.format(
            table=self.table._meta.db_table,
            conditions=" AND ".join(conditions),
            order=f"{self.sort.key} {direction}, id {direction}",
            size=window.size + 1,
        )
        groups: defaultdict[UUID, list[Row]] = defaultdict(list)
        for row in await read(self.table, rest, *values):
            groups[getattr(row, self.parent)].append(row)
        return [groups[parent_id] for parent_id in parent_ids]

    async def load_counts(self, owner: UUID | None, parent_ids: list[UUID]) -> list[int | None]:
        """Return the count below each parent, None for more than anyone should wait for."""
        conditions = f"c.{self.parent} = parent.id AND {self.condition}"
        statement = COUNT.format(table=self.table._meta.db_table, conditions=conditions, size=COUNTED + 1)
        totals = {row["id"]: row["total"] for row in await query_rows(statement, self._values(parent_ids, owner))}
        return [totals[parent_id] if totals[parent_id] <= COUNTED else None for parent_id in parent_ids]

    def _values(self, parent_ids: list[UUID], owner: UUID | None) -> list[Any]:
        return [parent_ids, owner] if self.by_owner else [parent_ids]


THEIR_PAYMENTS: Final = f"($2::uuid IS NULL OR coalesce(c.customer_id, '{NOBODY}') = $2)"
PAYMENTS: Final[dict[type[Model], Children[Payment]]] = {
    Order: Children(Payment, "order_id", condition=THEIR_PAYMENTS, by_owner=True),
    Customer: Children(Payment, "customer_id", condition=THEIR_PAYMENTS, by_owner=True),
}
# Below a customer whom they see, a caller sees all orders, methods and setups.
ORDERS: Final = Children(Order, "customer_id")
METHODS: Final = Children(SavedPaymentMethod, "customer_id", condition="c.detached_at IS NULL")
SETUPS: Final = Children(SetupIntent, "customer_id")
EVENTS: Final = Children(PaymentEvent, "payment_id", CHRONICLE)
# Of an order: the events of the payments that are the owner's, and those of the order alone from the time when it was,
# if it is now.
EVENTS_OF_ORDER: Final = Children(
    PaymentEvent,
    "order_id",
    CHRONICLE,
    f"""($2::uuid IS NULL OR CASE
  WHEN c.payment_id IS NOT NULL THEN EXISTS (
    SELECT 1 FROM payment p WHERE p.id = c.payment_id AND coalesce(p.customer_id, '{NOBODY}') = $2)
  ELSE c.after ? 'customer_id' AND coalesce(c.after ->> 'customer_id', '{NOBODY}')::uuid = $2 AND EXISTS (
    SELECT 1 FROM orders o WHERE o.id = c.order_id AND coalesce(o.customer_id, '{NOBODY}') = $2)
END)""",  # noqa: S608 - our own words
    by_owner=True,
)


async def payments_below(context: RequestContext, row: Order | Customer, paging: Paging) -> Page[Payment]:
    """Return a page of an order's or a customer's payments, newest first. A buyer sees only their own."""
    window = paging.window(NEWEST)
    preloaded: list[Payment] | None = rows_below(row, PAYMENTS_OF_ORDER.key_of(window))
    if preloaded is not None and window.after is None and window.before is None:
        return await _page_below(context, PAYMENTS[type(row)], row.id, paging, preloaded)
    page = await _page_below(context, PAYMENTS[type(row)], row.id, paging)
    for payment in page.rows:  # whole rows; those that were read with their parent have not every column
        context.loaders.payment.prime(payment.id, payment)
    return page


async def orders_of(context: RequestContext, customer: Customer, paging: Paging) -> Page[Order]:
    """Return a page of a customer's orders, newest first."""
    return await _page_below(context, ORDERS, customer.id, paging)


async def methods_of(context: RequestContext, customer: Customer, paging: Paging) -> Page[SavedPaymentMethod]:
    """Return a page of the payment methods that a customer keeps, newest first."""
    return await _page_below(context, METHODS, customer.id, paging)


async def setup_intents_of(context: RequestContext, customer: Customer, paging: Paging) -> Page[SetupIntent]:
    """Return a page of a customer's setups, newest first."""
    return await _page_below(context, SETUPS, customer.id, paging)


async def timeline(context: RequestContext, payment_id: UUID, paging: Paging) -> Page[PaymentEvent]:
    """Return a page of a payment's events, oldest first."""
    return await _page_below(context, EVENTS, payment_id, paging)


async def timeline_of_order(context: RequestContext, order_id: UUID, paging: Paging) -> Page[PaymentEvent]:
    """Return a page of the events of an order and its payments, oldest first. A buyer sees only what was theirs."""
    return await _page_below(context, EVENTS_OF_ORDER, order_id, paging)


async def payable(context: RequestContext, order: Order) -> Money:
    """Return the amount that a new payment of the order may ask for."""
    if hasattr(order, "locked_payments"):
        return order.payable
    return order.payable_beside(await context.loaders.open_payments_of_order.load(order.id))


async def order_of(context: RequestContext, payment: Payment) -> Order:
    """Return the order that is paid."""
    preloaded: Order | None = ORDER_OF_PAYMENT.preloaded(payment)
    if preloaded is not None:
        return preloaded
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
    preloaded: list[Refund] | None = REFUNDS_OF_PAYMENT.preloaded(payment)
    return preloaded if preloaded is not None else await context.loaders.refunds_of_payment.load(payment.id)


async def _page_below(
    context: RequestContext,
    children: Children[Row],
    parent_id: UUID,
    paging: Paging,
    preloaded: Sequence[Row] | None = None,
) -> Page[Row]:
    """Return a page below a row; `preloaded` are its rows if they were read with the parent."""
    window = paging.window(children.sort)
    owner = (await visibility(context)).owner if children.by_owner else None

    async def count() -> int | None:
        return await _loader(context, (children, None), partial(children.load_counts, owner)).load(parent_id)

    if preloaded is None:
        preloaded = await _loader(context, (children, window), partial(children.load, window, owner)).load(parent_id)
    return Page.of(preloaded, window, count=count)


def _loader(
    context: RequestContext,
    name: tuple[Children[Any], PageWindow | None],
    load: Callable[[list[UUID]], Awaitable[list[Found]]],
) -> Loader[UUID, Found]:
    """Return the request's loader for these arguments, made at its first use."""
    known = context.loaders.children
    if name not in known:

        async def batch(keys: list[UUID]) -> list[Found]:
            return await load(keys)

        known[name] = Loader(batch)
    return known[name]
