"""Ids as the outside sees them: TypeIDs such as `payment_01h455vb4pex5vsknk084sn02q`, with a UUIDv7 inside."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
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
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
RANDOM_BITS: Final = 80  # of a UUIDv7, after its 48 bits of milliseconds; RFC 9562, 5.7


def new_id() -> UUID:
    """A fresh UUIDv7: sorts by the time it was made."""
    return UUID(int=uuid_utils.uuid7().int)


def first_id_at(moment: datetime) -> UUID:
    """What every id that `new_id` made at this moment or later sorts after."""
    return UUID(int=(moment - EPOCH) // timedelta(milliseconds=1) << RANDOM_BITS)


def made_at(value: UUID) -> datetime:
    """When `new_id` made this id, to the millisecond."""
    return EPOCH + timedelta(milliseconds=value.int >> RANDOM_BITS)


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
