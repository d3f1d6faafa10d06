"""From the ids that clients send to row ids. What is malformed or of another kind is simply not there."""

from uuid import UUID

from domain.ids import Kind, decode


def row_id(text: str, kind: Kind) -> UUID | None:
    """The row id in a TypeID of this kind, or None."""
    decoded = decode(text, kind)
    return decoded[1] if decoded is not None else None
