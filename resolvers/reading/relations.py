"""The relations whose rows are read together with the row that they belong to, by one statement."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tortoise.models import Model

from database.row_reader import rows_below
from domain.errors import DomainError
from execution import Relation
from models import Order, Payment, Refund
from resolvers.reading.pagination import NEWEST, PageWindow, Paging

PAYMENTS_BELOW: Final = 20  # what a page of payments below an order or a customer holds unless more is asked for


@dataclass(frozen=True, slots=True)
class TableRelation(Relation):
    """Rows of a table; `window` is the part of them that a page shows."""

    name: str
    table: type[Model]
    is_many: bool
    is_paged: bool = False
    window: PageWindow | None = None

    @property
    def key(self) -> str:
        """The key of these rows among all that are read together with a row."""
        return self.key_of(self.window)

    def key_of(self, window: PageWindow | None) -> str:
        """Return the key of the rows that a page shows; None stands for all of them."""
        return self.name if window is None else f"{'last' if window.backward else 'first'} {window.size} {self.name}"

    def with_arguments(self, arguments: Mapping[str, Any]) -> "TableRelation | None":
        """Return the relation with the window that a paged field asks for; None for a page that begins at a cursor."""
        if not self.is_paged:
            return self
        try:
            window = Paging(**arguments, default=PAYMENTS_BELOW).window(NEWEST)
        except DomainError:
            return None  # the field itself raises it
        return replace(self, window=window) if window.after is None and window.before is None else None

    def preloaded(self, row: Any) -> Any:
        return rows_below(row, self.key)


PAYMENTS_OF_ORDER: Final = TableRelation("payments of order", Payment, is_many=True, is_paged=True)
REFUNDS_OF_PAYMENT: Final = TableRelation("refunds of payment", Refund, is_many=True)
ORDER_OF_PAYMENT: Final = TableRelation("order of payment", Order, is_many=False)
