"""A customer: the shop's own id of a person, and their email address."""

from datetime import datetime
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from domain.ids import new_id


class Customer(Model):
    """The person who pays, known by the shop's id; `external_id` is the `sub` of a buyer's token."""

    id: UUID = fields.UUIDField(primary_key=True, default=new_id)
    external_id = fields.CharField(max_length=255, unique=True)
    email = fields.CharField(max_length=320, null=True)
    created_at: datetime = fields.DatetimeField(auto_now_add=True)
    updated_at: datetime = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "customer"
