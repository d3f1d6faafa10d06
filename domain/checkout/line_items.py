"""The line items of an order: what it consists of. Together they come to its total."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from domain.errors import AmountMismatch, ErrorCode, Path, Refused
from domain.money import Money
from domain.text import clean_id, clean_text

MOST_LINE_ITEMS: Final = 100
LONGEST_NAME: Final = 250
LONGEST_REFERENCE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One line of an order. Amounts are in minor units of the order's currency; tax and discount are the line's own."""

    name: str
    quantity: int
    unit_amount_minor: int
    tax_amount_minor: int | None = None
    discount_amount_minor: int | None = None
    reference: str | None = None

    @property
    def full_price_minor(self) -> int:
        """The price of all pieces, without discount and tax."""
        return self.unit_amount_minor * self.quantity

    @property
    def total_minor(self) -> int:
        """The price of the line: all pieces, less its discount, plus its tax."""
        return self.full_price_minor - (self.discount_amount_minor or 0) + (self.tax_amount_minor or 0)

    def to_record(self) -> dict[str, Any]:
        """Return the line as it is stored."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "LineItem":
        """Return the line that `to_record` gave."""
        return cls(**record)


def read_line_items(stored: Sequence[Mapping[str, Any]] | None) -> list[LineItem]:
    """Return the lines that are stored with an order."""
    return [LineItem.from_record(record) for record in stored or ()]


def sum_of(items: Sequence[LineItem]) -> int:
    """Return the total of these lines, in minor units."""
    return sum(item.total_minor for item in items)


def check_line_item(item: LineItem, *, currency: Money, path: Path) -> LineItem:
    """Return a line with its texts cleaned. `currency` is any amount of the order's currency.

    Raises Refused for a quantity below one, an amount below zero, a discount above the price, and a price above what
    can be charged.
    """
    name = clean_text(item.name, path=(*path, "name"), max_length=LONGEST_NAME)
    reference = item.reference
    if reference is not None:
        reference = clean_id(reference, path=(*path, "reference"), max_length=LONGEST_REFERENCE)
    if item.quantity < 1:
        raise _refused("must be at least 1", (*path, "quantity"))
    amounts = {
        "unitAmount": item.unit_amount_minor,
        "taxAmount": item.tax_amount_minor,
        "discountAmount": item.discount_amount_minor,
    }
    for field, amount in amounts.items():
        if amount is not None and amount < 0:
            raise _refused("must not be below zero", (*path, field))
    most = Money(currency.definition.max_minor, currency.currency)
    if max(item.full_price_minor, item.tax_amount_minor or 0) > most.amount_minor:
        message = f"A line of an order comes to {most.decimal} {most.currency} at most."
        raise Refused(ErrorCode.AMOUNT_TOO_LARGE, message, (*path, "unitAmount"))
    if (item.discount_amount_minor or 0) > item.full_price_minor:
        raise _refused("must not be above the price of all pieces", (*path, "discountAmount"))
    return LineItem(**{**asdict(item), "name": name, "reference": reference})


def check_sum(items: Sequence[LineItem], total: Money, *, path: Path) -> None:
    """Refuse lines that do not come to the order's total: AmountMismatch, with both figures."""
    actual = Money(sum_of(items), total.currency)
    if actual != total:
        message = (
            f"The line items come to {actual.decimal} {actual.currency}, and the order's total is"
            f" {total.decimal} {total.currency}."
        )
        raise AmountMismatch(expected=total, actual=actual, path=path, message=message)


def _refused(what: str, path: Path) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, f"`{path[-1]}` {what}.", path)
