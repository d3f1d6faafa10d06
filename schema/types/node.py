"""The interface of everything that has an id."""

from typing import Any, ClassVar

import strawberry

from domain.ids import Kind, encode
from schema.fields import called


@strawberry.interface(description="Anything with an id of its own.")
class Node:
    """Wraps a row; its kind is the id's prefix."""

    row: strawberry.Private[Any]
    kind_of_id: ClassVar[Kind]

    id = called(
        strawberry.ID,
        "Opaque; the prefix tells people what it is: payment_…, refund_…, order_…, customer_…",
        encode,
        "kind_of_id",
        "row.id",
        reads=("id",),
    )
