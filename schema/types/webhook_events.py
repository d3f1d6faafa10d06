"""The inbox of Stripe's events, for operators."""

from datetime import datetime

import strawberry

import models
from domain.caller import Scope
from domain.ids import Kind
from resolvers.visibility import may_read_payload
from schema.directives import PII, Auth
from schema.enums import EventSource, WebhookState
from schema.fields import Info, column, field, field_with
from schema.scalars import Json
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

    stripe_event_id = column(str, "Stripe's id of the event.")

    type = column(str, "Stripe's type of the event, such as payment_intent.succeeded.")

    source = column(EventSource, "How it first reached us.")

    state = column(WebhookState, "How far we are with it.")

    attempts = column(int, "How often it was tried, replays included.", of="attempt")

    last_error = column(str | None, "Why it was not applied, in our words.")

    received_at = column(datetime, "When it was stored.")

    delivered_at = column(
        datetime | None,
        "When Stripe's webhook of it first came; null when it was fetched and its webhook has not come.",
    )

    processed_at = column(datetime | None, "When it was applied or ignored; null until then.")

    @field
    def delivery_lag_ms(self) -> int:
        """How long it took to reach us, in milliseconds; Stripe's clock has whole seconds. At most 24 days."""
        lag = self.row.received_at - self.row.stripe_created_at
        return min(max(int(lag.total_seconds() * 1000), 0), LONGEST_LAG_MS)

    @field_with(PII, Auth(scopes=[Scope.PAYMENTS_READ.value]))
    def payload(self, info: Info) -> Json | None:
        """The event as Stripe sent it, without its secrets; null for who may not read payments beside the inbox."""
        return Json(self.row.payload) if may_read_payload(info.context) else None
