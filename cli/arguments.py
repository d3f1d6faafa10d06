"""Types of the options: each says in one sentence what is allowed, and never repeats the rejected value."""

import os
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

HIGHEST_PORT: Final = 65_535
USUAL_PORT: Final = 8000
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
LONGEST_TTL: Final = int(timedelta(days=3650).total_seconds())
STRIPE_EVENT: Final = re.compile(r"evt_[A-Za-z0-9_]{1,250}", re.ASCII)
STRIPE_INTENT: Final = re.compile(r"pi_[A-Za-z0-9]{1,250}", re.ASCII)
HOST: Final = re.compile(r"[0-9A-Za-z.:_%-]{1,253}", re.ASCII)


def whole_number(lowest: int, highest: int, *, of: str = "", also: str = "") -> Callable[[str], int]:
    """Make the type of a whole number of `of` within these bounds; `also` names another way to pass it."""
    allowed = f"must be a whole number{of and f' of {of}'} from {lowest} to {highest}{also}"

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(highest))):
            raise ArgumentTypeError(allowed)
        number = int(text)
        if not lowest <= number <= highest:
            raise ArgumentTypeError(allowed)
        return number

    return read


def add_port(parser: ArgumentParser, *, help: str) -> None:
    """Add --port, which may also be set by PORT in the environment."""
    parser.add_argument(
        "--port",
        type=whole_number(1, HIGHEST_PORT, also=", here or in PORT"),
        default=os.environ.get("PORT") or str(USUAL_PORT),  # parsed like the option, and only by these commands
        metavar="PORT",
        help=f"{help}; PORT in the environment, or {USUAL_PORT}, if not given",
    )


def log_level(text: str) -> str:
    """Parse the name of a level, in any case."""
    if text.upper() not in LOG_LEVELS:
        raise ArgumentTypeError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def moment(text: str) -> datetime:
    """Parse a moment in ISO 8601; UTC when it has no offset."""
    try:
        found = datetime.fromisoformat(text)
        found = found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        found = None
    if found is None or not EARLIEST <= found < LATEST:
        raise ArgumentTypeError(
            "must be a moment in ISO 8601 since 2000, as 2026-01-31T00:00 or 2026-01-31T00:00+01:00"
        )
    return found


def event_id(text: str) -> str:
    """Parse Stripe's id of an event."""
    if STRIPE_EVENT.fullmatch(text) is None:
        raise ArgumentTypeError("must be Stripe's id of an event, as evt_1Nxyz")
    return text


def intent_id(text: str) -> str:
    """Parse Stripe's id of a payment."""
    if STRIPE_INTENT.fullmatch(text) is None:
        raise ArgumentTypeError("must be Stripe's id of a payment, as pi_1Nxyz")
    return text


def host(text: str) -> str:
    """Parse a name or an address to listen on."""
    if HOST.fullmatch(text) is None:
        raise ArgumentTypeError("must be a host's name or address, as 127.0.0.1 or ::")
    return text


def web_address(text: str) -> str:
    """Parse a web address, to send webhooks to."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.isprintable()
    except ValueError:  # an invalid port, half an IPv6 address
        usable = False
    if not usable or not text.isascii() or " " in text:
        raise ArgumentTypeError("must be an address of http or https, as http://127.0.0.1:8000/webhooks/stripe")
    return text
