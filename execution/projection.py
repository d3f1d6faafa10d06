"""Projections: the part of its rows that a request will read, known before the first statement is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Relation:
    """Rows that can be read together with the row that they belong to.

    Whoever uses the library subclasses it; its instances are compared and hashed by value.
    """

    __slots__ = ()

    table: type[Any]
    is_many: bool

    def with_arguments(self, arguments: Mapping[str, Any]) -> "Relation | None":
        """Narrow the relation by a field's arguments; None when these rows are not read together with their row."""
        return self

    def preloaded(self, row: Any) -> Any:
        """Return the rows, or for `is_many` False the row, that were read together with a row; None otherwise."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Projection:
    """Attributes of a table's rows, and the related rows with their own; `attributes` None stands for all of them."""

    table: type[Any]
    attributes: frozenset[str] | None
    nested: "tuple[tuple[Relation, Projection], ...]" = ()

    @classmethod
    def nothing(cls, table: type[Any]) -> "Projection":
        return cls(table, frozenset())

    @classmethod
    def everything(cls, table: type[Any]) -> "Projection":
        """Return all of a row, and no related rows."""
        return cls(table, None)

    def merge(self, other: "Projection") -> "Projection":
        """Return the projection that covers both."""
        assert self.table is other.table, "rows of two tables"
        nested = dict(self.nested)
        for relation, projection in other.nested:
            nested[relation] = nested[relation].merge(projection) if relation in nested else projection
        both = None if self.attributes is None or other.attributes is None else self.attributes | other.attributes
        return Projection(self.table, both, tuple(nested.items()))
