"""The reading of one GraphQL request from HTTP: a malformed one is refused, never a crash, never beyond the cap."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope

from domain.cards import contains_card_number
from domain.sensitive import MARKS, is_sensitive_even_as_id
from server.graphql.query_cost import Limits
from server.http.errors import refuse, sensitive_data
from server.http.negotiation import header_values, is_json

SHORTEST_CARD: Final = 12
MAX_PARAMETERS: Final = 16
DOCUMENT_ID: Final = re.compile(r"(?:sha256:)?(?P<hash>[0-9a-f]{64})")
DIGITS: Final = b"0123456789"
# A separator that is no digit or letter, and part of no secret or address: texts joined by it are scanned separately.
BETWEEN: Final = "\0"
FEWEST_DIGITS, MOST_DIGITS = 10**13, 10**19  # of numbers that are as long as card numbers
SECRET_MARKS: Final = tuple(mark.encode() for mark in MARKS)


class ClientGone(Exception):
    """The client disconnected before its request was complete; there is nobody to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQLRequest:
    """One operation as the client sent it; types are checked, the document is not.

    The document is sent as its text, as its SHA-256 in hexadecimal, or as both.
    """

    query: str | None
    document_hash: str | None = None
    operation_name: str | None
    variables: Mapping[str, object]
    extensions: Mapping[str, object] | None


async def read_request(scope: Scope, receive: Receive, limits: Limits) -> GraphQLRequest:
    """Read the GraphQL request of a GET or POST.

    Raises RequestRefused, or ClientGone when the client has disconnected.
    """
    if scope["method"] == "GET":
        return _from_query_string(scope["query_string"], limits)
    if not is_json(header_values(scope, b"content-type")):
        raise refuse(
            "The body must be sent with Content-Type: application/json.",
            reason="UNSUPPORTED_MEDIA_TYPE",
            status=415,
        )
    encodings = header_values(scope, b"content-encoding")
    if encodings and encodings[0].strip().lower() != "identity":
        raise refuse("The body must not be compressed.", reason="UNSUPPORTED_ENCODING", status=415)
    body = await read_body(scope, receive, max_bytes=limits.body_bytes, seconds=limits.body_seconds)
    return _from_body(body, limits)


async def read_body(scope: Scope, receive: Receive, *, max_bytes: int, seconds: float) -> bytes:
    """Read the whole body, at most `max_bytes`, arriving within `seconds`.

    Raises RequestRefused: 413 as soon as the body is known to be larger (declared or counted), 408 when it stalls.
    """
    declared = next(iter(header_values(scope, b"content-length")), "")
    if declared.isascii() and declared.isdecimal() and (len(declared) > 18 or int(declared) > max_bytes):
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise refuse(
            "The body did not arrive in time.",
            reason="BODY_TIMEOUT",
            status=408,
            headers={"Connection": "close"},
        ) from None


def _from_body(body: bytes, limits: Limits) -> GraphQLRequest:
    try:
        parsed: object = orjson.loads(body)
    except ValueError:
        raise refuse("The body is not valid JSON in UTF-8.", reason="INVALID_JSON") from None
    if isinstance(parsed, list):
        raise refuse("Batches are not accepted; send one operation per request.", reason="BATCH_NOT_ALLOWED")
    if not isinstance(parsed, dict):
        raise refuse("The body must be a JSON object.", reason="INVALID_REQUEST")
    check_values(_beside_document(parsed), limits, nothing_hidden=hides_nothing(body))
    return _request(parsed)


def _from_query_string(query_string: bytes, limits: Limits) -> GraphQLRequest:
    if len(query_string) > limits.body_bytes:
        raise refuse("The query string is too long.", reason="QUERY_STRING_TOO_LONG", status=414)
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        raise refuse("The query string is not valid UTF-8.", reason="INVALID_REQUEST") from None
    parameters: dict[str, object] = {}
    for name, text in pairs:
        if name in parameters:
            raise refuse("A parameter of the query string is repeated.", reason="INVALID_REQUEST")
        parameters[name] = text
    for name in ("variables", "extensions"):
        raw = parameters.get(name)
        if raw == "":
            parameters[name] = None
        elif isinstance(raw, str):
            try:
                parameters[name] = orjson.loads(raw)
            except ValueError:
                raise refuse(f"'{name}' is not valid JSON.", reason="INVALID_JSON") from None
    return request_of(parameters, limits)


def request_of(parameters: Mapping[str, object], limits: Limits) -> GraphQLRequest:
    """Make a GraphQL request of these members of a JSON object or query string. Raises RequestRefused."""
    check_values(_beside_document(parameters), limits)
    return _request(parameters)


def _request(parameters: Mapping[str, object]) -> GraphQLRequest:
    """Check the types of the four known members; unknown ones are ignored, as GraphQL over HTTP requires."""
    document_hash = _document_hash(parameters)
    query = parameters.get("query")
    if (query is None or query == "") and document_hash is not None:
        query = None
    elif not isinstance(query, str) or not query.strip():
        raise refuse("'query' must be a text with a GraphQL document.", reason="INVALID_REQUEST")
    name = parameters.get("operationName")
    if name is not None and not isinstance(name, str):
        raise refuse("'operationName' must be a text or null.", reason="INVALID_REQUEST")
    variables = parameters.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise refuse("'variables' must be an object or null.", reason="INVALID_REQUEST")
    extensions = parameters.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise refuse("'extensions' must be an object or null.", reason="INVALID_REQUEST")
    return GraphQLRequest(
        query=query,
        document_hash=document_hash,
        operation_name=name or None,
        variables=variables or {},
        extensions=extensions,
    )


def _document_hash(parameters: Mapping[str, object]) -> str | None:
    """Return the hash of the document, from `documentId` or in Apollo's form; None without one."""
    document_id, persisted = parameters.get("documentId"), _persisted(parameters)
    if document_id is None and persisted is None:
        return None
    if document_id is not None and persisted is not None:
        raise refuse("Send either 'documentId' or 'extensions.persistedQuery'.", reason="INVALID_REQUEST")
    name = document_id if persisted is None else persisted
    if isinstance(name, str) and (found := DOCUMENT_ID.fullmatch(name)):
        return found["hash"]
    where = "'documentId'" if persisted is None else "'extensions.persistedQuery.sha256Hash'"
    raise refuse(f"{where} must be the SHA-256 of a document: 64 hexadecimal digits.", reason="INVALID_REQUEST")


def _persisted(parameters: Mapping[str, object]) -> object:
    extensions = parameters.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    return persisted.get("sha256Hash", "") if isinstance(persisted, dict) else persisted


def _beside_document(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return all but the document, which is checked when it is parsed, and its hash, which may look like anything."""
    beside = {name: value for name, value in parameters.items() if name != "query"}
    if _is_hash(beside.get("documentId")):
        del beside["documentId"]
    extensions = beside.get("extensions")
    if isinstance(extensions, dict) and _is_hash(_persisted(parameters)):
        persisted = {name: value for name, value in extensions["persistedQuery"].items() if name != "sha256Hash"}
        beside["extensions"] = {**extensions, "persistedQuery": persisted}
    return beside


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and DOCUMENT_ID.fullmatch(value) is not None


def check_values(value: object, limits: Limits, *, nothing_hidden: bool = False) -> None:
    """Raise RequestRefused for too many values, too deep nesting, or a secret among the values.

    A card number or a secret is refused as a text, a key or a number. Free text is checked more closely where it is
    used, because it is not known here which texts are ids. `nothing_hidden` says that the bytes hold none. All texts
    are scanned as one.
    """
    texts: list[str] = []
    numbers: list[str] = []
    waiting: list[tuple[object, int]] = [(value, 0)]
    left = limits.request_values
    for container, depth in waiting:  # it grows meanwhile
        if depth > limits.value_depth:
            raise _too_deep()
        entries: Iterable[object] = container if isinstance(container, list) else (container,)
        if isinstance(container, dict):
            texts.extend(container)
            entries = container.values()
        left -= len(container) if isinstance(container, (dict, list)) else 1
        if left < 0:
            raise _too_many(limits.request_values)
        for entry in entries:
            if isinstance(entry, str):
                texts.append(entry)
            elif isinstance(entry, (dict, list)):
                waiting.append((entry, depth + 1))
            elif isinstance(entry, (int, float)) and FEWEST_DIGITS <= abs(entry) < MOST_DIGITS:
                numbers.append(str(int(abs(entry))))
    if nothing_hidden:
        return
    if is_sensitive_even_as_id(BETWEEN.join(texts)) or contains_card_number(BETWEEN.join(numbers)):
        raise sensitive_data()


def hides_nothing(body: bytes) -> bool:
    """Return True when one scan of the bytes shows that they hold neither a card number nor a secret."""
    if not body.isascii() or b"\\" in body or _digits_in(body) >= SHORTEST_CARD:
        return False
    return not any(mark in body for mark in SECRET_MARKS)


def _digits_in(body: bytes) -> int:
    return len(body) - len(body.translate(None, DIGITS))


def _too_deep() -> Exception:
    return refuse("The request is nested too deeply.", reason="NESTED_TOO_DEEPLY")


def _too_many(allowed: int) -> Exception:
    return refuse(f"The request holds too many values; {allowed} are allowed.", reason="TOO_MANY_VALUES")


def _too_large(max_bytes: int) -> Exception:
    return refuse(
        f"The body is too large; {max_bytes} bytes are allowed.",
        reason="BODY_TOO_LARGE",
        status=413,
        headers={"Connection": "close"},
    )
