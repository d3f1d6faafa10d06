"""Pages of a list, both ways, by the place of the last row and not by counting: stable while rows are added."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from database.statements import fetch
from domain.errors import ErrorCode, Refused
from resolvers.reading.cursors import Cursor, SortKey
from resolvers.reading.filters import matching

Row = TypeVar("Row", bound=Model)

LARGEST_PAGE = 100
COUNTED = 10_000  # beyond this, counting costs more than anyone needs to know


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of a list."""

    key: SortKey
    descending: bool


NEWEST = Sort(SortKey.CREATED_AT, descending=True)


@dataclass(frozen=True, slots=True)
class PageWindow:
    """A part of a list: `size` rows from one end, between two cursors."""

    sort: Sort
    size: int
    backward: bool
    after: Cursor | None
    before: Cursor | None

    def condition(self) -> Q:
        """The rows strictly between the two places."""
        rest = Q()
        if self.after is not None:
            rest &= _beyond(self.after, upward=not self.sort.descending)
        if self.before is not None:
            rest &= _beyond(self.before, upward=self.sort.descending)
        return rest

    def order(self) -> tuple[str, str]:
        """Return the sorting that puts the page's rows first: a backward page is read from its far end."""
        sign = "-" if self.sort.descending != self.backward else ""
        return f"{sign}{self.sort.key.value}", f"{sign}id"


@dataclass(frozen=True, slots=True)
class Paging:
    """The paging arguments of a field, not yet checked."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    default: int = 25

    def window(self, sort: Sort) -> PageWindow:
        """The checked window. Raises Refused naming the argument that is wrong.

        `first` at its default does not count as given beside `last`: GraphQL fills it in.
        """
        backward = self.last is not None
        if backward and self.first is not None and self.first != self.default:
            raise _refused("last", "cannot be combined with `first`")
        if not backward and self.first is None:
            size = self.default
        else:
            size = _size("last", self.last) if self.last is not None else _size("first", self.first)
        return PageWindow(
            sort=sort,
            size=size,
            backward=backward,
            after=Cursor.decode(self.after, sort.key, argument="after") if self.after is not None else None,
            before=Cursor.decode(self.before, sort.key, argument="before") if self.before is not None else None,
        )


async def _no_rows() -> int | None:
    return 0


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows in the list's order, and whether there are more on either side.

    `count` counts the whole list, when it is asked: None for more than 10,000.
    """

    rows: tuple[Row, ...]
    sort: Sort
    has_next: bool
    has_previous: bool
    count: Callable[[], Awaitable[int | None]]

    @classmethod
    def empty(cls) -> "Page[Row]":
        return cls((), NEWEST, has_next=False, has_previous=False, count=_no_rows)

    @classmethod
    def of(
        cls, found: Sequence[Row], window: PageWindow, *, count: Callable[[], Awaitable[int | None]] = _no_rows
    ) -> "Page[Row]":
        """The page in `found`, which was read in the window's order with one row more than its size, if there was."""
        rows, more = tuple(found[: window.size]), len(found) > window.size
        if window.backward:
            return cls(rows[::-1], window.sort, window.before is not None, more, count)
        return cls(rows, window.sort, more, window.after is not None, count)

    @property
    def start_cursor(self) -> str | None:
        """The first row's cursor; None on an empty page."""
        return self.cursor(self.rows[0]) if self.rows else None

    @property
    def end_cursor(self) -> str | None:
        """The last row's cursor; None on an empty page."""
        return self.cursor(self.rows[-1]) if self.rows else None

    def cursor(self, row: Row) -> str:
        return Cursor(self.sort.key, getattr(row, self.sort.key.value), row.pk).encode()


async def page_of(rows: "QuerySet[Row]", window: PageWindow) -> Page[Row]:
    """Read one page of these rows: one row too many is read, to know whether there is more."""

    async def count() -> int | None:
        return await capped_count(rows)

    found = await rows.filter(window.condition()).order_by(*window.order()).limit(window.size + 1)
    return Page.of(found, window, count=count)


async def capped_count(rows: "QuerySet[Row]") -> int | None:
    """Return the count, or None when there are more rows than anyone should wait for."""
    some: Any = rows.order_by().limit(COUNTED + 1).values("id")
    some.sql()  # makes the query; Tortoise itself counts only what is joined to the whole table again
    statement, values = some.query.get_parameterized_sql()
    [(total,)] = await fetch(f"SELECT count(*) FROM ({statement}) AS few", *values)  # noqa: S608 - Tortoise's own words
    return total if total <= COUNTED else None


def _beyond(place: Cursor, *, upward: bool) -> Q:
    """The rows after a place. The first half alone bounds the index; the second decides between equals."""
    key, side = place.key.value, "gt" if upward else "lt"
    return matching(**{f"{key}__{side}e": place.value}) & (
        matching(**{f"{key}__{side}": place.value}) | matching(**{f"id__{side}": place.id})
    )


def _size(argument: str, given: int | None) -> int:
    if given is None or not 1 <= given <= LARGEST_PAGE:
        raise _refused(argument, f"must be 1 to {LARGEST_PAGE}")
    return given


def _refused(argument: str, what: str) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, f"`{argument}` {what}.", (argument,))
