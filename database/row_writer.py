"""Rows on their way into the database: their values, and the statements that write them.

Tortoise asks every field of a row for its value and renders each statement anew, which costs more than the statement
itself. Both depend only on the table and the written fields, so they are made once for each combination.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from tortoise import fields
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.models import Model

T = TypeVar("T", bound=Model)

# The driver takes the values of these fields as they are; PostgreSQL checks their lengths. Our enums are strings.
AT_ONCE: Final = timedelta()
PLAIN: Final = (fields.BooleanField, fields.IntField, fields.BigIntField, fields.CharField, fields.UUIDField)


class Shape(NamedTuple):
    """The written fields of a table: all of a new row, or some of an existing one."""

    table: type[Model]
    fields: tuple[str, ...]
    is_new: bool


def build_row(table: type[T], **values: Any) -> T:
    """Build a new row with its fields' defaults, as the model's own constructor does at ten times the price.

    Foreign keys are passed as ids.
    """
    constant, called = _defaults(table)
    assert values.keys() <= constant.keys(), f"not fields of {table.__name__}: {values.keys() - constant.keys()}"
    row = table.__new__(table)
    attributes = row.__dict__
    attributes.update(constant)
    attributes.update((name, make()) for name, make in called if name not in values)
    attributes.update(values)
    attributes.update(_partial=False, _saved_in_db=False, _custom_generated_pk=False, _await_when_save={})
    return row


def set_fields(row: Model, changes: Mapping[str, Any]) -> None:
    """Set fields of a row to Python values, as `update_from_dict` does with conversions of its own."""
    known = _defaults(type(row))[0].keys()
    assert changes.keys() <= known, f"not fields of {type(row).__name__}: {changes.keys() - known}"
    row.__dict__.update(changes)


@lru_cache(maxsize=100)
def _defaults(table: type[Model]) -> tuple[Mapping[str, Any], tuple[tuple[str, Callable[[], Any]], ...]]:
    """Return the defaults of a table's fields: values, and functions that make them."""
    defaults = {name: table._meta.fields_map[name].default for name in all_fields(table)}
    called = tuple((name, default) for name, default in defaults.items() if callable(default))
    return {name: None if callable(default) else default for name, default in defaults.items()}, called


@lru_cache(maxsize=100)
def all_fields(table: type[Model]) -> tuple[str, ...]:
    """Return the fields of a table that have a column."""
    return tuple(table._meta.fields_db_projection)


@lru_cache(maxsize=1_000)
def changed_fields(table: type[Model], changed: tuple[str, ...]) -> tuple[str, ...]:
    """Return these fields, and the moments that a row sets by itself whenever it is written."""
    kept = (name for name, field in table._meta.fields_map.items() if getattr(field, "auto_now", False))
    return tuple(dict.fromkeys((*changed, *kept)))


@lru_cache(maxsize=100)
def by_database(table: type[Model]) -> Mapping[str, str]:
    """Return the moments of a table that the database's clock computes.

    Each is mapped to the name under which a row holds its distance from now; an empty name stands for now itself. A
    process's clock decides nothing where rows are leases: see `models.Operation`.
    """
    later: Mapping[str, str] = getattr(table, "BY_DATABASE", {})
    kept = (name for name, field in table._meta.fields_map.items() if getattr(field, "auto_now_add", False))
    always = (name for name, field in table._meta.fields_map.items() if getattr(field, "auto_now", False))
    return {**later, **dict.fromkeys((*kept, *always), "")} if later else {}


def note_moments(row: Model, names: tuple[str, ...], now: datetime) -> None:
    """Note on a written row the moments that the database has computed, at its `now`."""
    values, computed = row.__dict__, by_database(type(row))
    for name in names:
        if (held := computed.get(name)) is not None:
            later = values.get(held) if held else AT_ONCE
            values[name] = now + later if later is not None else None


@lru_cache(maxsize=1_000)
def row_values(table: type[Model], names: tuple[str, ...]) -> Callable[[Model], list[Any]]:
    """Return a function that reads these fields for the driver, and notes the moments that a row sets itself.

    Of a moment that the database computes, it reads the distance from now.
    """
    known: dict[str, Any] = {"now": _now, "at_once": AT_ONCE}
    lines, values = ["def read(row):", "    v = row.__dict__"], []
    for place, name in enumerate(names):
        field = table._meta.fields_map[name]
        if (held := by_database(table).get(name)) is not None:
            values.append(f"v.get({held!r})" if held else "at_once")
            continue
        if getattr(field, "auto_now", False):
            lines.append(f"    v[{name!r}] = now()")
        elif getattr(field, "auto_now_add", False):
            lines.append(f"    if v[{name!r}] is None: v[{name!r}] = now()")
        value = f"v[{name!r}]"
        if isinstance(field, fields.JSONField):
            known[f"f{place}"] = field.encoder
            value = f"None if {value} is None else f{place}({value})"
        elif not isinstance(field, (*PLAIN, fields.DatetimeField, CharEnumFieldInstance)):
            known[f"f{place}"] = field.to_db_value
            value = f"f{place}({value}, row)"
        values.append(value)
    lines.append(f"    return [{', '.join(values)}]")
    exec("\n".join(lines), known)  # noqa: S102 - the names are fields of our tables
    made: Callable[[Model], list[Any]] = known["read"]
    return made


def _now() -> datetime:
    return datetime.now(UTC)


@lru_cache(maxsize=1_000)
def render_statement(shapes: tuple[Shape, ...], condition: str = "", parameters: int = 0) -> str:
    """Render one statement that writes rows of these shapes, if the query `condition` finds a row.

    The query has this many `parameters`. The statement's values are the query's, and then each row's: its fields, or
    its fields and its id.
    """
    parts = [f"still AS MATERIALIZED ({condition})"] if condition else []
    place = parameters + 1
    for number, shape in enumerate(shapes):
        parts.append(f"w{number} AS ({render_write(shape, place, only_if='still' if condition else '')})")
        place += len(shape.fields) + (not shape.is_new)
    return f"WITH {', '.join(parts)} SELECT now(){' FROM still' if condition else ''}"  # noqa: S608 - our own words


@lru_cache(maxsize=1_000)
def render_write(shape: Shape, place: int, *, only_if: str = "") -> str:
    """Render one write whose values begin at `place`. `only_if` names the query that must have found a row."""
    meta = shape.table._meta
    columns = [f'"{meta.fields_db_projection[name]}"' for name in shape.fields]
    computed = by_database(shape.table)
    marks = [
        f"now() + ${number}::interval" if name in computed else f"${number}"
        for number, name in enumerate(shape.fields, start=place)
    ]
    if_found = f"EXISTS (SELECT FROM {only_if})" if only_if else ""
    if shape.is_new:
        source = f"SELECT {', '.join(marks)} WHERE {if_found}" if only_if else f"VALUES ({', '.join(marks)})"
        return f'INSERT INTO "{meta.db_table}" ({", ".join(columns)}) {source}'
    changes = ", ".join(f"{column} = {mark}" for column, mark in zip(columns, marks, strict=True))
    this = f'"{meta.db_pk_column}" = ${place + len(columns)}{f" AND {if_found}" if only_if else ""}'
    return f'UPDATE "{meta.db_table}" SET {changes} WHERE {this}'  # noqa: S608 - our own words
