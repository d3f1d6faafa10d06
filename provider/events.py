"""Stripe's events: the signature over the raw bytes, checked every time, and what an event says."""

import hashlib
import hmac
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.sensitive import without_secrets
from provider.translate import moment, short_text

TOLERANCE_SECONDS = 300  # Stripe's own default; both ways, so that a clock running ahead is noticed too
MAX_SIGNATURES = 10  # Stripe sends one for each live secret; more is somebody else's idea

# What must not be kept of a payload: secrets that move money, and people's addresses.
FORGOTTEN = frozenset(
    {
        "client_secret",
        "billing_details",
        "shipping",
        "receipt_email",
        "receipt_url",
        "receipt_number",
        "fingerprint",
        "email",
        "phone",
        "address",
        "ip",
        "customer_email_address",
        "customer_name",
        "evidence",
    }
)


class SignatureRefused(Exception):
    """Not signed by Stripe with a secret of ours, or not within the last five minutes."""


class EventRefused(Exception):
    """Signed, and still not an event that this endpoint can read."""


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """One event. `payload` is the event without secrets and personal data; it is what the inbox keeps."""

    id: str
    type: str
    livemode: bool
    account: str | None
    api_version: str | None
    created_at: datetime
    subject: str
    payload: dict[str, Any] = field(repr=False)

    @property
    def object(self) -> dict[str, Any]:
        """The object as it stood when the event was made."""
        return dict(self.payload["data"]["object"])


def verify_event(raw: bytes, header: str | None, *, secrets: Sequence[str], now: datetime) -> StripeEvent:
    """The event in these bytes, if Stripe signed them with one of `secrets` at most five minutes from `now`.

    Raises `SignatureRefused`, or `EventRefused` when the bytes are signed and not a snapshot event. The signature
    covers the raw body: a proxy that re-serialises, unzips or adds a newline breaks it. Source:
    docs.stripe.com/webhooks#verify-manually.
    """
    stamped, signatures = _parse_header(header)
    if abs(now.timestamp() - stamped) > TOLERANCE_SECONDS:
        raise SignatureRefused("timestamp outside the tolerance")
    message = str(stamped).encode() + b"." + raw
    genuine = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()
        for given in signatures:
            genuine |= hmac.compare_digest(expected, given)
    if not genuine:
        raise SignatureRefused("no signature matches")
    try:
        return event_from(json.loads(raw.decode(), parse_constant=_refuse_number, parse_float=_finite))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        pass
    raise EventRefused("not a snapshot event")


def event_from(data: dict[str, Any]) -> StripeEvent:
    """The event in this JSON object. Raises KeyError, TypeError or ValueError if it is not a snapshot event."""
    given, data = data, _forget(data)
    if (data["id"], data["type"]) != (given["id"], given["type"]):
        raise ValueError("not an event: a secret stands for its name")
    if data["object"] != "event" or not isinstance(data["livemode"], bool):
        raise ValueError("not an event")
    thing = data["data"]["object"]
    identity, kind = data["id"], data["type"]
    if not isinstance(thing, dict) or not all(
        isinstance(text, str) and 0 < len(text) <= 255 for text in (identity, kind)
    ):
        raise ValueError("not a snapshot event")
    intent = thing.get("payment_intent")
    subject = thing.get("id") if thing.get("object") == "payment_intent" else intent
    if isinstance(subject, dict):
        subject = subject.get("id")
    return StripeEvent(
        id=identity,
        type=kind,
        livemode=data["livemode"],
        account=short_text(data.get("account")),
        api_version=short_text(data.get("api_version")),
        created_at=moment(int(data["created"])),
        subject=str(subject or thing.get("id") or identity)[:255],
        payload=data,
    )


def _parse_header(header: str | None) -> tuple[int, list[bytes]]:
    if not header or len(header) > 4096 or not header.isascii():
        raise SignatureRefused("header missing or malformed")
    stamped: int | None = None
    signatures: list[bytes] = []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isdigit() and len(value) <= 12:
            stamped = int(value)
        elif name == "v1":
            signatures.append(value.encode())
    if stamped is None or not signatures or len(signatures) > MAX_SIGNATURES:
        raise SignatureRefused("header missing or malformed")
    return stamped, signatures


def _forget(value: Any) -> Any:
    """The same JSON without the keys that must not be stored, without secrets, addresses and card numbers in its texts,
    and without what PostgreSQL cannot hold: NUL, and half of a character. Raises ValueError for an integer beyond 64
    bits, which cannot be written back."""
    if isinstance(value, dict):
        return {
            name: _forget(v) for name, v in ((_forget(str(k)), v) for k, v in value.items()) if name not in FORGOTTEN
        }
    if isinstance(value, list):
        return [_forget(item) for item in value]
    if isinstance(value, str):
        return without_secrets(value.replace("\0", "").encode("utf-8", "replace").decode())
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("not an event: an integer beyond 64 bits")
    return value


def _refuse_number(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    """The number, unless it is too large for one: JSON has no word for infinity to write it back with."""
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def utc_now() -> datetime:
    return datetime.now(UTC)
