"""Content negotiation: the media type and the language of the answer, and the body's media type (RFC 9110)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from starlette.types import Scope

from server.http.errors import RequestRefused, refuse


class Media(StrEnum):
    """The media types of an answer."""

    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"


class StreamMedia(StrEnum):
    """The media types of a stream of answers."""

    EVENTS = "text/event-stream"
    MULTIPART = "multipart/mixed"


@dataclass(frozen=True, slots=True)
class Acceptable:
    """The answers that the client can read: one as `single`, a subscription as `stream`; at least one is set.

    `events_first`: the client wants even a single answer as server-sent events.
    """

    single: Media | None
    stream: StreamMedia | None = None
    events_first: bool = False


SUBSCRIPTION_SPEC: Final = "1.0"  # Of Apollo's multipart protocol; other multipart responses have another format.
MAX_HEADER: Final = 4_096
MAX_RANGES: Final = 50
MAX_LANGUAGES: Final = 20  # browsers send six at most
LONGEST_REMEMBERED: Final = 512


def header_values(scope: Scope, name: bytes) -> list[str]:
    """Return the values of a header by its name in lower case, as ASGI servers pass them."""
    return [value.decode("latin-1") for field, value in scope["headers"] if field == name]


def choose_media(accept: Sequence[str]) -> Media:
    """Choose the media type of the answer for these Accept headers; raises RequestRefused (406) when none will do.

    No header, or only wildcards: application/json, which every client reads. Named with equal weight:
    application/graphql-response+json, because its status codes say more.
    """
    header = ",".join(accept)
    if not header.strip():
        return Media.JSON
    if len(header) > MAX_HEADER:
        raise not_acceptable()
    ranges = [_media_range(part) for part in header.split(",")[:MAX_RANGES]]
    response, named = _weight(Media.RESPONSE, ranges)
    plain, _ = _weight(Media.JSON, ranges)
    if response > plain or (named and response == plain and response > 0):
        return Media.RESPONSE
    if plain > 0:
        return Media.JSON
    raise not_acceptable()


def read_accept(accept: Sequence[str]) -> Acceptable:
    """Read the Accept headers; raises RequestRefused (406) when they accept nothing that can be sent.

    A stream must be named: wildcards do not select it. It comes first when it weighs more than every single answer, or
    as much and is named before them: urql names it last for queries, and wants JSON.
    """
    headers = tuple(accept)
    return _remembered(headers) if sum(map(len, headers)) <= LONGEST_REMEMBERED else _read(headers)


def _read(accept: tuple[str, ...]) -> Acceptable:
    stream, weight, place = _best_stream(accept)
    if stream is None:
        return Acceptable(choose_media(accept))
    events = stream is StreamMedia.EVENTS
    ranges = [_media_range(part) for part in ",".join(accept).split(",")[:MAX_RANGES]]
    single = max(_weight(media, ranges)[0] for media in Media)
    if single == 0:
        return Acceptable(None, stream, events)
    named = next((at for at, (kind, _) in enumerate(ranges) if kind in tuple(Media)), MAX_RANGES)
    first = weight > single or (weight == single and place < named)
    return Acceptable(choose_media(accept), stream, events and first)


_remembered: Final = lru_cache(maxsize=256)(_read)  # every program repeats its own header


def read_languages(accept_language: Sequence[str]) -> tuple[str, ...]:
    """Read the Accept-Language headers: the tags that the client accepts, best first. Never raises.

    No header, or one that is longer than any browser's, accepts none. Tags are not checked.
    """
    headers = tuple(accept_language)
    return _remembered_languages(headers) if 0 < sum(map(len, headers)) <= LONGEST_REMEMBERED else ()


@lru_cache(maxsize=256)
def _remembered_languages(accept_language: tuple[str, ...]) -> tuple[str, ...]:
    ranges = [_language_range(part) for part in ",".join(accept_language).split(",")[:MAX_LANGUAGES]]
    accepted = [(weight, tag) for tag, weight in ranges if tag and weight > 0]
    return tuple(tag for _, tag in sorted(accepted, key=lambda one: -one[0]))  # of equals, the first comes first


def is_json(content_types: Sequence[str]) -> bool:
    """Return True when the body is declared as exactly application/json in UTF-8.

    Compared by equality, never by substring: a type that a browser form can send must not pass, or a foreign page could
    post.
    """
    if len(content_types) != 1:
        return False
    kind, _, parameters = content_types[0].partition(";")
    if kind.strip().lower() != Media.JSON.value:
        return False
    if not parameters.strip():
        return True
    name, _, value = parameters.partition("=")
    return name.strip().lower() == "charset" and value.strip().strip('"').lower() == "utf-8"


def _media_range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            weight = _quality(value.strip())
        elif name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "*"):
            weight = 0.0
    return kind, weight


def _language_range(part: str) -> tuple[str, float]:
    tag, _, parameter = part.partition(";")
    name, _, value = parameter.partition("=")
    return tag.strip(), _quality(value.strip()) if name.strip().lower() == "q" else 1.0


def _best_stream(accept: Sequence[str]) -> tuple[StreamMedia | None, float, int]:
    """Return the stream type with the most weight, the first of equals, with its weight and its position."""
    header = ",".join(accept)
    best: tuple[StreamMedia | None, float, int] = (None, 0.0, MAX_RANGES)
    for place, part in enumerate(header.split(",")[:MAX_RANGES] if len(header) <= MAX_HEADER else ()):
        kind, weight = _media_range(part)
        if weight > best[1] and (kind == StreamMedia.EVENTS or _is_subscription_multipart(kind, part)):
            best = (StreamMedia(kind), weight, place)
    return best


def _is_subscription_multipart(kind: str, part: str) -> bool:
    parameters = (parameter.partition("=") for parameter in part.split(";")[1:])
    options = {name.strip().lower(): value.strip().strip('"') for name, _, value in parameters}
    return kind == StreamMedia.MULTIPART and options.get("subscriptionspec") == SUBSCRIPTION_SPEC


def _quality(text: str) -> float:
    """Read the weight of RFC 9110, 12.4.2; a malformed one is 0."""
    whole, _, decimals = text.partition(".")
    if whole not in ("0", "1") or len(decimals) > 3 or not (decimals == "" or decimals.isdecimal()):
        return 0.0
    if not text.isascii():
        return 0.0
    return min(float(text.rstrip(".")), 1.0)


def _weight(media: Media, ranges: Sequence[tuple[str, float]]) -> tuple[float, bool]:
    """Return the weight of a media type by its most specific range, and whether the range names it exactly."""
    for kind in (media.value, "application/*", "*/*"):
        weights = [weight for named, weight in ranges if named == kind]
        if weights:
            return max(weights), kind == media.value
    return 0.0, False


def not_acceptable() -> RequestRefused:
    """Refuse with 406: the client accepts no media type that this API sends."""
    return refuse(
        f"Answers come as {Media.RESPONSE} or {Media.JSON}, subscriptions as {StreamMedia.EVENTS} or "
        f"{StreamMedia.MULTIPART};subscriptionSpec={SUBSCRIPTION_SPEC}; the Accept header allows none.",
        reason="NOT_ACCEPTABLE",
        status=406,
    )
