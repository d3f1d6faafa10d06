"""Reconciliation: runs over a window of time, and what each found to differ between Stripe and our rows."""

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

    `due` is when somebody may take it over (null: finished) and `attempt` fences, as in `Operation`. `stage` and
    `cursor` are how far it is: a run whose process died goes on from there.
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
    """One thing that differs. `subject` is what it is about: Stripe's id, or ours where Stripe has none.

    The same open finding is one row, however many runs see it. `run` is the one that found it first, and null where
    the difference was seen when it was written. `local` and `provider` are the figures of each side.
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
