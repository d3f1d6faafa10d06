"""Filters of payments: a client's filter becomes a condition of the database."""

from collections.abc import Mapping, Sequence
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
from domain.text import check_metadata, clean_id, clean_text
from models import PaymentFailure

DEEPEST = 4  # filters inside filters
MOST_PARTS = 30  # filters in one filter, all levels together
MOST_CHOICES = 50
LONGEST_SEARCH = 255
INTENT = "pi_"  # how Stripe's ids begin: one index or the other is asked, both together would be neither
NOTHING = Q(id__in=[])


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


def condition(given: PaymentFilterInput, *, staff: bool) -> Q:
    """The condition for a filter of the staff or a buyer.

    Raises Refused for one that is too large, or that holds unusable text.
    """
    parts = _count(given, depth=1)
    if parts > MOST_PARTS:
        raise _refused(f"has {parts} parts, {MOST_PARTS} are allowed", ("filter",))
    return _condition(given, ("filter",), staff=staff)


def _count(given: PaymentFilterInput, *, depth: int) -> int:
    if depth > DEEPEST:
        raise _refused(f"is nested too deeply, {DEEPEST} levels are allowed", ("filter",))
    inner = [*(given.all_of or ()), *(given.any_of or ()), *([given.none_of] if given.none_of else ())]
    return 1 + sum(_count(part, depth=depth + 1) for part in inner)


def _condition(given: PaymentFilterInput, path: Path, *, staff: bool) -> Q:
    """Every condition is true or false for every row, never null, so that `not` means what it says."""
    conditions = [_columns(given, path)]
    if given.decline_code is not None:
        conditions.append(_declined_with(given.decline_code, (*path, "declineCode"), staff=staff))
    if given.search is not None:
        conditions.append(_search(given.search, (*path, "search")))
    if given.metadata is not None:
        conditions.append(Q(metadata__contains=check_metadata(given.metadata, path=(*path, "metadata"))))
    if given.all_of is not None:
        conditions.extend(_condition(part, (*path, "and"), staff=staff) for part in given.all_of)
    if given.any_of is not None:
        conditions.append(_any([_condition(part, (*path, "or"), staff=staff) for part in given.any_of]))
    if given.none_of is not None:
        conditions.append(~_condition(given.none_of, (*path, "not"), staff=staff))
    return reduce(lambda one, other: one & other, conditions)


def _columns(given: PaymentFilterInput, path: Path) -> Q:
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
        matched &= _belongs_to("customer_id", row_id(given.customer_id, Kind.CUSTOMER))
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


def _search(text: str, path: Path) -> Q:
    """The words that support staff paste: our ids, Stripe's, or the beginning of the shop's order number."""
    searched = clean_id(text, path=path, max_length=LONGEST_SEARCH)
    payment_id = row_id(searched, Kind.PAYMENT)
    if payment_id is not None:
        return Q(id=payment_id)
    if searched.startswith(INTENT):
        return _known("stripe_payment_intent_id", Q(stripe_payment_intent_id=searched))
    return Q(order__external_id__startswith=searched)


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
