"""Public ids: TypeIDs such as `payment_01h455vb4pex5vsknk084sn02q`, with a UUID inside.

The UUID has version 7, or version 8 where a repeated request must reach the id that it had. The format is
github.com/jetify-com/typeid's: 128 bits as 26 digits of Crockford's base 32, the first of them at most 7. A page holds
hundreds of ids, so they are encoded here, which is faster than a library.
"""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import uuid_utils


class Kind(StrEnum):
    """The prefixes."""

    ORDER = "order"
    PAYMENT = "payment"
    REFUND = "refund"
    OPERATION = "operation"
    EVENT = "event"
    WEBHOOK = "webhook"
    CUSTOMER = "customer"
    METHOD = "method"
    SETUP = "setup"
    DISPUTE = "dispute"
    RUN = "run"
    DISCREPANCY = "discrepancy"


_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(one + other for one in _DIGITS for other in _DIGITS)  # ten bits each
_THREE: Final = tuple(pair + one for pair in _PAIRS for one in _DIGITS)  # fifteen bits each
_SUFFIX: Final = re.compile(f"[0-7][{_DIGITS}]{{25}}")
_TO_BASE_32: Final = str.maketrans(_DIGITS, "0123456789abcdefghijklmnopqrstuv")
_PREFIXES: Final = {kind: f"{kind.value}_" for kind in Kind}
_KINDS: Final = {kind.value: kind for kind in Kind}
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
RANDOM_BITS: Final = 80  # of a UUIDv7, after its 48 bits of milliseconds; RFC 9562, 5.7


def new_id() -> UUID:
    """Return a new UUIDv7, which sorts by the time it was made."""
    return UUID(int=uuid_utils.uuid7().int)


def derived_id(*parts: str) -> UUID:
    """Return the id of these texts, in this order: always equal for equal texts. A UUIDv8, RFC 9562, 5.8.

    The id is a digest over the texts with their bounds, so that no two lists of texts share one; it reveals nothing of
    the texts.
    """
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()[:16]
    bits = int.from_bytes(digest) & ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=bits | 0x8 << 76 | 0x2 << 62)


def new_hex() -> str:
    """Return a UUIDv7 as 32 hexadecimal digits, for ids of no row: half the price of a UUID and its `hex`."""
    return uuid_utils.uuid7().hex


def first_id_at(moment: datetime) -> UUID:
    """Return the least id that `new_id` makes at this moment or later."""
    return UUID(int=(moment - EPOCH) // timedelta(milliseconds=1) << RANDOM_BITS)


def made_at(value: UUID) -> datetime:
    """Return the moment at which `new_id` made this id, to the millisecond."""
    return EPOCH + timedelta(milliseconds=value.int >> RANDOM_BITS)


def encode(kind: Kind, value: UUID) -> str:
    """Return the TypeID of a row."""
    bits, three = value.int, _THREE
    high = f"{_PAIRS[bits >> 120]}{three[bits >> 105 & 32767]}{three[bits >> 90 & 32767]}{three[bits >> 75 & 32767]}"
    middle = f"{three[bits >> 60 & 32767]}{three[bits >> 45 & 32767]}{three[bits >> 30 & 32767]}"
    return f"{_PREFIXES[kind]}{high}{middle}{three[bits >> 15 & 32767]}{three[bits & 32767]}"


def decode(text: str, kind: Kind | None = None) -> tuple[Kind, UUID] | None:
    """Return the kind and row id in a TypeID, or None for any other text, or another kind. Never raises."""
    prefix, _, suffix = text.partition("_")
    found = _KINDS.get(prefix)
    if found is None or (kind is not None and found is not kind) or _SUFFIX.fullmatch(suffix) is None:
        return None
    return found, UUID(int=int(suffix.translate(_TO_BASE_32), 32))


def row_id(text: str, kind: Kind) -> UUID | None:
    """Return the row id in a client's TypeID of this kind; None for a malformed id or another kind."""
    decoded = decode(text, kind)
    return decoded[1] if decoded is not None else None
