"""What a request is going to ask of the rows that it reads, so that they are read with it, and only it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from tortoise.models import Model

from domain.errors import DomainError
from models import Order, Payment, Refund
from resolvers.reading.pagination import NEWEST, PageWindow, Paging

PAYMENTS_BELOW = 20  # what a page of payments below an order or a customer holds unless more is asked for


class Relation(Enum):
    """Rows that can be read together with the row that they belong to: whose they are, and of which table."""

    PAYMENTS_OF_ORDER = (Order, Payment)
    REFUNDS_OF_PAYMENT = (Payment, Refund)
    ORDER_OF_PAYMENT = (Payment, Order)

    @property
    def is_many(self) -> bool:
        """Whether there are many of them, or one."""
        return self is not Relation.ORDER_OF_PAYMENT


@dataclass(frozen=True, slots=True)
class NestedRelation:
    """Rows of a relation; the part of them that a page shows."""

    relation: Relation
    window: PageWindow | None = None

    @property
    def key(self) -> str:
        """Its name among all that hangs on a row."""
        return self.relation.name if self.window is None else payments_key(self.window)

    @property
    def table(self) -> type[Model]:
        table: type[Model] = self.relation.value[1]
        return table


REFUNDS: Final = Relation.REFUNDS_OF_PAYMENT.name
ORDER: Final = Relation.ORDER_OF_PAYMENT.name


def payments_key(window: PageWindow) -> str:
    """The name of a page of payments among all that hangs on an order."""
    return f"{'last' if window.backward else 'first'} {window.size} payments"


@dataclass(frozen=True, slots=True)
class Projection:
    """Columns of a table's rows, and the rows that hang on them."""

    table: type[Model]
    columns: frozenset[str]
    below: "tuple[tuple[NestedRelation, Projection], ...]" = ()

    @classmethod
    def nothing(cls, table: type[Model]) -> "Projection":
        return cls(table, frozenset())

    def beside(self, other: "Projection") -> "Projection":
        """What the two want together."""
        assert self.table is other.table, "rows of two tables"
        together = dict(self.below)
        for below, wanted in other.below:
            together[below] = together[below].beside(wanted) if below in together else wanted
        return Projection(self.table, self.columns | other.columns, tuple(together.items()))


def below_of(relation: Relation, arguments: Mapping[str, Any]) -> NestedRelation | None:
    """The rows that a field with these arguments shows; None when they are not read together with their row."""
    if relation is not Relation.PAYMENTS_OF_ORDER:
        return NestedRelation(relation)
    try:
        window = Paging(**arguments, default=PAYMENTS_BELOW).window(NEWEST)
    except DomainError:
        return None  # whoever asks is told by the field itself
    return NestedRelation(relation, window) if window.after is None and window.before is None else None
