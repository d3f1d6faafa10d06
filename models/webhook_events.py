"""The inbox: every event that Stripe sent us, once, kept before anything is done with it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from domain.ids import new_id
from domain.states import EventSource, WebhookState


class WebhookEvent(Model):
    """An event of Stripe's, without its secrets, and how far we are with it.

    `due` and `attempt` are as in `Operation`. `subject` is what events are kept in order by: Stripe's payment intent
    id, or the object's own id when there is none.
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
    due: datetime | None = fields.DatetimeField(null=True)
    last_error = fields.CharField(max_length=255, null=True)
    stripe_created_at: datetime = fields.DatetimeField()
    received_at: datetime = fields.DatetimeField(auto_now_add=True)
    processed_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_event"
        unique_together = (("stripe_event_id", "livemode"),)
        indexes = (Index(fields=("state", "received_at", "id")), Index(fields=("subject", "stripe_created_at")))
