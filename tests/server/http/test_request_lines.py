"""The log line of a request is equal whether it is written directly or through the standard library."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from server.http import logs as logs
from server.http.logs import configure_logging, log_request

LOG = structlog.stdlib.get_logger("server.http")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Collect the log, with no other handler, as in a process that serves."""
    root = logging.getLogger()
    before, stream = list(root.handlers), io.StringIO()
    root.handlers.clear()
    configure_logging(json=True, stream=stream)
    yield stream
    root.handlers[:] = before
    logs._plain_lines = None


def _alone() -> None:
    """Make our handler the only one: pytest adds its own ones before each test."""
    assert logs._plain_lines is not None
    logging.getLogger().handlers[:] = [logs._plain_lines]


def _line(path: str, **more: object) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        log_request(LOG, method="POST", path=path, status=200, ms=1.5, request_id="req_1")


def test_both_ways_write_the_same_fields(written: io.StringIO) -> None:
    _alone()

    _line("/graphql")
    logging.getLogger().addHandler(logging.NullHandler())
    _line("/elsewhere")

    short, long = (json.loads(line) for line in written.getvalue().splitlines())
    assert {name: type(value) for name, value in short.items()} == {name: type(value) for name, value in long.items()}
    assert {**short, "path": "", "timestamp": ""} == {**long, "path": "", "timestamp": ""}


def test_a_path_of_a_clients_goes_the_long_way_and_loses_its_secret(written: io.StringIO) -> None:
    _alone()

    _line("/graphql/sk_live_4eC39HqLyjWDarjtT1zdp7dc")

    assert "4eC39HqLyjWDarjtT1zdp7dc" not in written.getvalue()
    assert "/graphql/[removed]" in written.getvalue()


def test_nothing_is_written_below_the_level(written: io.StringIO) -> None:
    _alone()

    logging.getLogger().setLevel(logging.WARNING)

    _line("/graphql")

    assert written.getvalue() == ""


CARD, KEY = "4242 4242 4242 4242", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
SAID: dict[str, dict[str, object]] = {
    "plain": {"payment": "pay_1", "count": 3, "share": 0.5, "is_new": True, "nothing": None},
    "secrets": {"reason": KEY, "told": [CARD, {"email": "x"}], "token": "x", KEY: 1, "number": 4242424242424242},
    "nested": {"stack": [{"a": [1, {"b": (2, 3)}]}], "of": {1: "a"}},
    "odd": {"half": "\ud800", "large": 2**70, "text": "é\n\u2028", "bytes": b"x"},
    "labels": {"level": "x", "logger": "y", "timestamp": "z"},
}


def _both_ways(written: io.StringIO, say: Callable[[], None]) -> tuple[dict[str, object], dict[str, object]]:
    """Return the line as written directly, and as written through the standard library's records."""
    say()
    listening = logging.NullHandler()
    logging.getLogger().addHandler(listening)
    say()
    logging.getLogger().removeHandler(listening)
    at_once, by_records = (json.loads(line) for line in written.getvalue().splitlines())
    return at_once | {"timestamp": ""}, by_records | {"timestamp": ""}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_line_of_ours_is_the_same_both_ways(written: io.StringIO, said: dict[str, object]) -> None:
    _alone()

    def say() -> None:
        with structlog.contextvars.bound_contextvars(request_id="req_1", path=f"/x?{KEY}"):
            structlog.get_logger("services.thing").bind(note=CARD).warning(f"thing.done {KEY}", **said)

    at_once, by_records = _both_ways(written, say)

    assert at_once == by_records
    assert (at_once["level"], at_once["logger"], at_once["event"]) == (
        "warning",
        "services.thing",
        "thing.done [removed]",
    )
    assert KEY not in written.getvalue()
    assert CARD not in written.getvalue()
    assert "4242424242424242" not in written.getvalue()


def test_a_crash_is_the_same_both_ways(written: io.StringIO) -> None:
    _alone()

    def say() -> None:
        try:
            raise RuntimeError(KEY)
        except RuntimeError:
            structlog.get_logger().exception("thing.failed")

    at_once, by_records = _both_ways(written, say)

    assert at_once == by_records
    assert "RuntimeError" in str(at_once["failure"])
    assert KEY not in written.getvalue()


def test_a_line_reaches_whoever_listens(written: io.StringIO) -> None:
    _alone()

    heard = io.StringIO()
    listening = logging.StreamHandler(heard)
    logging.getLogger("services").addHandler(listening)

    structlog.get_logger("services.inbox").info("thing.done")
    structlog.get_logger("domain.thing").info("thing.done")
    logging.getLogger("services").removeHandler(listening)

    assert len(heard.getvalue().splitlines()) == 1
    assert len(written.getvalue().splitlines()) == 2


def test_a_log_that_cannot_be_written_stops_nobody(written: io.StringIO) -> None:
    _alone()

    written.close()

    structlog.get_logger().info("thing.done")
    _line("/graphql")


def test_a_level_holds_for_lines_that_are_written_at_once(written: io.StringIO) -> None:
    _alone()

    logging.getLogger("services.quiet").setLevel(logging.ERROR)

    structlog.get_logger("services.quiet").warning("thing.done")
    logging.getLogger("services.quiet").setLevel(logging.NOTSET)

    assert written.getvalue() == ""
