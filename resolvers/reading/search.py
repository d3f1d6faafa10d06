"""The search for payments by what people paste: ids, Stripe's and ours, numbers of orders and customers, addresses.

A text is looked up once, by exact values that have an index; what it names are payments, orders or customers. Any other
text is the beginning of an order's number.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q

from database.statements import fetch
from domain.errors import Path
from domain.ids import Kind, decode
from domain.text import clean_id

LONGEST_SEARCH: Final = 255
MOST_ROWS: Final = 1_000  # of those who share one e-mail address
NOBODY: Final = UUID(int=0)  # the owner of the payments of orders that name no customer; no row has this id
OF_STRIPE: Final = ("pi_", "ch_", "py_", "re_", "pyr_")  # how the ids of payments, charges and refunds begin
A_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
NOTHING: Final = Q(id__in=[])

# Each statement finds, by the text ($1), ids for one column of payments, and the customer whose they are.
BY_NUMBER: Final = ("SELECT 'order_id', id, customer_id FROM orders WHERE external_id = $1::text",)
BY_CUSTOMERS_NUMBER: Final = ("SELECT 'customer_id', id, id FROM customer WHERE external_id = $1::text",)
BY_ADDRESS: Final = ("SELECT 'customer_id', id, id FROM customer WHERE lower(email) = lower($1::text)",)
BY_STRIPES_ID: Final = (
    "SELECT 'id', id, customer_id FROM payment WHERE stripe_payment_intent_id = $1::text",
    "SELECT 'id', id, customer_id FROM payment WHERE stripe_charge_id = $1::text",
    "SELECT 'id', p.id, p.customer_id FROM payment_failure f JOIN payment p ON p.id = f.payment_id"
    " WHERE f.stripe_charge_id = $1::text",
    "SELECT 'id', p.id, p.customer_id FROM refund r JOIN payment p ON p.id = r.payment_id"
    " WHERE r.stripe_refund_id = $1::text",
)
BY_OUR_ID: Final = {
    Kind.PAYMENT: "SELECT 'id', id, customer_id FROM payment WHERE id = $1::text::uuid",
    Kind.ORDER: "SELECT 'order_id', id, customer_id FROM orders WHERE id = $1::text::uuid",
    Kind.CUSTOMER: "SELECT 'customer_id', id, id FROM customer WHERE id = $1::text::uuid",
    Kind.REFUND: "SELECT 'id', p.id, p.customer_id FROM refund r JOIN payment p ON p.id = r.payment_id"
    " WHERE r.id = $1::text::uuid",
    Kind.OPERATION: "SELECT 'id', p.id, p.customer_id FROM operation k JOIN payment p ON p.id = k.payment_id"
    " WHERE k.id = $1::text::uuid",
}
# What is somebody else's is not found at all: a search must not tell whether it is there. $2 null finds all.
THEIRS: Final = """
SELECT found.leads_by, found.id FROM ({statements}) AS found (leads_by, id, owner)
WHERE $2::uuid IS NULL OR coalesce(found.owner, '{nobody}') = $2
LIMIT {most}
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """The caller of a filter, which tells them no more than their answers do.

    `owner` is the customer whose payments alone they see, None for all. `is_staff` says that they see why a bank
    suspects a card, `shows_people` that they see who pays: nothing is found by a guess of what an answer hides.
    """

    owner: UUID | None
    is_staff: bool
    shows_people: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that a text names, by the column of payments that leads to them; `beginning` of a number, or address."""

    rows: Mapping[str, tuple[UUID, ...]]
    beginning: str | None = None
    address: str | None = None

    def condition(self) -> Q:
        """The condition on payments. It is true or false for every row, never null."""
        if self.beginning is not None:
            return Q(order__external_id__startswith=self.beginning)
        ways = [_one_of(column, ids) for column, ids in self.rows.items()]
        if self.address is not None:
            ways.append(Q(receipt_email__isnull=False, receipt_email__iexact=self.address))
        return reduce(lambda one, other: one | other, ways) if ways else NOTHING


def _one_of(column: str, ids: Sequence[UUID]) -> Q:
    conditions: dict[str, Any] = {f"{column}__isnull": False, f"{column}__in": list(ids)}
    return Q(**conditions)


async def look_up(searched: Iterable[tuple[str, Path]], reader: Reader) -> dict[str, Found]:
    """Look each text up by a statement. Raises Refused for a text that no id and no number can be."""
    found: dict[str, Found] = {}
    for text, path in searched:
        if text not in found:
            found[text] = await _look_up(clean_id(text, path=path, max_length=LONGEST_SEARCH), reader)
    return found


async def _look_up(text: str, reader: Reader) -> Found:
    owner, decoded = reader.owner, decode(text)
    by_number = (*BY_CUSTOMERS_NUMBER, *BY_NUMBER) if reader.shows_people else BY_NUMBER
    by_id = {kind: by for kind, by in BY_OUR_ID.items() if reader.shows_people or kind is not Kind.CUSTOMER}
    if decoded is not None and decoded[0] in by_id:
        return Found(await _rows((by_id[decoded[0]],), str(decoded[1]), owner))
    if A_UUID.fullmatch(text):  # also of shops that number their orders and customers so
        return Found(await _rows((*by_number, *by_id.values()), text, owner))
    if "@" in text and reader.shows_people:
        return Found(await _rows((*by_number, *BY_ADDRESS), text, owner), address=text)
    rows = await _rows((*by_number, *BY_STRIPES_ID) if text.startswith(OF_STRIPE) else by_number, text, owner)
    is_beginning = rows.keys() <= {"order_id"}  # which finds the order of this very number as well
    return Found(rows, beginning=text if is_beginning else None)


async def _rows(statements: Sequence[str], text: str, owner: UUID | None) -> dict[str, tuple[UUID, ...]]:
    """Return the found ids by their columns."""
    columns: dict[str, dict[Any, None]] = {}
    statement = THEIRS.format(statements=" UNION ALL ".join(statements), nobody=NOBODY, most=MOST_ROWS)
    for column, identity in await fetch(statement, text, owner):
        columns.setdefault(column, {})[identity] = None
    return {column: tuple(ids) for column, ids in columns.items()}
