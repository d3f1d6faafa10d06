"""Which answer the client can read, and whether its body is JSON (RFC 9110)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from server.errors import refuse


class Media(StrEnum):
    """The media types of an answer."""

    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"


MAX_HEADER: Final = 4_096
MAX_RANGES: Final = 50


def choose_media(accept: Sequence[str]) -> Media:
    """The media type of the answer for these Accept headers; raises RequestRefused (406) when none will do.

    No header, or only wildcards: application/json, which every client reads. Named with equal weight:
    application/graphql-response+json, because its status codes say more.
    """
    header = ",".join(accept)
    if not header.strip():
        return Media.JSON
    if len(header) > MAX_HEADER:
        raise _not_acceptable()
    ranges = [_media_range(part) for part in header.split(",")[:MAX_RANGES]]
    response, named = _weight(Media.RESPONSE, ranges)
    plain, _ = _weight(Media.JSON, ranges)
    if response > plain or (named and response == plain and response > 0):
        return Media.RESPONSE
    if plain > 0:
        return Media.JSON
    raise _not_acceptable()


def is_json(content_types: Sequence[str]) -> bool:
    """Whether the body is declared as exactly application/json in UTF-8.

    By equality, never by substring: a type that a browser form can send must not pass, or a foreign page
    could post.
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


def _quality(text: str) -> float:
    """The weight of RFC 9110, 12.4.2; anything malformed weighs nothing."""
    whole, _, decimals = text.partition(".")
    if whole not in ("0", "1") or len(decimals) > 3 or not (decimals == "" or decimals.isdecimal()):
        return 0.0
    if not text.isascii():
        return 0.0
    return min(float(text.rstrip(".")), 1.0)


def _weight(media: Media, ranges: Sequence[tuple[str, float]]) -> tuple[float, bool]:
    """The weight of a media type by its most specific range, and whether it was named itself."""
    for kind in (media.value, "application/*", "*/*"):
        weights = [weight for named, weight in ranges if named == kind]
        if weights:
            return max(weights), kind == media.value
    return 0.0, False


def _not_acceptable() -> Exception:
    return refuse(
        f"Answers come as {Media.RESPONSE} or {Media.JSON}; the Accept header allows neither.",
        reason="NOT_ACCEPTABLE",
        status=406,
    )
