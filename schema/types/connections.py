"""Lists by the page, after the Relay specification: one `Connection` and one `Edge` for every type of row."""

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import strawberry
from graphql import GraphQLObjectType, GraphQLSchema

from resolvers.reading.pagination import Page
from schema.directives import PART_OF_A_ROW
from schema.fields import attribute, called, each_wrapped, reading, wrapped

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Noun:
    """The words for the rows of a list, in descriptions: `page_of` is what a page is a part of."""

    one: str
    many: str
    page_of: str
    listed_in: str = "list"


NOUNS: Final = {
    "Discrepancy": Noun("a discrepancy", "discrepancies", "discrepancies"),
    "Operation": Noun("an operation", "operations", "operations"),
    "Order": Noun("an order", "orders", "orders"),
    "Payment": Noun("a payment", "payments", "payments"),
    "PaymentEvent": Noun("an event", "events", "a timeline", listed_in="timeline"),
    "Refund": Noun("a refund", "refunds", "refunds"),
    "SavedPaymentMethod": Noun("a method", "methods", "saved payment methods"),
    "SetupIntent": Noun("a setup", "setups", "setups"),
    "WebhookEvent": Noun("an event", "events", "the inbox"),
}


@strawberry.type(
    description="Whether there is more on either side, and from where to ask for it.", directives=PART_OF_A_ROW
)
class PageInfo:
    """Wraps a page."""

    page: strawberry.Private[Page[Any]]

    has_next_page = attribute(bool, "Whether there is more after `endCursor`.", "page.has_next")
    has_previous_page = attribute(bool, "Whether there is more before `startCursor`.", "page.has_previous")
    start_cursor = attribute(str | None, "The first row's cursor; null on an empty page.", "page.start_cursor")
    end_cursor = attribute(str | None, "The last row's cursor; null on an empty page.", "page.end_cursor")


@strawberry.type(directives=PART_OF_A_ROW)
class Edge(Generic[Item]):
    """One row of a page, as a node with its cursor."""

    page: strawberry.Private[Page[Any]]
    row: strawberry.Private[Any]

    cursor = called(str, None, Page.cursor, "page", "row")
    node = wrapped(Item, None, row="row", passes_through=True)  # type: ignore[misc]  # Strawberry reads the variable


@strawberry.type(directives=PART_OF_A_ROW)
class Connection(Generic[Item]):
    """Wraps a page of rows."""

    page: strawberry.Private[Page[Any]]

    page_info = wrapped(PageInfo, "Whether there is more.", page="page")

    @reading()
    async def total_count(self) -> int | None:
        """How many there are on all pages; null when there are more than 10,000."""
        return await self.page.count()

    edges = each_wrapped(list[Edge[Item]], None, "page.rows", page="page", row="item")
    nodes = each_wrapped(list[Item], None, "page.rows", row="item")

    @classmethod
    def of(cls, page: Page[Any]) -> "Connection[Any]":
        return cls(page=page)


def describe_connections(schema: GraphQLSchema) -> None:
    """Describe every connection and its edge in the words for their rows, which a generic type cannot know."""
    for name, noun in NOUNS.items():
        connection, edge = _object(schema, f"{name}Connection"), _object(schema, f"{name}Edge")
        row = noun.one.split()[1]
        connection.description = f"A page of {noun.page_of}."
        connection.fields["edges"].description = f"The {noun.many} with their cursors."
        connection.fields["nodes"].description = f"The {noun.many} alone."
        edge.description = f"{noun.one.capitalize()} and its place in the {noun.listed_in}."
        edge.fields["cursor"].description = f"The place of the {row} in this {noun.listed_in}."
        edge.fields["node"].description = f"The {row}."


def _object(schema: GraphQLSchema, name: str) -> GraphQLObjectType:
    found = schema.get_type(name)
    assert isinstance(found, GraphQLObjectType)
    return found
