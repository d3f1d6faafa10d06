"""Pages of rows: what all of them have in common."""

from typing import Any

import strawberry

from resolvers.reading.pagination import Page
from schema.directives import PART_OF_A_ROW
from schema.fields import field
from schema.types.node import PageInfo


@strawberry.type(description="A page of a list.", directives=PART_OF_A_ROW)
class Connection:
    """Wraps a page. Each list has one of its own, which adds `edges` and `nodes`."""

    page: strawberry.Private[Page[Any]]

    @field
    def page_info(self) -> PageInfo:
        """Whether there is more."""
        return PageInfo.of(self.page)

    @field
    async def total_count(self) -> int | None:
        """How many there are on all pages; null when there are more than 10,000."""
        return await self.page.count()
