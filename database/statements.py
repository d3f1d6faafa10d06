"""Statements that a queryset cannot express, on the connection of the running transaction if there is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from tortoise import connections
from tortoise.models import Model

from database.engine import fetch_by_client
from database.row_reader import columns_of, full_row
from database.row_writer import (
    Shape,
    all_fields,
    changed_fields,
    note_moments,
    render_statement,
    render_write,
    row_values,
)

T = TypeVar("T", bound=Model)
M = TypeVar("M", bound=Model, covariant=True)


async def query_rows(statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Run one SQL statement and return its rows, `RETURNING` included."""
    return [dict(row) for row in await fetch(statement, *values)]


async def fetch(statement: str, *values: Any) -> list[Any]:
    """Run one SQL statement and return asyncpg's rows, with values by position or by name."""
    client: Any = connections.get("default")
    return await fetch_by_client(client, statement, values)


async def read_database_clock() -> datetime:
    """Return the beginning of the running transaction, by the database's clock, which all processes share."""
    moment: datetime = (await fetch("SELECT now()"))[0][0]
    return moment


async def change_rows(model: type[T], statement: str, *values: Any) -> list[T]:
    """Run an UPDATE or INSERT of `model`'s table, without its RETURNING, and return the complete changed rows."""
    columns, make = _whole_rows(model)
    return [make(row) for row in await fetch(f"{statement} RETURNING {columns}", *values)]


async def read(model: type[T], rest: str, *values: Any) -> list[T]:
    """Read complete rows of `model`; `rest` is the statement after the table's name. A tenth of a queryset's cost."""
    columns, make = _whole_rows(model)
    statement = f'SELECT {columns} FROM "{model._meta.db_table}" {rest}'  # noqa: S608 - our own names
    return [make(row) for row in await fetch(statement, *values)]


async def select_joined(
    tables: Mapping[str, type[Model]], rest: str, *values: Any, also: tuple[str, ...] = ()
) -> list[tuple[Any, ...]]:
    """Select complete rows of several tables side by side, in their order.

    `rest` is the statement from FROM on, in which each table has its alias in `tables`. None stands for the row that an
    outer join did not find. The values of `also`, expressions, come last.
    """
    statement, size, makers = _rows_beside(tuple(tables.items()), also)
    return [
        (*(make(row[start:end]) if row[key] is not None else None for start, end, key, make in makers), *row[size:])
        for row in await fetch(f"{statement} {rest}", *values)
    ]


async def read_one(model: type[T], rest: str, *values: Any) -> T | None:
    """Read the first row that `read` returns, or None."""
    got = await read(model, rest, *values)
    return got[0] if got else None


@lru_cache(maxsize=100)
def _whole_rows(model: type[Model]) -> tuple[str, Any]:
    """Return the columns that this version knows, and the function that makes rows of their values.

    A migration may add a column while this version is running, so no statement selects "all" columns.
    """
    columns, table = columns_of(model), model._meta.db_table
    return ", ".join(f'"{table}"."{column}"' for column in columns), full_row(model, columns)


@lru_cache(maxsize=100)
def _rows_beside(
    tables: tuple[tuple[str, type[Model]], ...], also: tuple[str, ...]
) -> tuple[str, int, list[tuple[int, int, int, Any]]]:
    """Return the columns to select, their number, and each table's position, key position and row function."""
    listed: list[str] = []
    makers = []
    for alias, model in tables:
        columns, start = columns_of(model), len(listed)
        listed += [f'{alias}."{column}"' for column in columns]
        makers.append((start, len(listed), start + columns.index(model._meta.db_pk_column), full_row(model, columns)))
    return f"SELECT {', '.join([*listed, *also])}", len(listed), makers


@dataclass(frozen=True, slots=True)
class Insert(Generic[M]):
    """A row to be added, with all its fields."""

    row: M

    @property
    def shape(self) -> Shape:
        table = type(self.row)
        return Shape(table, all_fields(table), is_new=True)


@dataclass(frozen=True, slots=True)
class Update(Generic[M]):
    """A row of which some fields are to be written. Moments that the model sets by itself are added."""

    row: M
    changed: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        table = type(self.row)
        return Shape(table, changed_fields(table, self.changed), is_new=False)


Write = Insert[Model] | Update[Model]


class ConcurrentModification(Exception):
    """Somebody has changed the rows that the writes rest on. Nothing was written."""


async def write(*writes: Write) -> None:
    """Write several rows by one statement, in one round trip. Runs inside a transaction that holds their locks.

    Each row may be written once: of two changes of one row in a statement PostgreSQL keeps only one.
    """
    assert len({(type(one.row), one.row.pk) for one in writes}) == len(writes), "a row is written twice"
    _written(writes, await fetch(*_statement(writes)))


async def write_if_found(condition: str, values: Sequence[Any], writes: Sequence[Write]) -> bool:
    """Write several rows by one statement, a transaction by itself, if the query `condition` finds a row."""
    found = await fetch(*_statement(writes, condition, values))
    if found:
        _written(writes, found)
    return bool(found)


def _written(writes: Sequence[Write], found: Sequence[Any]) -> None:
    """Note on written rows that they are saved, and the moment by the database's clock."""
    for one in writes:
        one.row._saved_in_db = True
        note_moments(one.row, one.shape.fields, found[0][0])


def _statement(writes: Sequence[Write], condition: str = "", parameters: Sequence[Any] = ()) -> list[Any]:
    """Return the statement of these writes, followed by its values."""
    shapes = tuple(one.shape for one in writes)
    values = [render_statement(shapes, condition, len(parameters)), *parameters]
    for one, shape in zip(writes, shapes, strict=True):
        values += row_values(shape.table, shape.fields)(one.row)
        if not shape.is_new:
            values.append(one.row.pk)
    return values


def each_row_once(writes: Sequence[Write]) -> list[Write]:
    """Return the writes in order, those of one row merged into one, with the row's final values."""
    found: dict[tuple[type[Model], Any], Write] = {}
    for one in writes:
        name = (type(one.row), one.row.pk)
        earlier = found.get(name)
        if earlier is None:
            found[name] = one
        elif isinstance(earlier, Update) and isinstance(one, Update):
            found[name] = Update(one.row, tuple(dict.fromkeys((*earlier.changed, *one.changed))))
        else:
            assert isinstance(earlier, Insert), "a row is added that was there"
    return list(found.values())


async def insert_if_new(row: Model) -> bool:
    """Insert a row unless a unique constraint forbids it; True if it was inserted.

    Waits for another transaction that is inserting an equal row.
    """
    shape = Insert(row).shape
    values = row_values(shape.table, shape.fields)(row)
    added = await fetch(f"{render_write(shape, 1)} ON CONFLICT DO NOTHING RETURNING now()", *values)
    if added:
        _written([Insert(row)], added)
    return bool(added)
