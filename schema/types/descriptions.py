"""Line items and shipping: an order as the shop described it."""

from collections.abc import Mapping
from typing import Any

import strawberry

from domain.checkout import line_items
from schema.directives import PART_OF_A_ROW, PII
from schema.scalars import MinorUnits


@strawberry.type(
    description="One line of an order: so many pieces of one thing, in minor units of the order's currency.",
    directives=PART_OF_A_ROW,
)
class LineItem:
    """A line as it was stated: an order may have a hundred, so its amounts do not repeat the currency."""

    name: str = strawberry.field(description="What it is.")
    quantity: int = strawberry.field(description="How many pieces.")
    unit_amount: MinorUnits = strawberry.field(description="The price of one piece.")
    tax_amount: MinorUnits | None = strawberry.field(
        description="The tax on all pieces; null where the shop stated none."
    )
    discount_amount: MinorUnits | None = strawberry.field(
        description="What all pieces together are cheaper by; null where the shop stated nothing."
    )
    amount: MinorUnits = strawberry.field(description="What the line comes to: all pieces, less discount, plus tax.")
    reference: str | None = strawberry.field(description="The shop's own number of the thing.")

    @classmethod
    def of(cls, item: line_items.LineItem) -> "LineItem":
        """Show a line of an order."""
        tax, discount = item.tax_amount_minor, item.discount_amount_minor
        return cls(
            name=item.name,
            quantity=item.quantity,
            unit_amount=MinorUnits(item.unit_amount_minor),
            tax_amount=MinorUnits(tax) if tax is not None else None,
            discount_amount=MinorUnits(discount) if discount is not None else None,
            amount=MinorUnits(item.total_minor),
            reference=item.reference,
        )


@strawberry.type(description="Who an order is shipped to, and where.", directives=PART_OF_A_ROW)
class Shipping:
    """All of it is personal data."""

    name: str = strawberry.field(description="The recipient.", directives=[PII])
    phone: str | None = strawberry.field(description="The recipient's telephone number.", directives=[PII])
    line1: str = strawberry.field(description="Street and number, or a box.", directives=[PII])
    line2: str | None = strawberry.field(description="Floor, flat, building, company.", directives=[PII])
    city: str | None = strawberry.field(description="City, town or village.", directives=[PII])
    postal_code: str | None = strawberry.field(description="The postal code.", directives=[PII])
    state: str | None = strawberry.field(description="State, county, province or prefecture.", directives=[PII])
    country: str = strawberry.field(description="The country, ISO 3166-1 alpha-2.", directives=[PII])

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Shipping":
        """Show what is stored with an order."""
        return cls(**stored)
