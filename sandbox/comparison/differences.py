"""The relevant differences of two answers to one call: status, keys, types, words, amounts and order."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sandbox.comparison.side import StripeAnswer

Json = dict[str, Any]

HEADERS: Final = ("idempotent-replayed", "stripe-should-retry")
PRESENT: Final = ("request-id", "original-request")  # their values differ by nature
# Fields that depend on the account, on the day, or that Paygraph does not read; the key says how a report omits them.
ACCOUNTS_OWN: Final = frozenset(
    {
        "calculated_statement_descriptor",
        "doc_url",
        "exchange_rate",
        "exp_month",
        "exp_year",
        "fee_details",
        "message",
        "payment_method_configuration_details",
        "payment_method_options",
        "payment_method_types",
        "pending_webhooks",
        "request",
        "request_log_url",
        "risk_score",
        "seller_message",
    }
)
BOOKED: Final = frozenset({"amount", "currency", "fee", "net"})  # in the account's own currency
_WORD: Final = re.compile(r"[a-z]+(_[a-z]+)*", re.ASCII)  # an enum value of Stripe's, not an id


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: its place, and the value on each side. Holds words, numbers and kinds, and never a secret."""

    call: str
    place: str
    stripe: str
    offline: str


def report(found: Iterable[Difference]) -> list[str]:
    """Report each difference in one line, with all the calls whose answers have it."""
    calls: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        calls.setdefault((one.place, one.stripe, one.offline), []).append(one.call)
    return [
        f"{place}: Stripe {stripe}, offline {offline} ({'; '.join(names)})"
        for (place, stripe, offline), names in calls.items()
    ]


def differences(call: str, stripe: StripeAnswer, offline: StripeAnswer) -> Iterator[Difference]:
    """Find every difference between two answers, ordered by place."""
    for place, theirs, ours in _places(stripe, offline):
        yield Difference(call, place, theirs, ours)


def _places(stripe: StripeAnswer, offline: StripeAnswer) -> Iterator[tuple[str, str, str]]:
    if stripe.status != offline.status:
        yield "HTTP status", str(stripe.status), str(offline.status)
    for name in HEADERS:
        theirs, ours = (answer.headers.get(name, "absent").lower() for answer in (stripe, offline))
        if theirs != ours:
            yield f"header {name}", theirs, ours
    for name in PRESENT:
        theirs, ours = ("present" if name in answer.headers else "absent" for answer in (stripe, offline))
        if theirs != ours:
            yield f"header {name}", theirs, ours
    if stripe.items != offline.items:
        yield "order of the list", _listed(stripe.items), _listed(offline.items)
    yield from _compared(stripe.body, offline.body, "")


def _compared(theirs: Any, ours: Any, place: str) -> Iterator[tuple[str, str, str]]:
    if _kind(theirs) != _kind(ours):
        yield place, _kind(theirs), _kind(ours)
    elif isinstance(theirs, dict):
        yield from _objects(theirs, ours, place)
    elif isinstance(theirs, list):
        if len(theirs) != len(ours):
            yield place, f"{len(theirs)} items", f"{len(ours)} items"
        for number, (one, other) in enumerate(zip(theirs, ours, strict=False)):
            yield from _compared(one, other, f"{place}[{number}]")
    elif _matters(theirs, ours, place) and theirs != ours:
        yield place, _shown(theirs), _shown(ours)


def _objects(theirs: Json, ours: Json, place: str) -> Iterator[tuple[str, str, str]]:
    is_booking = theirs.get("object") == "balance_transaction"
    for name in sorted(theirs.keys() | ours.keys()):
        where = f"{place}.{name}" if place else name
        if name in ACCOUNTS_OWN or (is_booking and name in BOOKED):
            if (name in theirs) != (name in ours):
                yield where, _there(name, theirs), _there(name, ours)
        elif name not in theirs or name not in ours:
            yield where, _there(name, theirs), _there(name, ours)
        else:
            yield from _compared(theirs[name], ours[name], where)


def _there(name: str, side: Json) -> str:
    return _kind(side[name]) if name in side else "absent"


def _matters(theirs: Any, ours: Any, place: str) -> bool:
    """Return True for a value that must agree: a boolean, an amount, a word of Stripe's, our own metadata."""
    name = place.rpartition(".")[2]
    if isinstance(theirs, bool):
        return True
    if isinstance(theirs, int | float):
        return name.startswith("amount")
    if ".metadata." in f".{place}":
        return True
    return any(_WORD.fullmatch(str(side)) for side in (theirs, ours)) and name != "client_secret"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _shown(value: Any) -> str:
    """Render a value for printing: a text that is not a plain word may be an address, an id or a secret."""
    return str(value) if not isinstance(value, str) or _WORD.fullmatch(value) else "another text"


def _listed(items: tuple[str, ...] | None) -> str:
    return "no list" if items is None else ", ".join(items) or "nothing"
