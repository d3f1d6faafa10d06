"""Ids as the outside sees them: TypeIDs such as `payment_01h455vb4pex5vsknk084sn02q`, with a UUIDv7 inside."""

from enum import StrEnum
from uuid import UUID

import uuid_utils
from typeid import TypeID
from typeid.errors import TypeIDException


class Kind(StrEnum):
    """The prefixes."""

    ORDER = "order"
    PAYMENT = "payment"
    REFUND = "refund"
    OPERATION = "operation"
    EVENT = "event"
    WEBHOOK = "webhook"
    CUSTOMER = "customer"
    DISPUTE = "dispute"
    RUN = "run"
    DISCREPANCY = "discrepancy"


LONGEST = 64


def new_id() -> UUID:
    """A fresh UUIDv7: sorts by the time it was made."""
    return UUID(int=uuid_utils.uuid7().int)


def encode(kind: Kind, value: UUID) -> str:
    """The TypeID of a row."""
    return str(TypeID.from_uuid(prefix=kind.value, suffix=uuid_utils.UUID(int=value.int)))


def decode(text: str, kind: Kind | None = None) -> tuple[Kind, UUID] | None:
    """The kind and row id in a TypeID, or None for anything that is not one (of that kind). Never raises."""
    if len(text) > LONGEST or not text.isascii():
        return None
    prefix = text.partition("_")[0]
    if prefix not in set(Kind) or (kind is not None and prefix != kind.value):
        return None
    try:
        value = TypeID.from_string(text).uuid
    except (TypeIDException, ValueError):
        return None
    return Kind(prefix), UUID(int=value.int)
