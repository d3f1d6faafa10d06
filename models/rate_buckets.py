"""Token buckets of all replicas: how much each caller may still ask for."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model


class RateBucket(Model):
    """One bucket, under the hash of whose it is. The table is not logged: after a crash all buckets are full.

    `level` is what was left at the moment `at`; `taken` says whether the last take found enough.
    """

    key = fields.CharField(max_length=32, primary_key=True)
    level: float = fields.FloatField()
    capacity: float = fields.FloatField()
    per_second: float = fields.FloatField()
    taken = fields.BooleanField()
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "rate_bucket"
