"""Operations: one row for each idempotency key, which is also the queue entry of its unfinished work."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from domain.deadlines import PAST, Deadline
from domain.ids import new_id
from domain.states import OPERATION_OPEN, OperationKind, OperationState, ProviderEffect


class Operation(Model):
    """One caller's key for one mutation, the work that it stands for, and its outcome.

    `id` is derived from mode, caller, mutation and key: if the commit is lost, the repeated request has an equal id,
    and with it equal idempotency keys at Stripe. `claim` identifies the call that wrote the row.

    `due` is the moment from which a process may take the work (null: finished), and `attempt` is the fencing token:
    only its holder may write. `params` holds, per step, the exact parameters of the request to Stripe, so that a retry
    sends an equal request. `generation` is part of Stripe's idempotency key. `first_sent_at` starts the clock after
    which that key is no longer safe to send again; it is null while no request under it can have been sent. `leaves`
    has one short hash for each input field, and no value. `review` holds a reviewer's decision and evidence.

    `held_until` is no column: it is the moment until which this process may act on the row, by its own clocks. A
    process that leases the row takes the moment before the lease was requested; on a row that was only read it is past.
    """

    held_until: Deadline = PAST
    # Moments that the database computes when a row is written: its now() plus an interval. None writes null.
    BY_DATABASE: ClassVar[Mapping[str, str]] = {
        "due": "due_in",
        "finished_at": "finished_in",
        "expires_at": "expires_in",
    }
    due_in: timedelta | None = None
    finished_in: timedelta | None = None
    expires_in: timedelta | None = None

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    principal = fields.CharField(max_length=300)
    kind = fields.CharEnumField(OperationKind, max_length=40, description="the mutation")
    key = fields.CharField(max_length=255)
    fingerprint = fields.CharField(max_length=64)
    leaves: dict[str, str] = fields.JSONField(default=dict)
    actor: dict[str, Any] = fields.JSONField(default=dict)
    claim: UUID | None = fields.UUIDField(null=True)
    request_id = fields.CharField(max_length=64, default="")
    state = fields.CharEnumField(
        OperationState, max_length=16, description="how far", default=OperationState.IN_PROGRESS
    )
    effect = fields.CharEnumField(
        ProviderEffect, max_length=16, description="what is known at Stripe", default=ProviderEffect.NONE
    )
    step = fields.CharField(max_length=16, default="")
    generation: int = fields.IntField(default=1)
    params: dict[str, Any] = fields.JSONField(default=dict)
    first_sent_at: datetime | None = fields.DatetimeField(null=True)
    last_problem = fields.CharField(max_length=64, null=True)
    due: datetime | None = fields.DatetimeField(null=True)
    attempt: int = fields.IntField(default=1)
    order_id: UUID | None = fields.UUIDField(null=True)
    payment_id: UUID | None = fields.UUIDField(null=True)
    refund_id: UUID | None = fields.UUIDField(null=True)
    customer_id: UUID | None = fields.UUIDField(null=True)
    setup_intent_id: UUID | None = fields.UUIDField(null=True)
    error: dict[str, Any] | None = fields.JSONField(null=True)
    review: dict[str, Any] | None = fields.JSONField(null=True)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)
    finished_at: datetime | None = fields.DatetimeField(null=True)
    expires_at: datetime = fields.DatetimeField()

    class Meta:
        table = "operation"
        unique_together = (("principal", "kind", "key"),)
        indexes = (Index(fields=("payment_id",)), Index(fields=("refund_id",)))

    @property
    def is_open(self) -> bool:
        return self.state in OPERATION_OPEN

    def stripe_key(self, step: str) -> str:
        """Return our idempotency key at Stripe: the step's request always carries an equal key."""
        return f"{self.id}:{step}:{self.generation}"
