"""Who did something."""

import strawberry

from domain import caller
from schema.enums import ActorKind


@strawberry.type(description="Who did something, as the audit trail keeps it.")
class Actor:
    """Says no more than the reader may know."""

    kind: ActorKind = strawberry.field(description="What sort of actor.")
    id: strawberry.ID | None = strawberry.field(
        description="The subject of the actor's token; buyers read their own only."
    )
    label: str | None = strawberry.field(description="A name for people, where there is one.")

    @classmethod
    def of(cls, actor: caller.Actor) -> "Actor":
        return cls(
            kind=actor.kind,
            id=strawberry.ID(actor.id) if actor.id is not None else None,
            label=actor.label,
        )
