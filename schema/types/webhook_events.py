"""The inbox of Stripe's events, for operators."""

from datetime import datetime

import strawberry

import models
from domain.caller import Scope
from domain.ids import Kind
from resolvers.reading.pagination import Page
from resolvers.visibility import may_read_payload
from schema.directives import PART_OF_A_ROW, PII, Auth
from schema.enums import EventSource, WebhookState
from schema.fields import Info, field, field_with
from schema.scalars import Json
from schema.types.connections import Connection
from schema.types.node import Node

LONGEST_LAG_MS = 2**31 - 1  # GraphQL's largest Int: 24 days


@strawberry.type(description="An event that Stripe sent, and how far we are with it.")
class WebhookEvent(Node):
    """Wraps an inbox row."""

    kind_of_id = Kind.WEBHOOK
    row: strawberry.Private[models.WebhookEvent]

    @classmethod
    def of(cls, row: models.WebhookEvent) -> "WebhookEvent":
        return cls(row=row)

    @field
    def stripe_event_id(self) -> str:
        """Stripe's id of the event."""
        return self.row.stripe_event_id

    @field
    def type(self) -> str:
        """Stripe's type of the event, such as payment_intent.succeeded."""
        return self.row.type

    @field
    def source(self) -> EventSource:
        """How it first reached us."""
        return self.row.source

    @field
    def state(self) -> WebhookState:
        """How far we are with it."""
        return self.row.state

    @field
    def attempts(self) -> int:
        """How often it was tried, replays included."""
        return self.row.attempt

    @field
    def last_error(self) -> str | None:
        """Why it was not applied, in our words."""
        return self.row.last_error

    @field
    def received_at(self) -> datetime:
        """When it was stored."""
        return self.row.received_at

    @field
    def delivered_at(self) -> datetime | None:
        """When Stripe's webhook of it first came; null when it was fetched and its webhook has not come."""
        return self.row.delivered_at

    @field
    def processed_at(self) -> datetime | None:
        """When it was applied or ignored; null until then."""
        return self.row.processed_at

    @field
    def delivery_lag_ms(self) -> int:
        """How long it took to reach us, in milliseconds; Stripe's clock has whole seconds. At most 24 days."""
        lag = self.row.received_at - self.row.stripe_created_at
        return min(max(int(lag.total_seconds() * 1000), 0), LONGEST_LAG_MS)

    @field_with(PII, Auth(scopes=[Scope.PAYMENTS_READ.value]))
    def payload(self, info: Info) -> Json | None:
        """The event as Stripe sent it, without its secrets; null for who may not read payments beside the inbox."""
        return Json(self.row.payload) if may_read_payload(info.context) else None


@strawberry.type(description="An event and its place in the list.", directives=PART_OF_A_ROW)
class WebhookEventEdge:
    """One row of a page."""

    cursor: str = strawberry.field(description="The place of the event in this list.")
    node: WebhookEvent = strawberry.field(description="The event.")


@strawberry.type(description="A page of the inbox.", directives=PART_OF_A_ROW)
class WebhookEventConnection(Connection):
    """Wraps a page."""

    page: strawberry.Private[Page[models.WebhookEvent]]

    @classmethod
    def of(cls, page: Page[models.WebhookEvent]) -> "WebhookEventConnection":
        return cls(page=page)

    @field
    def edges(self) -> list[WebhookEventEdge]:
        """The events with their cursors."""
        return [WebhookEventEdge(cursor=self.page.cursor(row), node=WebhookEvent.of(row)) for row in self.page.rows]

    @field
    def nodes(self) -> list[WebhookEvent]:
        """The events alone."""
        return [WebhookEvent.of(row) for row in self.page.rows]
