"""The hot reads: an order or payments with what hangs on them, exactly what is wanted, by one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from tortoise.models import Model

from database.row_reader import Make, maker
from database.statements import fetch
from models import Order, Payment, Refund
from resolvers.reading.pagination import PageWindow
from resolvers.reading.projection import NestedRelation, Projection, Relation
from resolvers.visibility import NOBODY, Visibility, without_foreign_orders

# What we ourselves need of a row, whatever is asked: whose it is, whether it needs looking after, its place in lists.
NEEDED: Final[dict[type[Model], frozenset[str]]] = {
    Order: frozenset({"id", "customer_id", "payment_status"}),
    Payment: frozenset({"id", "order_id", "customer_id", "status", "refund_pending_minor", "created_at"}),
    Refund: frozenset({"id"}),
}
OWNER: Final = "<owner>"
# What each relation's rows are, in their order; {of} is the row that they hang on, {columns} what is read of them.
FROM: Final = {
    Relation.PAYMENTS_OF_ORDER: "SELECT {columns} FROM payment WHERE order_id = {of}.id AND ({owner}::uuid IS NULL "
    "OR coalesce(customer_id, '{nobody}') = {owner}) ORDER BY created_at {direction}, id {direction} LIMIT {size}",
    Relation.REFUNDS_OF_PAYMENT: "SELECT {columns} FROM refund WHERE payment_id = {of}.id ORDER BY created_at, id",
    Relation.ORDER_OF_PAYMENT: "SELECT {columns} FROM orders WHERE id = {of}.order_id",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The columns to read of a table, what to select of it under the name `t`, and what makes rows of that.

    `by_owner` tells that it has a parameter: the customer whose payments alone are shown below, or null for all.
    """

    columns: str
    selected: str
    make: Make
    by_owner: bool

    def select(self, *, owner: str) -> str:
        return self.selected.replace(OWNER, owner)

    def given(self, owner: UUID | None) -> tuple[UUID | None, ...]:
        return (owner,) if self.by_owner else ()


async def order_row(column: str, value: object, wanted: Projection, *, sees: Visibility) -> Order | None:
    """The order that has this value in a column. `sees` bounds what hangs on it, and not the order itself."""
    reading = _reading(wanted)
    statement = f"SELECT {reading.select(owner='$2')} FROM orders t WHERE t.{column} = $1"  # noqa: S608 - our own words
    row: Order | None = _only(await fetch(statement, value, *reading.given(sees.owner)), reading)
    await without_foreign_orders([] if row is None else [row], sees)
    return row


async def payment_row(payment_id: UUID, wanted: Projection, *, sees: Visibility) -> Payment | None:
    """One payment; `sees` as above."""
    reading = _reading(wanted)
    statement = f"SELECT {reading.select(owner='$2')} FROM payment t WHERE t.id = $1"  # noqa: S608 - our own words
    row: Payment | None = _only(await fetch(statement, payment_id, *reading.given(sees.owner)), reading)
    await without_foreign_orders([] if row is None else [row], sees)
    return row


async def payment_rows(
    column: str | None, value: UUID | list[UUID] | None, window: PageWindow, wanted: Projection, *, sees: Visibility
) -> list[Payment]:
    """A page of all payments, or of those that have this value or one of these in a column, in the window's order and
    one more."""
    key, descending = window.sort.key.value, window.sort.descending
    reading = _reading(wanted, key)
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
    found = await fetch(f"SELECT {select} FROM ({page}) t {order}", *values, *reading.given(sees.owner))  # noqa: S608
    made: list[Payment] = [reading.make(row) for row in found]  # type: ignore[misc]  # the reading is of payments
    await without_foreign_orders(made, sees)
    return made


def _only(found: Sequence[Sequence[Any]], reading: Reading) -> Any:
    """The one row, if it is there, as what the reading's table makes of it."""
    return reading.make(found[0]) if found else None


@lru_cache(maxsize=1_000)
def _reading(wanted: Projection, *beside: str) -> Reading:
    """How to read the rows that a request wants, and these columns in any case."""
    columns = sorted(wanted.columns.union(NEEDED[wanted.table], beside))
    below = {one: _nested(one, inner, "t", 1) for one, inner in wanted.below}
    selected = [f't."{column}"' for column in columns] + [sql for sql, _ in below.values()]
    make = maker(wanted.table, columns, {one.key: made for one, (_, made) in below.items()}, from_json=False)
    text = ", ".join(selected)
    return Reading(_listed(columns), text, make, OWNER in text)


def _nested(below: NestedRelation, wanted: Projection, of: str, depth: int) -> tuple[str, tuple[Make, bool]]:
    """The expression for the rows below a row, as JSON, and how they are made."""
    columns = sorted(wanted.columns | NEEDED[wanted.table])
    name = f"t{depth}"
    inner = {one: _nested(one, asked, name, depth + 1) for one, asked in wanted.below}
    selected = [f'{name}."{column}"' for column in columns] + [sql for sql, _ in inner.values()]
    make = maker(wanted.table, columns, {one.key: made for one, (_, made) in inner.items()}, from_json=True)
    window = below.window
    rows = FROM[below.relation].format(
        columns=_listed(columns),
        of=of,
        owner=OWNER,
        nobody=NOBODY,
        direction="ASC" if window is not None and window.backward else "DESC",
        size=window.size + 1 if window is not None else "",
    )
    many = below.relation.is_many
    one = f"json_build_array({', '.join(selected)})"
    return f"(SELECT {f'json_agg({one})' if many else one} FROM ({rows}) {name})", (make, many)  # noqa: S608


def _listed(columns: Sequence[str]) -> str:
    """The columns by name: a migration may add others while this version is running."""
    return ", ".join(f'"{column}"' for column in columns)
