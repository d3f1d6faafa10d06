"""Setups: payment methods that customers are about to keep, without a payment."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import models
from domain.ids import Kind
from resolvers.customers import customer_of_setup, method_of_setup
from schema.enums import SetupFutureUsage, SetupIntentStatus
from schema.errors import UserError, stored_error
from schema.fields import Info, column, reading, related
from schema.types.node import Node
from schema.types.saved_methods import SavedPaymentMethod

if TYPE_CHECKING:
    from schema.types.orders import Customer

LazyCustomer = Annotated["Customer", strawberry.lazy("schema.types.orders")]


@strawberry.type(description="The way of a customer to keep a payment method without paying.")
class SetupIntent(Node):
    """Wraps a setup's row."""

    kind_of_id = Kind.SETUP
    row: strawberry.Private[models.SetupIntent]

    @classmethod
    def of(cls, row: models.SetupIntent) -> "SetupIntent":
        return cls(row=row)

    customer = related(LazyCustomer, "Who is to keep the method.", customer_of_setup, reads=["customer_id"])

    status = column(SetupIntentStatus, "Where it stands at Stripe.")

    usage = column(SetupFutureUsage, "What the customer agrees to by it.")

    @reading("last_error")
    def last_error(self, info: Info) -> UserError | None:
        """Why the last attempt failed, also in the buyer's words; null unless it did."""
        stored = self.row.last_error
        return stored_error(info, stored, request_id=stored.get("request_id")) if stored is not None else None

    payment_method = related(
        SavedPaymentMethod | None,
        "The method that the customer keeps by it; null until it has succeeded.",
        method_of_setup,
        reads=["method_id"],
    )

    created_at = column(datetime, "When it was begun.")

    updated_at = column(datetime, "When it last changed.")
