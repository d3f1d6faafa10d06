"""The inbox: each of Stripe's events once, stored before it is applied; and the position in Stripe's own list."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from domain.ids import new_id
from domain.states import EventSource, EventTopic, WebhookState


class WebhookEvent(Model):
    """An event of Stripe's, without its secrets, and the state of its processing.

    `due` and `attempt` are as in `Operation`; `attempt` is a fencing token, so it only grows. `tries` counts towards
    giving up and begins anew with a replay. Events are applied in order within a `subject`: Stripe's payment intent id,
    or the object's own id when there is none. `delivered_at` is the moment at which its webhook came, even if the event
    was fetched before.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    stripe_event_id = fields.CharField(max_length=255)
    livemode = fields.BooleanField()
    account = fields.CharField(max_length=255, null=True)
    api_version = fields.CharField(max_length=64, null=True)
    type = fields.CharField(max_length=128)
    source = fields.CharEnumField(
        EventSource, max_length=16, description="how it first reached us", default=EventSource.WEBHOOK
    )
    subject = fields.CharField(max_length=255)
    payload: dict[str, Any] = fields.JSONField()
    state = fields.CharEnumField(WebhookState, max_length=16, description="how far", default=WebhookState.RECEIVED)
    attempt: int = fields.IntField(default=0)
    tries: int = fields.IntField(default=0, db_default=0)
    due: datetime | None = fields.DatetimeField(null=True)
    last_error = fields.CharField(max_length=255, null=True)
    stripe_created_at: datetime = fields.DatetimeField()
    received_at: datetime = fields.DatetimeField(auto_now_add=True)
    delivered_at: datetime | None = fields.DatetimeField(null=True)
    processed_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_event"
        unique_together = (("stripe_event_id", "livemode"),)
        indexes = (
            Index(fields=("state", "received_at", "id")),
            Index(fields=("received_at", "id")),
            Index(fields=("subject", "stripe_created_at")),
        )


class EventReading(Model):
    """The position in Stripe's own list of events: one row for each way of reading it and topic, over all replicas.

    The list is read page by page, newest first. `cursor` is the last event of the pages read since `started_at` (both
    null: no reading is under way). When a reading ends, everything made before `read_through` is in the inbox. `due` is
    the moment from which a process may read the next page, and `attempt` is the fencing token, as in `Operation`.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    source = fields.CharEnumField(EventSource, max_length=16, description="the way of reading")
    livemode = fields.BooleanField()
    topic = fields.CharEnumField(
        EventTopic,
        max_length=16,
        description="which types",
        default=EventTopic.PAYMENTS,
        db_default=EventTopic.PAYMENTS.value,  # the version before reads only these
    )
    read_through: datetime = fields.DatetimeField()
    cursor = fields.CharField(max_length=255, null=True)
    started_at: datetime | None = fields.DatetimeField(null=True)
    finished_at: datetime | None = fields.DatetimeField(null=True)
    due: datetime = fields.DatetimeField()
    attempt: int = fields.IntField(default=1)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "event_reading"
        unique_together = (("source", "livemode", "topic"),)
