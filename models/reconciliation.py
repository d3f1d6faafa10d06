"""Reconciliation: runs over a window of time, and their findings."""

from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from domain.ids import new_id
from domain.states import DiscrepancyKind, DiscrepancyState
from models.payments import Payment


class ReconciliationRun(Model):
    """One comparison of everything in [from, to). At most one is open, over all replicas.

    `due` is the moment from which a process may take the run over (null: finished), and `attempt` is the fencing token,
    as in `Operation`. `stage` and `cursor` are the run's position: after its process dies, another one goes on from
    there.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    livemode = fields.BooleanField()
    from_moment: datetime = fields.DatetimeField()
    to_moment: datetime = fields.DatetimeField()
    repair = fields.BooleanField(default=False)
    stage = fields.CharField(max_length=16)
    cursor = fields.CharField(max_length=255, null=True)
    checked: int = fields.IntField(default=0)
    repaired: int = fields.IntField(default=0)
    due: datetime | None = fields.DatetimeField(null=True)
    attempt: int = fields.IntField(default=1)
    started_at: datetime = fields.DatetimeField(auto_now_add=True)
    finished_at: datetime | None = fields.DatetimeField(null=True)

    class Meta:
        table = "reconciliation_run"
        indexes = (Index(fields=("started_at", "id")),)


class Discrepancy(Model):
    """One difference. `subject` is Stripe's id of the object, or ours where Stripe has none.

    An open finding is one row, however many runs find it. `run` is the run that found it first, and null where the
    difference was found while it was written. `local` and `provider` are the figures of each side.
    """

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    run: fields.ForeignKeyNullableRelation[ReconciliationRun] = fields.ForeignKeyField(
        "models.ReconciliationRun", related_name="discrepancies", null=True, on_delete=fields.RESTRICT
    )
    run_id: UUID | None
    payment: fields.ForeignKeyNullableRelation[Payment] = fields.ForeignKeyField(
        "models.Payment", related_name="discrepancies", null=True, on_delete=fields.RESTRICT
    )
    payment_id: UUID | None
    livemode = fields.BooleanField()
    kind = fields.CharEnumField(DiscrepancyKind, max_length=32, description="what differs")
    subject = fields.CharField(max_length=255)
    local: dict[str, Any] = fields.JSONField(default=dict)
    provider: dict[str, Any] = fields.JSONField(default=dict)
    state = fields.CharEnumField(
        DiscrepancyState, max_length=16, description="what became of it", default=DiscrepancyState.OPEN
    )
    resolution = fields.CharField(max_length=1000, null=True)
    resolved_by: dict[str, Any] | None = fields.JSONField(null=True)
    resolved_at: datetime | None = fields.DatetimeField(null=True)
    detected_at: datetime = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "discrepancy"
        indexes = (
            Index(fields=("state", "detected_at", "id")),
            Index(fields=("run_id", "detected_at", "id")),
            Index(fields=("payment_id",)),
        )
