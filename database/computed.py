"""Values of a row that are computed from its columns, and say from which: to read the value is to read its columns."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, overload

from tortoise.models import Model

from database.row_reader import columns_of

Value = TypeVar("Value")


class Computed(Generic[Value]):
    """A property of a table that names the columns that it uses."""

    def __init__(self, method: Callable[[Any], Value], columns: frozenset[str]) -> None:
        self._method = method
        self.columns = columns
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, row: None, owner: type[Any]) -> "Computed[Value]": ...

    @overload
    def __get__(self, row: Model, owner: type[Any] | None = None) -> Value: ...

    def __get__(self, row: Model | None, owner: type[Any] | None = None) -> "Computed[Value] | Value":
        return self if row is None else self._method(row)


def computed(*columns: str) -> Callable[[Callable[[Any], Value]], Computed[Value]]:
    """Make a property of a method that uses these columns, and no others, of its row."""

    def wrap(method: Callable[[Any], Value]) -> Computed[Value]:
        return Computed(method, frozenset(columns))

    return wrap


def columns_for(table: type[Model], attributes: Iterable[str] | None) -> frozenset[str]:
    """Return the columns to read for these attributes of a table's rows: columns and computed values; None is all.

    Raises AttributeError for what is neither.
    """
    known = frozenset(columns_of(table))
    if attributes is None:
        return known
    columns: set[str] = set()
    for attribute in attributes:
        columns |= {attribute} if attribute in known else getattr(table, attribute).columns
    return frozenset(columns)
