"""Operations: what became of an idempotency key."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry

import models
from domain import caller
from domain.ids import Kind
from resolvers import operations
from resolvers.visibility import may_read_key, visible_result
from schema.directives import PART_OF_A_ROW
from schema.enums import OperationKind, OperationState, ProviderEffect, ReviewOutcome
from schema.errors import UserError, stored_error
from schema.fields import Info, column, field
from schema.scalars import IdempotencyKey
from schema.types.actors import Actor
from schema.types.node import Node
from schema.types.orders import Order
from schema.types.payments import Payment
from schema.types.refunds import Refund
from schema.types.setup_intents import SetupIntent

OperationResult = Annotated[
    Order | Payment | Refund | SetupIntent,
    strawberry.union("OperationResult", description="What an operation made or changed."),
]


@strawberry.type(description="What became of one idempotency key of one caller.")
class Operation(Node):
    """Wraps an operation's row."""

    kind_of_id = Kind.OPERATION
    row: strawberry.Private[models.Operation]

    @classmethod
    def of(cls, row: models.Operation) -> "Operation":
        return cls(row=row)

    @field
    def key(self, info: Info) -> IdempotencyKey | None:
        """The key; only its owner and ops:read ever read it."""
        return IdempotencyKey(self.row.key) if may_read_key(info.context, self.row) else None

    kind = column(OperationKind, "The mutation.")

    state = column(OperationState, "How far it has come.")

    effect = column(ProviderEffect, "What is known about money at Stripe.")

    attempts = column(int, "How often it was taken up: by the call itself, a retry, or the janitor.", of="attempt")

    created_at = column(datetime, "When the key was first used.")

    finished_at = column(datetime | None, "When it was decided; null until then.")

    expires_at = column(
        datetime, "The key replays until then. Afterwards it can still be looked up, but is never run again."
    )

    @field
    async def result(self, info: Info) -> OperationResult | None:
        """What it made or changed, as that stands now."""
        row = await visible_result(info.context, self.row)
        match row:
            case models.Refund():
                return Refund.of(row)
            case models.Payment():
                return Payment.of(row)
            case models.Order():
                return Order.of(row)
            case models.SetupIntent():
                return SetupIntent.of(row)
            case _:
                return None

    @field
    def error(self, info: Info) -> UserError | None:
        """Why it failed; null unless it did."""
        stored = self.row.error
        return stored_error(info, stored, request_id=self.row.request_id) if stored is not None else None

    @field
    def review(self, info: Info) -> "OperationReview | None":
        """Who settled it by hand, and on what evidence, for ops:read; null unless somebody did."""
        record = operations.visible_review(info.context, self.row)
        return OperationReview(record=record) if record is not None else None

    request_fingerprint = column(
        str, "SHA-256 of the normalised input, in hex: the same request has the same one.", of="fingerprint"
    )


@strawberry.type(
    description="What a person found out about an operation that Stripe could not tell the end of.",
    directives=PART_OF_A_ROW,
)
class OperationReview:
    """Wraps the record on the operation's row."""

    record: strawberry.Private[Mapping[str, Any]]

    @field
    def outcome(self) -> ReviewOutcome:
        """What they found."""
        return ReviewOutcome(self.record["outcome"])

    @field
    def evidence(self) -> str:
        """How they found it, in their words."""
        return str(self.record["evidence"])

    @field
    def stripe_id(self) -> str | None:
        """The payment or refund at Stripe that they found."""
        return self.record["stripe_id"]  # type: ignore[no-any-return]  # a JSON record, written by services.money.manual_review

    @field
    def actor(self) -> Actor:
        """Who."""
        return Actor.of(caller.Actor.from_record(self.record["by"]))

    @field
    def at(self) -> datetime:
        """When."""
        return datetime.fromisoformat(self.record["at"])
