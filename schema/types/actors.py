"""The viewer, and actors of the audit trail."""

import strawberry

from domain import caller as domain
from resolvers import viewer
from schema.directives import PART_OF_A_ROW
from schema.enums import ActorKind
from schema.fields import Info, field
from schema.types.orders import Customer


@strawberry.type(
    description="Who did something, as the audit trail keeps it. It has no id: a buyer and a clerk may have the same"
    " subject, and are two.",
    directives=PART_OF_A_ROW,
)
class Actor:
    """Says no more than the reader may know."""

    kind: ActorKind = strawberry.field(description="What sort of actor.")
    subject: str | None = strawberry.field(
        description="The `sub` of the actor's token; buyers read their own only. No identity without the kind."
    )
    label: str | None = strawberry.field(description="A name for people, where there is one.")

    @classmethod
    def of(cls, actor: domain.Actor) -> "Actor":
        return cls(kind=actor.kind, subject=actor.id, label=actor.label)


@strawberry.type(description="Who you are here, and what you may do.")
class Viewer:
    """Wraps the caller."""

    caller: strawberry.Private[domain.Caller]

    @classmethod
    def of(cls, caller: domain.Caller) -> "Viewer":
        return cls(caller=caller)

    @field
    def actor(self) -> Actor:
        """You, as the audit trail names you."""
        return Actor.of(viewer.actor_of(self.caller))

    @field
    def scopes(self) -> list[str]:
        """What your token allows, in alphabetical order; empty for a view token."""
        return viewer.scopes_of(self.caller)

    @field
    async def customer(self, info: Info) -> Customer | None:
        """You as a customer, for a buyer whom an order has named."""
        row = await viewer.customer(info.context)
        return Customer.of(row) if row is not None else None

    @field
    def livemode(self, info: Info) -> bool:
        """Whether real money moves here."""
        return info.context.runner.provider.livemode
