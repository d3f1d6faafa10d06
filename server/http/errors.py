"""Errors as a client may read them, and error reports that only the operators may read.

Masking is an allow-list: a message is shown to the client only when it was written for clients (a refused request, a
mistake in the document or its variables, a `DomainError`). Everything else is a bug and is logged once.
`extensions.code` has Apollo's codes; the finer `extensions.reason` is ours.
"""

import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog
from graphql import GraphQLError

from database.transactions import DatabaseUnavailable
from domain.errors import DomainError, ErrorCode
from resolvers.subscriptions import TokenExpired
from server.http.redaction import redact_text
from services.live.replay_buffer import ConsumerLagged, StreamClosed, StreamEnded

log = structlog.stdlib.get_logger("server.errors")

MASKED_MESSAGE = "Something went wrong on our side."
MASKED_REASON = "INTERNAL_ERROR"
UNAVAILABLE_MESSAGE = "The service cannot be reached right now. Try again with the same idempotency key."


class Code(StrEnum):
    """The values of `extensions.code`."""

    BAD_REQUEST = "BAD_REQUEST"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One entry of `errors`, safe to show to the client."""

    message: str
    code: Code
    reason: str
    retryable: bool = False
    path: tuple[str | int, ...] | None = None
    locations: tuple[tuple[int, int], ...] = ()

    def to_json(self, request_id: str) -> dict[str, object]:
        """Render the error in GraphQL's response format, with the request id."""
        entry: dict[str, object] = {"message": self.message}
        if self.locations:
            entry["locations"] = [{"line": line, "column": column} for line, column in self.locations]
        if self.path is not None:
            entry["path"] = list(self.path)
        extensions: dict[str, object] = {"code": self.code.value, "reason": self.reason, "requestId": request_id}
        if self.retryable:
            extensions["retryable"] = True
        entry["extensions"] = extensions
        return entry


class RequestRefused(Exception):
    """A request refused before execution: the answer has `errors`, and no `data` unless `has_data` says so.

    `status` is used with application/graphql-response+json. `json_status` is used with application/json, where GraphQL
    over HTTP requires 200 for every well-formed request; it defaults to `status`. `has_data` stands for an execution
    that would have failed for each field: `data` has their nulls, or is null itself.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        *,
        status: int = 400,
        json_status: int | None = None,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, object] | None = None,
        has_data: bool = False,
        data: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(problems[0].reason)
        self.problems = tuple(problems)
        self.status = status
        self.json_status = status if json_status is None else json_status
        self.headers = dict(headers or {})
        self.extensions = extensions
        self.has_data = has_data
        self.data = data


def refuse(
    message: str,
    *,
    reason: str,
    code: Code = Code.BAD_REQUEST,
    status: int = 400,
    json_status: int | None = None,
    headers: Mapping[str, str] | None = None,
    retryable: bool = False,
    extensions: Mapping[str, object] | None = None,
) -> RequestRefused:
    """Make a refusal with one problem."""
    problem = Problem(message=message, code=code, reason=reason, retryable=retryable)
    return RequestRefused([problem], status=status, json_status=json_status, headers=headers, extensions=extensions)


def unavailable() -> RequestRefused:
    """Refuse because the database cannot be reached: 503. Nothing ran, so the request is safe to repeat."""
    problem = Problem(
        message=UNAVAILABLE_MESSAGE,
        code=Code.INTERNAL_SERVER_ERROR,
        reason="SERVICE_UNAVAILABLE",
        retryable=True,
    )
    return RequestRefused([problem], status=503, headers={"Retry-After": "1"})


def sensitive_data() -> RequestRefused:
    """Refuse a request that holds a card number or a secret, without repeating it. Nothing runs."""
    return refuse(
        "The request contains what looks like a card number or a secret (a key, a token, a client secret). Card data "
        "goes to Stripe directly, and secrets nowhere. An id of 14 to 19 digits may look like a card number; letters "
        "between its digits help.",
        reason=ErrorCode.SENSITIVE_DATA_REFUSED.value,
        code=Code.BAD_USER_INPUT,
    )


def document_problems(errors: Iterable[GraphQLError], code: Code) -> list[Problem]:
    """Describe mistakes found before execution, with the client's values removed from the messages."""
    return [_client_mistake(error, code) for error in errors]


def execution_problems(errors: Iterable[GraphQLError], *, anonymous: bool, operation: str) -> list[Problem]:
    """Describe the errors of an execution as the client may see them; each masked error is logged once.

    `anonymous` turns a missing permission into UNAUTHENTICATED: signing in may help.
    """
    problems: list[Problem] = []
    logged: set[int] = set()
    for error in errors:
        if error.path is None:
            problems.append(_client_mistake(error, Code.BAD_USER_INPUT))
            continue
        problem = _known_failure(error, anonymous=anonymous)
        if problem is None:
            cause = _cause(error) or error
            if id(cause) not in logged:
                logged.add(id(cause))
                report_bug("graphql.field_failed", cause, operation=operation)
            problem = _located(error, MASKED_MESSAGE, Code.INTERNAL_SERVER_ERROR, reason=MASKED_REASON)
        problems.append(problem)
    return problems


def is_unavailable(problems: Sequence[Problem]) -> bool:
    """Return True when every problem is that the database cannot be reached."""
    return bool(problems) and all(problem.reason == "SERVICE_UNAVAILABLE" for problem in problems)


def masked() -> Problem:
    """Return the problem shown to a client in place of a bug."""
    return Problem(message=MASKED_MESSAGE, code=Code.INTERNAL_SERVER_ERROR, reason=MASKED_REASON)


def report_bug(event: str, error: BaseException, **ids: str) -> None:
    """Log a failure: types and stack frames of the whole chain, never messages or values.

    Messages of exceptions hold bodies, rows and client secrets.
    """
    log.error(event, failure=describe_failure(error), **ids)


def describe_failure(error: BaseException) -> list[dict[str, object]]:
    """Describe an exception and its causes by type and stack, without any text that may hold a value."""
    return [
        {
            "type": f"{type(link).__module__}.{type(link).__qualname__}",
            "stack": [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(link.__traceback__)[-30:]
            ],
        }
        for link in _chain(error)
    ]


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(seen) < 10:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _cause(error: GraphQLError) -> Exception | None:
    """Return the exception that a resolver or a scalar raised, or None for an error of graphql-core's own."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


# The reasons for which a subscription ends: the client subscribes again with its last sequence or cursor.
_ENDINGS: Mapping[type[StreamEnded], tuple[str, str]] = {
    ConsumerLagged: (
        "FELL_BEHIND",
        "You take events more slowly than they come. Subscribe again after the last one seen.",
    ),
    StreamClosed: ("SERVER_RESTARTING", "The server is restarting. Subscribe again after the last event seen."),
}


def _known_failure(error: GraphQLError, *, anonymous: bool) -> Problem | None:
    cause = _cause(error)
    if isinstance(cause, StreamEnded):
        reason, message = _ENDINGS[type(cause)]
        return _located(error, message, Code.INTERNAL_SERVER_ERROR, reason=reason, retryable=True)
    if isinstance(cause, TokenExpired):
        return _located(error, cause.message, Code.UNAUTHENTICATED, reason="TOKEN_EXPIRED")
    if isinstance(cause, DomainError):
        code = domain_code(cause.code, anonymous=anonymous)
        return _located(error, cause.message, code, reason=cause.code.value, retryable=cause.retryable)
    if isinstance(cause, DatabaseUnavailable):
        return _located(
            error,
            UNAVAILABLE_MESSAGE,
            Code.INTERNAL_SERVER_ERROR,
            reason="SERVICE_UNAVAILABLE",
            retryable=True,
        )
    # A nullable variable in a non-null position, or a literal that only execution coerces: graphql-core names the
    # argument first. Any other GraphQLError with a path came from our code and would say too much.
    if error.message.startswith("Argument '"):
        return _client_mistake(error, Code.BAD_USER_INPUT)
    return None


_OUR_SIDE = frozenset({"PROVIDER_UNAVAILABLE", "PROVIDER_REJECTED", "OUTCOME_UNKNOWN"})


def domain_code(code: ErrorCode, *, anonymous: bool) -> Code:
    """Return the Apollo code for one of our error codes."""
    if code.value == "FORBIDDEN":
        return Code.UNAUTHENTICATED if anonymous else Code.FORBIDDEN
    return Code.INTERNAL_SERVER_ERROR if code.value in _OUR_SIDE else Code.BAD_USER_INPUT


# A GraphQL error has no finer reason than the phase that found it.
_REASONS: Mapping[Code, str] = {
    Code.GRAPHQL_PARSE_FAILED: "SYNTAX_ERROR",
    Code.GRAPHQL_VALIDATION_FAILED: "INVALID_DOCUMENT",
    Code.BAD_USER_INPUT: "INVALID_INPUT",
}


def _client_mistake(error: GraphQLError, code: Code) -> Problem:
    cause = _cause(error)
    if isinstance(cause, DomainError):
        place = _PLACE.match(error.message)
        message = (place.group() if place else "") + cause.message
        return _located(error, message, Code.BAD_USER_INPUT, reason=cause.code.value)
    return _located(error, without_values(error.message), code, reason=_REASONS[code])


def _located(
    error: GraphQLError,
    message: str,
    code: Code,
    *,
    reason: str,
    retryable: bool = False,
) -> Problem:
    return Problem(
        message=message,
        code=code,
        reason=reason,
        retryable=retryable,
        path=None if error.path is None else tuple(error.path),
        locations=tuple((place.line, place.column) for place in error.locations or ()),
    )


# Phrases that precede a printed value in messages of graphql-core 3.3; all that follows is removed.
_VALUE = re.compile(
    r"(?P<keep>cannot represent [^:]{0,60}\bvalue): .*|, but encountered error '.*|[,;] found: .*", re.DOTALL
)
_LEXED_VALUE = re.compile(r"\b(String|BlockString|Int|Float) ['\"].*", re.DOTALL)
_VALUE_OF_ENUM, _NOT_IN_ENUM = "Value '", "' does not exist in '"
_ENUM = re.compile(r"(?P<enum>\w{1,127})' enum")
# Names of types, fields, arguments and variables may stay in quotes; any other quoted text is a client's value.
# 'Mutation.createPayment(idempotencyKey:)' is an argument, 'order { ... }' a field with a selection.
_QUOTED = re.compile(
    r"(?<!\w)(?:\"[^\"]*\"?"
    r"|'(?P<name>[$@]?[_A-Za-z][\w.!\[\]]{0,127}(?:\([_A-Za-z]\w{0,63}:\)| \{ \.\.\. \})?')"
    r"|'[^']*'?)",
    re.DOTALL,
)
_PLACE = re.compile(r"^(?:Variable '\$\w+'|Argument '\w+') has invalid value[^:]*: ")
MESSAGE_LENGTH = 300
LONGEST_READ = 2_000  # of a message: names stand at the beginning, values after them


def without_values(message: str) -> str:
    """Remove every value of the client from a message of graphql-core.

    Values may be idempotency keys, e-mail addresses or secrets; names of types, fields, arguments and variables stay.
    """
    message = _without_value_of_enum(message)[:LONGEST_READ]
    message = _VALUE.sub(lambda found: found["keep"] or "", message)
    message = _LEXED_VALUE.sub(r"\1", message)
    message = redact_text(_QUOTED.sub(lambda found: found.group() if found["name"] else "…", message))[
        :MESSAGE_LENGTH
    ].rstrip()
    return message if message.endswith(".") else message + "."


def _without_value_of_enum(message: str) -> str:
    """Keep the enum's name, which stands behind the value. A value may contain anything: the last match counts."""
    begins, ends = message.find(_VALUE_OF_ENUM), message.rfind(_NOT_IN_ENUM)
    if not 0 <= begins < ends or (found := _ENUM.match(message, ends + len(_NOT_IN_ENUM))) is None:
        return message
    return f"{message[:begins]}Value does not exist in '{found['enum']}' enum."
