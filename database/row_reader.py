"""Rows that were read in part: selected columns and the rows of selected relations, by one statement.

Such a row is an instance of its model with its properties, without attributes for columns that were not read. It is
made without Tortoise's conversion of every column, which costs more than the statement itself.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from asyncpg.pgproto.pgproto import UUID  # a uuid.UUID that is made at a tenth of the price
from tortoise import fields
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.models import Model

Make = Callable[[Sequence[Any]], Model]

READ_BELOW: Final = "read_below"  # the attribute that holds a row's related rows


def maker(
    table: type[Model],
    columns: Sequence[str],
    below: Mapping[str, tuple[Make, bool]],
    *,
    from_json: bool,
    is_whole: bool = False,
) -> Make:
    """Return a function that makes an instance from a row's values: its columns, then its related rows in JSON.

    `below` names the relations, each with the function for its instances, and True if there are many. `is_whole` makes
    instances that can be changed and saved. `from_json` says that the values themselves come out of JSON.
    """
    names: dict[str, Any] = {"new": table.__new__, "put": object.__setattr__, "table": table, "loads": orjson.loads}
    parts = []
    for place, column in enumerate(columns):
        convert = _conversion(table._meta.fields_map[column], from_json=from_json)
        names[f"c{place}"] = convert
        value = f"v[{place}]"
        parts.append(f"{column!r}: {value if convert is None else f'None if {value} is None else c{place}({value})'}")
    children = []
    for place, (key, (make, many)) in enumerate(below.items(), start=len(columns)):
        names[f"m{place}"] = make
        value = f"v[{place}]" if from_json else f"(v[{place}] and loads(v[{place}]))"
        found = f"[m{place}(one) for one in {value} or ()]" if many else f"m{place}({value})"
        children.append(f"{key!r}: {found}")
    parts += ["'_saved_in_db': True", f"'_partial': {not is_whole}"]
    if is_whole:
        parts += ["'_custom_generated_pk': generated", "'_await_when_save': {}"]
        names["generated"] = table._meta.db_pk_column not in table._meta.generated_db_fields
    else:
        parts.append(f"{READ_BELOW!r}: {{{', '.join(children)}}}")
    filled = f"    put(row, '__dict__', {{{', '.join(parts)}}})"
    lines = ["def make(v):", "    row = new(table)", filled, "    return row"]
    exec("\n".join(lines), names)  # noqa: S102 - the names are columns of our tables
    made: Make = names["make"]
    return made


@lru_cache(maxsize=100)
def full_row(table: type[Model], columns: tuple[str, ...]) -> Make:
    """Return a function that makes instances from complete rows, as Tortoise does: they can be changed and saved."""
    assert set(columns) == set(columns_of(table)), "not all columns of the table"
    return maker(table, columns, {}, from_json=False, is_whole=True)


def full_row_from_json(table: type[Model]) -> Callable[[str | None], list[Model]]:
    """Return a function that makes instances from a JSON array of complete rows; none from null."""
    make = maker(table, columns_of(table), {}, from_json=True, is_whole=True)
    return lambda text: [make(row) for row in orjson.loads(text)] if text is not None else []


def columns_of(table: type[Model]) -> tuple[str, ...]:
    """Return all columns of a table, in Tortoise's order."""
    return tuple(table._meta.fields_db_projection.values())


def rows_below(row: Model, key: str) -> Any:
    """Return the related rows that were read with this one under a key; None when they were not."""
    below: Mapping[str, Any] | None = row.__dict__.get(READ_BELOW)
    return below.get(key) if below is not None else None


def _conversion(field: fields.Field[Any], *, from_json: bool) -> Callable[[Any], Any] | None:
    """Return the conversion of a driver's or JSON's value into Tortoise's; None where the two are equal."""
    if isinstance(field, CharEnumFieldInstance):
        members: dict[Any, Any] = {member.value: member for member in field.enum_type}
        return members.__getitem__
    if isinstance(field, fields.JSONField):
        return None if from_json else orjson.loads
    if isinstance(field, fields.UUIDField):
        return UUID if from_json else None
    if isinstance(field, fields.DatetimeField):
        return datetime.fromisoformat if from_json else None
    return None
