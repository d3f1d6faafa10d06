"""Orders and payments with their related rows: exactly the columns of a projection, by one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from tortoise.models import Model

from database.computed import columns_for
from database.row_reader import Make, maker
from database.statements import fetch
from execution import Projection, Relation
from models import Order, Payment, Refund
from resolvers.reading.pagination import PageWindow
from resolvers.reading.relations import ORDER_OF_PAYMENT, PAYMENTS_OF_ORDER, REFUNDS_OF_PAYMENT, TableRelation
from resolvers.reading.search import NOBODY
from resolvers.visibility import Visibility, without_foreign_orders

# Columns that are read whatever is asked: they say whose a row is, whether it waits for Stripe, and its place in lists.
NEEDED: Final[dict[type[Model], frozenset[str]]] = {
    Order: frozenset({"id", "customer_id", "payment_status"}),
    Payment: frozenset({"id", "order_id", "customer_id", "status", "refund_pending_minor", "created_at"}),
    Refund: frozenset({"id"}),
}
OWNER: Final = "<owner>"
# The rows of each relation, in their order; {of} is the row that they belong to, {columns} the columns to read.
FROM: Final = {
    PAYMENTS_OF_ORDER.name: "SELECT {columns} FROM payment WHERE order_id = {of}.id AND ({owner}::uuid IS NULL "
    "OR coalesce(customer_id, '{nobody}') = {owner}) ORDER BY created_at {direction}, id {direction} LIMIT {size}",
    REFUNDS_OF_PAYMENT.name: "SELECT {columns} FROM refund WHERE payment_id = {of}.id ORDER BY created_at, id",
    ORDER_OF_PAYMENT.name: "SELECT {columns} FROM orders WHERE id = {of}.order_id",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The columns to read of a table, the expressions to select of it under the name `t`, and the maker of its rows.

    `by_owner` True means that the expressions have a parameter: the customer whose payments alone are shown, or null
    for all.
    """

    columns: str
    selected: str
    make: Make
    by_owner: bool

    def select(self, *, owner: str) -> str:
        return self.selected.replace(OWNER, owner)

    def values(self, owner: UUID | None) -> tuple[UUID | None, ...]:
        return (owner,) if self.by_owner else ()


async def order_row(column: str, value: object, projection: Projection, *, sees: Visibility) -> Order | None:
    """Return the order that has this value in a column. `sees` bounds its related rows, and not the order itself."""
    reading = _reading(projection)
    statement = f"SELECT {reading.select(owner='$2')} FROM orders t WHERE t.{column} = $1"  # noqa: S608 - our own words
    row: Order | None = _only(await fetch(statement, value, *reading.values(sees.owner)), reading)
    await without_foreign_orders([] if row is None else [row], sees)
    return row


async def payment_row(payment_id: UUID, projection: Projection, *, sees: Visibility) -> Payment | None:
    """Return one payment; `sees` as above."""
    reading = _reading(projection)
    statement = f"SELECT {reading.select(owner='$2')} FROM payment t WHERE t.id = $1"  # noqa: S608 - our own words
    row: Payment | None = _only(await fetch(statement, payment_id, *reading.values(sees.owner)), reading)
    await without_foreign_orders([] if row is None else [row], sees)
    return row


async def payment_rows(
    column: str | None, value: UUID | list[UUID] | None, window: PageWindow, projection: Projection, *, sees: Visibility
) -> list[Payment]:
    """Return a page of payments in the window's order, and one row more.

    They are all payments, or the ones that have this value, or one of these values, in a column.
    """
    key, descending = window.sort.key.value, window.sort.descending
    reading = _reading(projection, key)
    values: list[Any] = [window.size + 1]
    conditions = []
    if column is not None:
        values.append(value)
        place = f"ANY(${len(values)}::uuid[])" if isinstance(value, list) else f"${len(values)}"
        conditions.append(f"{column} = {place}")
    for cursor, side in ((window.after, "<" if descending else ">"), (window.before, ">" if descending else "<")):
        if cursor is not None:
            values += [cursor.value, cursor.id]
            conditions.append(f"({key}, id) {side} (${len(values) - 1}, ${len(values)})")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    direction = "DESC" if descending != window.backward else "ASC"
    order = f"ORDER BY {key} {direction}, id {direction}"
    select = reading.select(owner=f"${len(values) + 1}")
    page = f"SELECT {reading.columns} FROM payment {where} {order} LIMIT $1"  # noqa: S608 - our own words
    found = await fetch(f"SELECT {select} FROM ({page}) t {order}", *values, *reading.values(sees.owner))  # noqa: S608
    made: list[Payment] = [reading.make(row) for row in found]  # type: ignore[misc]  # the reading is of payments
    await without_foreign_orders(made, sees)
    return made


def _only(found: Sequence[Sequence[Any]], reading: Reading) -> Any:
    """Return the one row, if it is there, as an instance of the reading's table."""
    return reading.make(found[0]) if found else None


@lru_cache(maxsize=1_000)
def _reading(projection: Projection, *always: str) -> Reading:
    """Return the reading of a projection; these columns are read in any case."""
    columns = sorted(_columns(projection).union(always))
    below = {_relation(one): _nested(_relation(one), inner, "t", 1) for one, inner in projection.nested}
    selected = [f't."{column}"' for column in columns] + [sql for sql, _ in below.values()]
    make = maker(projection.table, columns, {one.key: made for one, (_, made) in below.items()}, from_json=False)
    text = ", ".join(selected)
    return Reading(_listed(columns), text, make, OWNER in text)


def _nested(relation: TableRelation, projection: Projection, of: str, depth: int) -> tuple[str, tuple[Make, bool]]:
    """Return the expression for a row's related rows, as JSON, with their maker and whether there are many."""
    columns = sorted(_columns(projection))
    name = f"t{depth}"
    inner = {_relation(one): _nested(_relation(one), below, name, depth + 1) for one, below in projection.nested}
    selected = [f'{name}."{column}"' for column in columns] + [sql for sql, _ in inner.values()]
    make = maker(projection.table, columns, {one.key: made for one, (_, made) in inner.items()}, from_json=True)
    window = relation.window
    rows = FROM[relation.name].format(
        columns=_listed(columns),
        of=of,
        owner=OWNER,
        nobody=NOBODY,
        direction="ASC" if window is not None and window.backward else "DESC",
        size=window.size + 1 if window is not None else "",
    )
    many = relation.is_many
    one = f"json_build_array({', '.join(selected)})"
    return f"(SELECT {f'json_agg({one})' if many else one} FROM ({rows}) {name})", (make, many)  # noqa: S608


def _columns(projection: Projection) -> frozenset[str]:
    return columns_for(projection.table, projection.attributes) | NEEDED[projection.table]


def _relation(relation: Relation) -> TableRelation:
    assert isinstance(relation, TableRelation), "only tables have statements"
    return relation


def _listed(columns: Sequence[str]) -> str:
    """Return the columns by name: a migration may add others while this version is running."""
    return ", ".join(f'"{column}"' for column in columns)
