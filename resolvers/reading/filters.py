"""Filters of payments: a client's filter becomes a condition of the database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any
from uuid import UUID

from tortoise.expressions import Q, Subquery

from domain.declines import searched_codes
from domain.errors import ErrorCode, Path, Refused
from domain.ids import Kind, row_id
from domain.money import MAX_MINOR
from domain.states import PaymentStatus
from domain.text import check_metadata, clean_text
from models import PaymentFailure
from resolvers.reading.search import NOTHING, Found, Reader, look_up

DEEPEST = 4  # filters inside filters
MOST_PARTS = 30  # filters in one filter, all levels together
MOST_CHOICES = 50


def matching(**columns: Any) -> Q:
    """All of these columns have these values, for columns that are only known here. Never names of a client's."""
    return Q(**columns)


@dataclass(frozen=True, slots=True)
class Between:
    """An inclusive range of minor units; None leaves a side open."""

    gte: int | None
    lte: int | None


@dataclass(frozen=True, slots=True)
class During:
    """A stretch of time, its end not in it; None leaves a side open."""

    gte: datetime | None
    lt: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFilterInput:
    """A filter as it came in. Everything given must hold; None asks for nothing."""

    status: Sequence[PaymentStatus] | None = None
    order_id: str | None = None
    customer_id: str | None = None
    currency: str | None = None
    amount: Between | None = None
    created_at: During | None = None
    updated_at: During | None = None
    decline_code: Sequence[str] | None = None
    search: str | None = None
    metadata: Mapping[str, str] | None = None
    all_of: Sequence["PaymentFilterInput"] | None = None
    any_of: Sequence["PaymentFilterInput"] | None = None
    none_of: "PaymentFilterInput | None" = None


async def find_searched(given: PaymentFilterInput, reader: Reader) -> Mapping[str, Found]:
    """Look up the texts that a filter searches for.

    Raises Refused for a filter that is too large, or that holds unusable text.
    """
    _check_size(given)
    return await look_up(_searched(given, ("filter",)), reader)


def _searched(given: PaymentFilterInput, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield every text that a filter searches for, with its path."""
    if given.search is not None:
        yield given.search, (*path, "search")
    for part in given.all_of or ():
        yield from _searched(part, (*path, "and"))
    for part in given.any_of or ():
        yield from _searched(part, (*path, "or"))
    if given.none_of is not None:
        yield from _searched(given.none_of, (*path, "not"))


def condition(given: PaymentFilterInput, searched: Mapping[str, Found], reader: Reader) -> Q:
    """The condition for a filter of this caller, whose texts were looked up.

    Raises Refused for one that is too large, or that holds unusable text.
    """
    _check_size(given)
    return _condition(given, searched, ("filter",), reader)


def _check_size(given: PaymentFilterInput) -> None:
    parts = _count(given, depth=1)
    if parts > MOST_PARTS:
        raise _refused(f"has {parts} parts, {MOST_PARTS} are allowed", ("filter",))


def _count(given: PaymentFilterInput, *, depth: int) -> int:
    if depth > DEEPEST:
        raise _refused(f"is nested too deeply, {DEEPEST} levels are allowed", ("filter",))
    inner = [*(given.all_of or ()), *(given.any_of or ()), *([given.none_of] if given.none_of else ())]
    return 1 + sum(_count(part, depth=depth + 1) for part in inner)


def _condition(given: PaymentFilterInput, searched: Mapping[str, Found], path: Path, reader: Reader) -> Q:
    """Every condition is true or false for every row, never null, so that `not` means what it says."""
    conditions = [_columns(given, reader)]
    if given.decline_code is not None:
        conditions.append(_declined_with(given.decline_code, (*path, "declineCode"), staff=reader.is_staff))
    if given.search is not None:
        conditions.append(searched[given.search].condition())
    if given.metadata is not None:
        conditions.append(Q(metadata__contains=check_metadata(given.metadata, path=(*path, "metadata"))))
    if given.all_of is not None:
        conditions.extend(_condition(part, searched, (*path, "and"), reader) for part in given.all_of)
    if given.any_of is not None:
        conditions.append(_any([_condition(part, searched, (*path, "or"), reader) for part in given.any_of]))
    if given.none_of is not None:
        conditions.append(~_condition(given.none_of, searched, (*path, "not"), reader))
    return reduce(lambda one, other: one & other, conditions)


def _columns(given: PaymentFilterInput, reader: Reader) -> Q:
    exact: dict[str, Any] = {}
    if given.status is not None:
        exact["status__in"] = list(given.status)
    if given.currency is not None:
        exact["currency"] = given.currency.upper()
    if given.amount is not None:
        exact |= _sides("amount_minor", gte=_bounded(given.amount.gte), lte=_bounded(given.amount.lte))
    for column, during in (("created_at", given.created_at), ("updated_at", given.updated_at)):
        if during is not None:
            exact |= _sides(column, gte=during.gte, lt=during.lt)
    matched = matching(**exact)
    if given.order_id is not None:
        matched &= _belongs_to("order_id", row_id(given.order_id, Kind.ORDER))
    if given.customer_id is not None:
        customer_id = row_id(given.customer_id, Kind.CUSTOMER) if reader.shows_people else None
        matched &= _belongs_to("customer_id", customer_id)
    return matched


def _belongs_to(column: str, identity: UUID | None) -> Q:
    return NOTHING if identity is None else _known(column, matching(**{column: identity}))


def _declined_with(codes: Sequence[str], path: Path, *, staff: bool) -> Q:
    """A buyer finds by the codes that a buyer is shown: a search must not tell what an answer hides."""
    if len(codes) > MOST_CHOICES:
        raise _refused(f"has {len(codes)} entries, {MOST_CHOICES} are allowed", path)
    cleaned = [clean_text(code, path=path, max_length=64) for code in codes]
    found = cleaned if staff else searched_codes(cleaned)
    failures = PaymentFailure.filter(matching(decline_code__in=list(found)))
    return Q(id__in=Subquery(failures.values("payment_id")))


def _known(column: str, matched: Q) -> Q:
    return matching(**{f"{column}__isnull": False}) & matched


def _any(conditions: Sequence[Q]) -> Q:
    """One of them; none of nothing."""
    return reduce(lambda one, other: one | other, conditions, NOTHING) if conditions else NOTHING


def _sides(column: str, **given: Any) -> dict[str, Any]:
    return {f"{column}__{side}": value for side, value in given.items() if value is not None}


def _bounded(minor: int | None) -> int | None:
    return None if minor is None else max(min(minor, MAX_MINOR), -MAX_MINOR)


def _refused(what: str, path: Path) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, f"`{path[-1]}` {what}.", path)
