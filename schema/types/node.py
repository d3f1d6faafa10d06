"""What everything with an id has in common, and the page's own information."""

from typing import Any, ClassVar

import strawberry

from domain.ids import Kind, encode
from resolvers.reading.pagination import Page
from schema.directives import PART_OF_A_ROW
from schema.fields import field


@strawberry.interface(description="Anything with an id of its own.")
class Node:
    """Wraps a row; its kind is the id's prefix."""

    row: strawberry.Private[Any]
    kind_of_id: ClassVar[Kind]

    @field
    def id(self) -> strawberry.ID:
        """Opaque; the prefix tells people what it is: payment_…, refund_…, order_…, customer_…"""
        return strawberry.ID(encode(self.kind_of_id, self.row.id))


@strawberry.type(
    description="Whether there is more on either side, and from where to ask for it.", directives=PART_OF_A_ROW
)
class PageInfo:
    """Taken from a page."""

    has_next_page: bool = strawberry.field(description="Whether there is more after `endCursor`.")
    has_previous_page: bool = strawberry.field(description="Whether there is more before `startCursor`.")
    start_cursor: str | None = strawberry.field(description="The first row's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last row's cursor; null on an empty page.")

    @classmethod
    def of(cls, page: Page[Any]) -> "PageInfo":
        return cls(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=page.cursor(page.rows[0]) if page.rows else None,
            end_cursor=page.cursor(page.rows[-1]) if page.rows else None,
        )
