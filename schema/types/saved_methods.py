"""Payment methods that customers keep: never a number."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import strawberry

import models
from domain.ids import Kind
from resolvers.customers import customer_of_method, is_default
from schema.enums import SetupFutureUsage
from schema.fields import Info, column, reading, related
from schema.types.node import Node
from schema.types.payment_methods import PaymentMethodSnapshot, snapshot

if TYPE_CHECKING:
    from schema.types.orders import Customer

LazyCustomer = Annotated["Customer", strawberry.lazy("schema.types.orders")]

SOON: Final = timedelta(days=60)


@strawberry.type(description="A payment method that a customer keeps at Stripe for later payments.")
class SavedPaymentMethod(Node):
    """Wraps a saved payment method's row."""

    kind_of_id = Kind.METHOD
    row: strawberry.Private[models.SavedPaymentMethod]

    @classmethod
    def of(cls, row: models.SavedPaymentMethod) -> "SavedPaymentMethod":
        return cls(row=row)

    customer = related(LazyCustomer, "Who keeps it.", customer_of_method, reads=["customer_id"])

    @reading("customer_id")
    async def is_default(self, info: Info) -> bool:
        """Whether it is the one that is used where none is named."""
        return await is_default(info.context, self.row)

    usage = column(
        SetupFutureUsage | None,
        "What the customer agreed to when it was saved; null where that was not done here, as in Stripe's Dashboard.",
    )

    @reading("method")
    def snapshot(self) -> PaymentMethodSnapshot:
        """The method as a receipt shows it."""
        return snapshot(self.row.method)

    @reading("expires_on")
    def expires_soon(self) -> bool:
        """Whether it expires within 60 days, or has expired; banks may replace a card before that by themselves."""
        return self.row.expires_on is not None and self.row.expires_on < _today() + SOON

    detached_at = column(
        datetime | None, "When it was detached, here or at Stripe, and can no longer be used; null while it is kept."
    )

    created_at = column(datetime, "When it was saved.")

    updated_at = column(datetime, "When it last changed.")


def _today() -> date:
    return datetime.now(UTC).date()
