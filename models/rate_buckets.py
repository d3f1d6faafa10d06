"""Token buckets shared by all replicas: the points that each caller has left."""

from datetime import datetime

from tortoise import fields
from tortoise.models import Model


class RateBucket(Model):
    """One bucket, under the hash of its owner. The table is unlogged: after a crash all buckets are full.

    `level` is the number of points left at the moment `at`; `taken` says whether the last request found enough.
    """

    key = fields.CharField(max_length=32, primary_key=True)
    level: float = fields.FloatField()
    capacity: float = fields.FloatField()
    per_second: float = fields.FloatField()
    taken = fields.BooleanField()
    at: datetime = fields.DatetimeField()

    class Meta:
        table = "rate_bucket"
